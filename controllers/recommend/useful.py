"""Which knobs of a change surely bring a share of its gain; the others stay, unless a bound needs them to move."""

from collections.abc import Callable

import numpy as np

from controllers.evaluation import Interval, paired
from controllers.recommend.attribution import EXACT, shapley

SURE = 1e-9  # % useful beam; less is a rounding error

Violated = Callable[[list[int]], str | None]
"""The bound, in words, that is violated if only these knobs move; None where those settings are allowed."""


def useful(
    moved: list[int], score: Callable[..., np.ndarray], violated: Violated
) -> tuple[list[int], dict[int, str]]:
    """The knobs to move, and why those must move whose share of the gain is not surely above 0.

    A knob is useful if the 90 % interval of its share of the gain (Shapley value among the knobs that are left) lies
    above 0. The least useful of the other knobs is dropped and the shares are computed again, until every knob is
    useful or needed. A knob is needed if the other knobs without it would violate a bound. No knob is left where none
    surely brings a gain. ``score`` gives the score [R] if only some knobs move.
    """
    kept, needed = list(moved), dict[int, str]()
    while kept:
        gains = _gains(kept, score)
        unsure = sorted((k for k in kept if gains[k].low <= SURE), key=lambda k: gains[k].mean)
        at_once = 1 if len(kept) <= EXACT else -(-len(unsure) // 2)  # shares of many knobs cost many runs
        needed, left = {}, list(kept)
        for knob in unsure:
            less = [k for k in left if k != knob]
            why = violated(less) if less else None
            if why is None:
                left = less
            else:
                needed[knob] = why
            if len(kept) - len(left) == at_once:
                break
        if left == kept:
            break
        kept = left
    return kept, needed if kept else {}


def _gains(knobs: list[int], score: Callable[..., np.ndarray]) -> dict[int, Interval]:
    none = score(frozenset())
    return {knob: paired(none + share, none) for knob, share in shapley(knobs, score).items()}

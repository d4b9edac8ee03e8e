"""Which knobs of a change surely bring a share of its gain; the others stay, unless a limit needs them to move."""

from collections.abc import Callable

import numpy as np

from controllers.evaluation import Interval, paired
from controllers.recommend.attribution import EXACT, shapley
from controllers.recommend.case import Case

SURE = 1e-9  # % useful beam: less is what rounding adds

Broken = Callable[[list[int]], str | None]
"""What the settings with just these knobs moved would break, in words; None where they are allowed."""


def useful(
    moved: list[int], worth: Callable[..., np.ndarray], broken: Broken
) -> tuple[list[int], dict[int, str]]:
    """The knobs to move, and of each that brings nothing for sure what it is needed for.

    A knob is useful if the 90 % interval of its share of the gain (Shapley value, of the knobs that are left) lies
    above 0. The least useful of the others is dropped and the shares are found anew, until all are useful or needed:
    without a needed knob the rest would not be allowed. No knob is left where nothing surely brings a gain.
    ``worth`` gives the score [R] with just some knobs moved.
    """
    kept, needed = list(moved), dict[int, str]()
    while kept:
        gains = _gains(kept, worth)
        unsure = sorted((k for k in kept if gains[k].low <= SURE), key=lambda k: gains[k].mean)
        at_once = 1 if len(kept) <= EXACT else -(-len(unsure) // 2)  # of many knobs, shares cost many runs
        needed, left = {}, list(kept)
        for knob in unsure:
            less = [k for k in left if k != knob]
            why = broken(less) if less else None
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


def _gains(knobs: list[int], worth: Callable[..., np.ndarray]) -> dict[int, Interval]:
    none = worth(frozenset())
    return {knob: paired(none + share, none) for knob, share in shapley(knobs, worth).items()}


def broken(this: Case, settings: np.ndarray) -> str | None:
    """The first thing that keeps settings [K] out of the envelope, in words; None if nothing does."""
    envelope, fence = this.envelope, this.space.fence
    if envelope.allowed(settings[None])[0]:
        return None
    if fence is not None and not this.space.inside(settings):
        beyond = fence.beyond(settings)
        return f"the interlock {fence.names[int(np.argmax(beyond))]}"
    look = envelope.look(settings[None])
    for i, quantity in enumerate(this.facility.quantity):
        low, high = (np.nan if bound is None else bound for bound in (quantity.low, quantity.high))
        if look.low[0, i] < low or look.high[0, i] > high:
            return f"the bound of {quantity.title}"
    return "the reach of the logs" if look.distance[0] > envelope.limit else "the way there"

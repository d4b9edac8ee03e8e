"""Which knob brings what: Shapley values of a change of settings, on the judge's own paired runs."""

from collections.abc import Callable, Iterator
from itertools import combinations
from math import factorial

import numpy as np

EXACT = 5  # knobs: with more, orders are sampled
ORDERS = 8  # sampled orders, each also backwards

Worth = Callable[[frozenset[int]], np.ndarray]
"""The score [R] of every run when just these knobs have moved."""


def shapley(knobs: list[int], worth: Worth, seed: int = 0) -> dict[int, np.ndarray]:
    """The share [R] of the change in every run that each of ``knobs`` brings.

    A knob's value is what it adds, averaged over all orders in which the knobs may be moved (L. Shapley, A value for
    n-person games, 1953): all shares of a run add up to its change, and a knob without effect gets nothing. Of more
    than EXACT knobs 2 * ORDERS orders are drawn; the shares still add up.
    """
    known: dict[frozenset[int], np.ndarray] = {}

    def score(moved: frozenset[int]) -> np.ndarray:
        if moved not in known:
            known[moved] = worth(moved)
        return known[moved]

    weights = _all(knobs) if len(knobs) <= EXACT else _drawn(knobs, seed)
    shares = {k: np.zeros_like(score(frozenset())) for k in knobs}
    for knob, before, weight in weights:
        shares[knob] = shares[knob] + weight * (score(before | {knob}) - score(before))
    return shares


def _all(knobs: list[int]) -> Iterator[tuple[int, frozenset[int], float]]:
    n = len(knobs)
    for knob in knobs:
        others = [k for k in knobs if k != knob]
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for before in combinations(others, size):
                yield knob, frozenset(before), weight


def _drawn(knobs: list[int], seed: int) -> Iterator[tuple[int, frozenset[int], float]]:
    rng = np.random.default_rng(seed)
    for _ in range(ORDERS):
        order = rng.permutation(knobs).tolist()
        for way in (order, order[::-1]):
            for i, knob in enumerate(way):
                yield knob, frozenset(way[:i]), 0.5 / ORDERS

"""Attribution of a gain to knobs: Shapley values of a change of settings, in paired runs."""

from collections.abc import Callable, Iterator
from itertools import combinations
from math import factorial

import numpy as np

EXACT = 5  # knobs at most for exact values; with more knobs, orders are sampled
ORDERS = 8  # sampled orders, each used forwards and backwards

Score = Callable[[frozenset[int]], np.ndarray]
"""The score [R] of every run if only these knobs move."""


def shapley(knobs: list[int], score: Score, seed: int = 0) -> dict[int, np.ndarray]:
    """The share [R] of the change in every run that each of ``knobs`` contributes.

    A knob's share is the change of score when it moves, averaged over all orders in which the knobs may move
    (L. Shapley, A value for n-person games, 1953): the shares of a run add up to its change, and a knob without effect
    has the share 0. For more than EXACT knobs 2 * ORDERS orders are sampled; the shares still add up.
    """
    known: dict[frozenset[int], np.ndarray] = {}

    def once(moved: frozenset[int]) -> np.ndarray:
        if moved not in known:
            known[moved] = score(moved)
        return known[moved]

    weights = _all_orders(knobs) if len(knobs) <= EXACT else _sampled_orders(knobs, seed)
    shares = {k: np.zeros_like(once(frozenset())) for k in knobs}
    for knob, before, weight in weights:
        shares[knob] = shares[knob] + weight * (once(before | {knob}) - once(before))
    return shares


def _all_orders(knobs: list[int]) -> Iterator[tuple[int, frozenset[int], float]]:
    """(Knob, knobs that move before it, weight of the two) for all orders."""
    n = len(knobs)
    for knob in knobs:
        others = [k for k in knobs if k != knob]
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for before in combinations(others, size):
                yield knob, frozenset(before), weight


def _sampled_orders(knobs: list[int], seed: int) -> Iterator[tuple[int, frozenset[int], float]]:
    """(Knob, knobs that move before it, weight of the two) for sampled orders."""
    rng = np.random.default_rng(seed)
    for _ in range(ORDERS):
        order = rng.permutation(knobs).tolist()
        for way in (order, order[::-1]):
            for i, knob in enumerate(way):
                yield knob, frozenset(way[:i]), 0.5 / ORDERS

"""Pareto fronts of several objectives (higher is better): non-dominated rows, hypervolume and knee."""

from typing import Any

import numpy as np


def front(objectives: np.ndarray) -> Any:
    """Which rows of [N, M] no other row dominates -> bool [N]; of equal rows only the first, never one with nan."""
    no_worse = (objectives[None] >= objectives[:, None]).all(-1)  # [i, j]: j is no worse than i
    better = (objectives[None] > objectives[:, None]).any(-1)
    earlier = np.tri(len(objectives), k=-1, dtype=bool)
    return np.isfinite(objectives).all(1) & ~(no_worse & (better | earlier)).any(1)


def hypervolume(objectives: np.ndarray, corner) -> float:
    """Volume above ``corner`` [M] that the rows of [N, M] dominate.

    The last objective is swept downwards: between two rows the slice is a hypervolume of M - 1 objectives.
    Exact, O(N^(M-1)) slices.
    """
    corner = np.asarray(corner, float)
    kept = objectives[(objectives > corner).all(1)]
    if not len(kept):
        return 0.0
    if kept.shape[1] == 1:
        return float(kept.max() - corner[0])
    kept = kept[np.argsort(-kept[:, -1], kind="stable")]
    depth = kept[:, -1] - np.append(kept[1:, -1], corner[-1])
    slices = [hypervolume(kept[: i + 1, :-1], corner[:-1]) for i in np.flatnonzero(depth > 0)]
    return float(np.dot(depth[depth > 0], slices))


def corner_of(objectives: np.ndarray, feasible: np.ndarray) -> np.ndarray:
    """A reference point [M] below the worst of each objective along the feasible front (all rows if none is feasible).

    It lies lower by the range divided by the number of steps of the front. So it is far below while the front has few
    rows, which favours its ends.
    H. Ishibuchi et al., "How to specify a reference point in hypervolume calculation", Evol. Comput. 26, 2018.
    """
    usable = np.isfinite(objectives).all(1)
    kept = objectives[usable & feasible] if (usable & feasible).any() else objectives[usable]
    if not len(kept):
        return np.zeros(objectives.shape[1])
    best = kept[front(kept)]
    span = np.ptp(best, axis=0)
    return best.min(0) - np.where(span > 0, span, np.ptp(kept, axis=0)) / max(len(best) - 1, 1)


def knee(objectives: np.ndarray, weights=None) -> int:
    """The row of a front [N, M] with the highest weighted sum of objectives, each scaled to its range along the front.

    Equal weights give the knee: for two objectives the row farthest from the line between the ends.
    """
    span = np.ptp(objectives, axis=0)
    share = (objectives - objectives.min(0)) / np.where(span > 0, span, 1.0)
    return int(np.argmax(share @ (np.ones(len(span)) if weights is None else np.asarray(weights, float))))

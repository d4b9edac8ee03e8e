"""Fronts of several objectives, all higher is better: what is not dominated, its hypervolume, its knee."""

from typing import Any

import numpy as np


def front(objectives: np.ndarray) -> Any:
    """Which rows of [N, M] no other row dominates -> bool [N]; of equal rows the first; none with a nan."""
    no_worse = (objectives[None] >= objectives[:, None]).all(-1)  # [i, j]: j is no worse than i
    better = (objectives[None] > objectives[:, None]).any(-1)
    earlier = np.tri(len(objectives), k=-1, dtype=bool)
    return np.isfinite(objectives).all(1) & ~(no_worse & (better | earlier)).any(1)


def hypervolume(objectives: np.ndarray, corner) -> float:
    """Volume between ``corner`` [M] and all that rows of [N, M] dominate.

    The best value of the last objective is swept downwards: between two rows the slice is a hypervolume
    of one objective less. Exact, O(N^(M-1)) slices.
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
    """A corner [M] below the worst of each objective along the feasible front (of all rows if none is).

    It lies lower by the range shared among the steps of the front: far while few rows are on it, to seek its ends.
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
    """The row of a front [N, M] with the highest weighted sum of shares of each objective's range along it.

    Equal weights give the knee: the row farthest from the line between the ends of a front of two.
    """
    span = np.ptp(objectives, axis=0)
    share = (objectives - objectives.min(0)) / np.where(span > 0, span, 1.0)
    return int(np.argmax(share @ (np.ones(len(span)) if weights is None else np.asarray(weights, float))))

"""Boosted and extra trees, grown by scikit-learn and evaluated in JAX inside the compiled twin."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

from surrogate.models.protocol import Fit, Task, centred, rows
from twin.lazy import LazyModule

sklearn = LazyModule("sklearn.ensemble")  # only training needs it

EXTRA_TREES, EXTRA_LEAF, EXTRA_ROWS = 50, 2, 2000
MEMBER_TREES, MEMBER_LEAF = 5, 3
SHORT_BOOST = {"max_iter": 30, "learning_rate": 0.3}
"""Settings for a member: few trees, because the compiled twin holds every node once per posterior draw."""


class Forest(eqx.Module):
    """Q quantities x M members x T trees in flat tables of nodes; siblings are neighbours, a leaf is its own child.

    The next node after i is child[i] + (z[feature[i]] > threshold[i]); at a leaf the threshold is infinite.
    """

    feature: Any  # [nodes]
    threshold: Any  # [nodes]
    child: Any  # [nodes]
    value: Any  # [nodes]
    root: Any  # [Q, 1 + M, T] roots of the best estimate (equal row weights), then of the members
    base: Any  # [Q, 1 + M] added to the sum over trees
    levels: Any  # [D] only its length is used: the number of steps that reach every leaf

    def __call__(self, z) -> Any:
        """Outputs [M, Q] for inputs [J]: sums over trees, the members centred on the best estimate."""
        z = z.astype(self.threshold.dtype)

        def deeper(node, _):
            left = self.child[node]
            return jnp.where(z[self.feature[node]] > self.threshold[node], left + 1, left), None

        node, _ = jax.lax.scan(deeper, self.root, self.levels)
        out = (self.base + self.value[node].astype(self.base.dtype).sum(-1)).T
        return centred(out[1:], out[0])


class _Trees:
    """Common part of the tree models: a forest for each quantity and member, with the member's row weights."""

    kinds: ClassVar[tuple[type[eqx.Module], ...]] = (Forest,)
    apart: ClassVar[bool] = True

    def refuses(self, task: Task) -> str:
        return ""

    def fit(self, task: Task, effort: int | None = None) -> Fit:
        own = rows(task, effort)
        z = task.z[own].astype(np.float32)
        grown, bases = [], []
        with threadpool_limits(1):  # more threads than free cores made the trees 20 times slower
            for t in task.t[own].T:
                known = np.isfinite(t)
                noise = [np.ones(len(known)), *task.weight[:, own]]
                each = [
                    self.grow(z[known], t[known], w[known], task.seed + m, m > 0)
                    if known.any()
                    else ([], 0.0)
                    for m, w in enumerate(noise)
                ]
                grown.append([trees for trees, _ in each])
                bases.append([base for _, base in each])
        return Fit(_forest(grown, np.array(bases)))

    def grow(self, z, t, weight, seed: int, short: bool) -> tuple[list[tuple], float]:
        """Trees (feature, threshold, left, right, value; left < 0 at leaves), and the constant added to their sum.

        The best estimate is the full model of scikit-learn. A member only shows the effect of another sample of
        rows, so a ``short`` version is enough.
        """
        raise NotImplementedError


class BoostedTrees(_Trees):
    """Histogram gradient boosting, fitted once for each member."""

    name: ClassVar[str] = "boosted trees"

    def grow(self, z, t, weight, seed, short):
        pace = SHORT_BOOST if short else {}
        found = sklearn.HistGradientBoostingRegressor(random_state=seed, **pace).fit(
            z, t, sample_weight=weight
        )
        return [_boosted(p[0].nodes) for p in found._predictors], float(
            np.ravel(found._baseline_prediction)[0]
        )


class ExtraTrees(_Trees):
    """Extremely randomised trees, for at most EXTRA_ROWS rows so that the forest stays small."""

    name: ClassVar[str] = "extra trees"

    def refuses(self, task: Task) -> str:
        if max(task.room, len(task.z)) <= EXTRA_ROWS:
            return ""
        return f"more than {EXTRA_ROWS} rows would grow too many nodes"

    def grow(self, z, t, weight, seed, short):
        number, leaf = (MEMBER_TREES, MEMBER_LEAF) if short else (EXTRA_TREES, EXTRA_LEAF)
        found = sklearn.ExtraTreesRegressor(number, min_samples_leaf=leaf, random_state=seed)
        found.fit(z, t, sample_weight=weight)
        trees = [e.tree_ for e in found.estimators_]
        return [
            (e.feature, e.threshold, e.children_left, e.children_right, e.value[:, 0, 0] / len(trees))
            for e in trees
        ], 0.0


def _boosted(nodes) -> tuple:
    left = np.where(nodes["is_leaf"], -1, nodes["left"].astype(np.int64))
    return nodes["feature_idx"], nodes["num_threshold"], left, nodes["right"].astype(np.int64), nodes["value"]


def _forest(grown: list, base: np.ndarray) -> Forest:
    """The tables of all trees; sizes are powers of two, so that few programs are compiled."""
    flat = [_laid_out(*tree) for members in grown for trees in members for tree in trees]
    most = _power(max((len(trees) for members in grown for trees in members), default=1) or 1)
    # The first node of the tables is a leaf of value 0: the root of missing trees.
    begin = 1 + np.cumsum([0, *(len(tree[0]) for tree, _ in flat)])
    size = _power(int(begin[-1]))
    tables = [np.zeros(size, np.uint32), np.full(size, np.inf, np.float32), np.zeros(size, np.uint32),
              np.zeros(size, np.float32)]  # fmt: skip
    for (tree, _), first in zip(flat, begin, strict=False):
        feature, threshold, child, value = tree
        for table, column in zip(tables, (feature, threshold, child + first, value), strict=True):
            table[first : first + len(column)] = column
    root, place = np.zeros((*base.shape, most), np.uint32), iter(begin)
    for q, members in enumerate(grown):
        for m, trees in enumerate(members):
            root[q, m, : len(trees)] = [next(place) for _ in trees]
    depth = 4 * -(-max((deep for _, deep in flat), default=1) // 4)
    return Forest(*map(jnp.asarray, (*tables, root, base, np.zeros(depth))))


def _power(count: int) -> int:
    return 2 ** int(np.ceil(np.log2(count)))


def _laid_out(feature, threshold, left, right, value) -> tuple[tuple, int]:
    """A tree renumbered level by level, so that siblings are neighbours; and the number of steps to its leaves."""
    order, level, depth = [0], [0], 0
    while level:
        level = [child for i in level if left[i] >= 0 for child in (left[i], right[i])]
        order += level
        depth += bool(level)
    order = np.array(order)
    place = np.empty(len(feature), np.int64)
    place[order] = np.arange(len(order))
    leaf = np.asarray(left)[order] < 0
    child = np.where(leaf, np.arange(len(order)), place[np.where(leaf, 0, np.asarray(left)[order])])
    limit = np.where(leaf, np.inf, _below(np.asarray(threshold)[order]))
    return (np.where(leaf, 0, feature[order]), limit, child, np.where(leaf, value[order], 0.0)), depth


def _below(threshold) -> np.ndarray:
    """The largest float32 that is not above a threshold; for float32 inputs the split is the same."""
    near = np.asarray(threshold, np.float64).astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)

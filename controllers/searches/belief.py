"""Gaussian processes of the warped score and of each limit, given the evaluations; fits follow a schedule."""

from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from controllers.searches import gp
from controllers.searches.front import corner_of
from controllers.searches.search import State

DEEP = 10.0  # scores this many scales below the median are compressed strongly
PACE = 20.0  # evaluations that count as one edge of the cube where time is an input
FEW = 64  # rows up to which hyper-parameters are fitted from the start at every point
CACHED = 256  # fits; a fit that is not cached costs time only, as it depends on the evaluations alone


class Belief(NamedTuple):
    """P processes of the same points: the score, or each objective, then each limit; leading axis P of every leaf."""

    hyper: gp.Hyper
    data: gp.Data


class Warp(NamedTuple):
    """Scores to numbers of order one: d = (score - middle) / scale, and -DEEP log(1 - d / DEEP) for d < 0.

    Scores above the median keep their proportions; one far below does not hide the differences that matter.
    """

    middle: float
    scale: float

    @classmethod
    def of(cls, state: State) -> "Warp":
        """``middle`` is the median of the scores, ``scale`` the distance from there to the highest."""
        scores = state.scores[np.isfinite(state.scores)]
        return cls.above(np.median(scores), scores) if len(scores) else cls(0.0, 1.0)

    @classmethod
    def above(cls, middle: float, values: np.ndarray) -> "Warp":
        """``scale`` is the distance from the ``middle`` to the highest of ``values`` [N], or else their spread."""
        high, low = np.nanmax(values), np.nanmin(values)
        return cls(middle, (high - middle if high > middle else high - low) or 1.0)

    def warped(self, scores):
        """Scores to numbers of order one."""
        d = (scores - self.middle) / self.scale
        return np.maximum(d, 0.0) - DEEP * np.log1p(-np.minimum(d, 0.0) / DEEP)

    def slope(self, scores):
        """The derivative of ``warped``, by which small errors grow or shrink."""
        d = (scores - self.middle) / self.scale
        return 1.0 / (self.scale * (1.0 - np.minimum(d, 0.0) / DEEP))

    def unwarped(self, values):
        """Warped numbers to scores: the inverse of ``warped``."""
        d = np.maximum(values, 0.0) - DEEP * np.expm1(-np.minimum(values, 0.0) / DEEP)
        return self.middle + self.scale * d


Corner = tuple[float, ...] | None
"""Reference point of the hypervolume; None to optimise the score, empty to derive it from the objectives so far."""


def learn(state: State, size: int, clock: bool = False, corner: Corner = None) -> Belief:
    """All processes given the evaluations, padded to ``size`` rows; with ``clock`` time is an input.

    With a ``corner`` the objectives replace the score, each zero at the corner.
    """
    x, ys, variances = _targets(state, state.told, clock, corner)
    hypers = _fitted(_Rows(state, _refitted_at(state.told), clock, corner))
    if len(hypers) != len(ys):  # a limit that first appeared after the last fit
        hypers = _fitted(_Rows(state, state.told, clock, corner))
    data = [gp.pad(x, y, variance, size, np.isfinite(y)) for y, variance in zip(ys, variances, strict=True)]
    return Belief(_stack(hypers), _stack(data))


def now(state: State) -> float:
    """The time of the next evaluation in units of PACE evaluations."""
    hour, gap = _clock(state.time_h)
    return (hour[-1] + gap) / (PACE * gap)


@jax.jit
def condition(belief: Belief) -> gp.Posterior:
    """The processes given their data, leading axis P."""
    return jax.vmap(gp.condition)(*belief)


def entered(belief: Belief, row: int, x: np.ndarray, ys: np.ndarray) -> Belief:
    """The processes with a suggestion added as an evaluation without noise, its values ``ys`` [P] as predicted."""
    points, values, noise, mask = (np.array(field) for field in belief.data)
    points[:, row], values[:, row], noise[:, row], mask[:, row] = x, ys, 0.0, True
    return Belief(belief.hyper, gp.Data(points, values, noise, mask))


class _Rows:
    """The first rows of a state, compared by content: the key of the cache of fits."""

    def __init__(self, state: State, rows: int, clock: bool, corner: Corner):
        self.state, self.rows, self.clock, self.corner = state, rows, clock, corner
        self.targets = _targets(state, rows, clock, corner)
        self.digest = blake2b(b"".join(part.tobytes() for part in self.targets)).digest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rows) and self.digest == other.digest


def _refitted_at(rows: int) -> int:
    """The last number of rows at which hyper-parameters are fitted: each of the first FEW rows, then more rarely."""
    return rows if rows <= FEW else rows - rows % (_power(rows) // 8)


def _power(rows: int) -> int:
    return 2 ** int(np.log2(rows))


@lru_cache(maxsize=CACHED)
def _fitted(rows: _Rows) -> list[gp.Hyper]:
    """Hyper-parameters of each process.

    They are fitted from the start up to FEW rows and at a power of two, else continued from the fit of fewer rows.
    The result depends on the evaluations alone, not on what is in the cache.
    """
    x, ys, variances = rows.targets
    size = gp.room(rows.rows)
    data = [gp.pad(x, y, variance, size, np.isfinite(y)) for y, variance in zip(ys, variances, strict=True)]
    whole = rows.rows <= FEW or rows.rows == _power(rows.rows)
    before = [] if whole else _fitted(_before(rows))
    if len(before) == len(data):
        return [gp.refit(hyper, one) for hyper, one in zip(before, data, strict=True)]
    return [gp.fit(one) for one in data]


def _before(rows: _Rows) -> _Rows:
    """The rows of the previous fit."""
    return _Rows(rows.state, _refitted_at(rows.rows - 1), rows.clock, rows.corner)


def _targets(
    state: State, rows: int, clock: bool, corner: Corner
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the first rows: points [N, K], values [P, N] of order one (nan = none) and noise variances [P, N].

    A limit's margin m becomes asinh(m / M), M the largest margin so far: zero stays zero, and large violations
    are compressed. (The typical margin is no scale: it vanishes as a search approaches the limit.) Where
    no margin explains a verdict of not feasible, the verdicts, +1 or -1, are one more limit.
    """
    first = _first(state, rows)
    ys, variances = _score_target(first) if corner is None else _objective_targets(first, corner)
    for margin in first.margins.T:
        known = margin[np.isfinite(margin)]
        inside = known[known > 0] if (known > 0).any() else np.abs(known)
        scale = inside.max(initial=0.0) or 1.0
        ys.append(np.arcsinh(margin / scale))
        variances.append(np.where(np.isfinite(margin), 1e-6, np.nan))
    if (~first.feasible & ~(first.margins < 0).any(1)).any():
        ys.append(np.where(first.feasible, 1.0, -1.0))
        variances.append(np.full(rows, np.nan))
    x = state.space.to_unit(first.settings)
    if clock:
        hour, gap = _clock(first.time_h)
        x = np.column_stack([x, hour / (PACE * gap)])
    return x, np.array(ys), np.array(variances)


def _score_target(first: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The warped score and the variance of its noise."""
    warp = Warp.of(first)
    with np.errstate(invalid="ignore"):
        score = np.where(np.isfinite(first.scores), warp.warped(first.scores), np.nan)
        return [score], [(first.noise * warp.slope(first.scores)) ** 2]


def _objective_targets(first: Any, corner: tuple[float, ...]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Each objective minus the corner, in units of its best; above the corner nothing is compressed, to keep areas."""
    middle = np.array(corner) if corner else corner_of(first.objectives, first.feasible)
    goals = np.where(np.isfinite(first.objectives), first.objectives, np.nan)
    with np.errstate(invalid="ignore"):
        ys = [Warp.above(m, g).warped(g) for m, g in zip(middle, goals.T, strict=True)]
    return ys, [np.full(len(goals), np.nan)] * len(ys)


def _first(state: State, rows: int) -> Any:
    """The evaluations in the first rows of a state."""
    names = ("settings", "scores", "noise", "feasible", "margins", "time_h", "objectives")
    return _Evaluations(*(getattr(state, name)[:rows] for name in names))


class _Evaluations(NamedTuple):
    settings: np.ndarray
    scores: np.ndarray
    noise: np.ndarray
    feasible: np.ndarray
    margins: np.ndarray
    time_h: np.ndarray
    objectives: np.ndarray


def _clock(time_h: np.ndarray) -> tuple[np.ndarray, float]:
    """Hours since the first row, and the usual time between two."""
    gap = float(np.median(np.diff(time_h))) if len(time_h) > 1 else 1.0
    return time_h - time_h[0], gap if gap > 0 else 1.0


def _stack(parts: list) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *parts)

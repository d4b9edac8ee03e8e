"""Follow an optimum that drifts: a bowl whose bottom moves smoothly, fitted to the last looks."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from controllers.searches.search import SEARCHES, Search, State, best, design, permitted

WINDOW = 24  # the last looks that are fitted
NEAR, REACH = 0.1, 0.2  # cube edges: the first steps, and the longest later one
AWAY, SPEED = (
    0.3,
    0.03,
)  # prior deviations: bottom from the present settings, and its move a look, in cube edges
WANDER = 0.008  # and the change of that move from look to look, in cube edges
ERROR = 0.01  # of a score, as a share of the range of scores, beside what is told
FORM = 0.1  # error of a bowl as a share of how far a score lies below the best: far out it is no bowl
CURVE, TOP = np.log(6.0), 0.1  # prior means: log curvature along each knob, top above the best score
ITERATIONS, SETTLED = 40, 1e-4  # of the fit, and the gain at which it ends
SHARES = (1.0, 0.5, 0.25, 0.1, 0.0)  # of a step: a shorter one may be allowed where the whole is not


class Bowl(NamedTuple):
    """A fit: where the bottom will be at the next look [K], its covariance [K, K], the curvature [K]."""

    evidence: float
    bottom: np.ndarray
    spread: np.ndarray
    curvature: np.ndarray


@dataclass(frozen=True)
class DriftTracking(Search):
    """K small steps from the present settings; then to where the bottom will be, give or take.

    ``score = top - sum_k a_k (x_k - c_k(t))^2``, c(t) an integrated Wiener process about a constant speed:
    no period is told. The top stays, so a score tells the distance from the bottom, and looks that lie a
    little off it tell where it is: part of a draw from what is believed of the bottom gives those. It
    follows one optimum and knows no limits but those of the space and ``allowed``.
    """

    boldness: float = 0.5  # of the draw

    def ask(self, state: State, n: int) -> np.ndarray:
        return np.array([self._one(state, i) for i in range(n)])

    def best(self, state: State) -> tuple[np.ndarray, float]:
        """The feasible told settings that lie nearest to the bottom, as the curvature counts, and their score."""
        bowl = fitted(state)
        if bowl is None or not state.feasible.any():
            return best(state)
        off = state.space.to_unit(state.settings) - bowl.bottom
        winner = np.argmin(np.where(state.feasible, (bowl.curvature * off**2).sum(-1), np.inf))
        return state.settings[winner], float(state.scores[winner])

    def _one(self, state: State, i: int) -> np.ndarray:
        space, row = state.space, state.told + i
        if row == 0:
            return space.present
        bowl = fitted(state)
        inputs = np.random.default_rng([state.seed, row]).normal(size=len(space.names))
        if bowl is None:
            here = space.to_unit(best(state)[0])
            wanted = space.to_unit(space.present) + NEAR * _direction(state, row)
        else:
            here = space.to_unit(state.settings[-1])
            wanted = bowl.bottom + self.boldness * _root(bowl.spread) @ inputs
        move = wanted - here
        move *= min(1.0, REACH / max(np.linalg.norm(move), 1e-12))
        steps = space.clip(space.from_unit(here + np.outer(SHARES, move)))
        fit = np.flatnonzero(permitted(state, steps))
        return steps[fit[0]] if len(fit) else design(state, i + 1)[i]


SEARCHES["track"] = DriftTracking()


def fitted(state: State) -> Bowl | None:
    """The most probable bowl at the next look; None while there are no more scores than knobs."""
    rows = np.flatnonzero(np.isfinite(state.scores))[-WINDOW:]
    knobs = len(state.space.names)
    if len(rows) <= knobs:
        return None
    x = state.space.to_unit(state.settings[rows]) - state.space.to_unit(state.space.present)
    score, scale = state.scores[rows], np.ptp(state.scores[rows]) or 1.0
    below, known = (score - score.max()) / scale, np.nan_to_num(state.noise[rows]) / scale
    gap = float(np.median(np.diff(state.time_h[rows]))) or 1.0
    time = (
        np.append(state.time_h[rows] - state.time_h[rows[0]], state.time_h[-1] - state.time_h[rows[0]] + gap)
        / gap
    )
    basis, error = _basis(time), np.hypot(ERROR, known) - FORM * below
    found = [_fit(x, below, error, basis, start) for start in _starts(x, below, basis)]
    bowl = max(found, key=lambda one: one.evidence)
    return bowl._replace(bottom=bowl.bottom + state.space.to_unit(state.space.present))


def _basis(time: np.ndarray) -> np.ndarray:
    """Paths at each time [T], one a column [T, T + 2], that make a bottom's with standard normal weights."""
    early, late = np.minimum.outer(time, time), np.maximum.outer(time, time)
    process = WANDER**2 * (early**3 / 3.0 + (late - early) * early**2 / 2.0)
    return np.column_stack([np.full(len(time), AWAY), SPEED * time, _root(process)])


def _starts(x, below, basis) -> list[np.ndarray]:
    """Weights of two paths: resting at the best look, and following the looks, the better the closer."""
    known = basis[:-1].T * (0.05 - 2.0 * FORM * below) ** -2
    follow = np.linalg.solve(known @ basis[:-1] + np.eye(basis.shape[1]), known @ x)
    rest = np.zeros_like(follow)
    rest[0] = x[np.argmax(below)] / AWAY
    return [np.concatenate([path.ravel(), np.zeros(x.shape[1] + 1)]) for path in (rest, follow)]


def _fit(x, below, error, basis, hidden) -> Bowl:
    """Levenberg-Marquardt from ``hidden``: weights of the path [T + 2, K], log curvature [K] and top, all
    standard normal before. Its matrices are of the size of the looks, by the identity of Woodbury."""
    damping, (off, slope) = 0.1, _off(x, below, error, basis, hidden)
    cost = off @ off + hidden @ hidden
    for _ in range(ITERATIONS):
        down, ridge = slope.T @ off + hidden, 1.0 + damping
        dual = ridge * np.eye(len(off)) + slope @ slope.T
        moved = hidden - (down - slope.T @ np.linalg.solve(dual, slope @ down)) / ridge
        new, steep = _off(x, below, error, basis, moved)
        gain = cost - new @ new - moved @ moved
        damping *= 0.2 if gain > 0.0 else 5.0
        if gain > 0.0:
            hidden, off, slope, cost = moved, new, steep, cost - gain
        if 0.0 < gain < SETTLED:
            break
    return _bowl(x, error, basis, hidden, slope, cost)


def _off(x, below, error, basis, hidden) -> tuple[np.ndarray, np.ndarray]:
    """Residuals [N] in standard errors, and their derivatives [N, H]."""
    knobs = x.shape[1]
    aside = x - basis[:-1] @ hidden[: -knobs - 1].reshape(-1, knobs)
    curvature = np.exp(CURVE + hidden[-knobs - 1 : -1])
    off = TOP + AWAY * hidden[-1] - aside**2 @ curvature - below
    path = (basis[:-1, :, None] * (2.0 * curvature * aside)[:, None]).reshape(len(x), -1)
    slope = np.column_stack([path, -curvature * aside**2, np.full(len(x), AWAY)])
    return off / error, slope / error[:, None]


def _bowl(x, error, basis, hidden, slope, cost) -> Bowl:
    """What a fit says, its evidence and spread by Laplace's approximation."""
    knobs = x.shape[1]
    dual = np.eye(len(x)) + slope @ slope.T
    evidence = -0.5 * (cost + np.linalg.slogdet(dual)[1]) - np.log(error).sum()
    ahead = np.kron(basis[-1], np.eye(knobs))
    seen = slope[:, : ahead.shape[1]] @ ahead.T
    spread = ahead @ ahead.T - seen.T @ np.linalg.solve(dual, seen)
    bottom = basis[-1] @ hidden[: -knobs - 1].reshape(-1, knobs)
    return Bowl(float(evidence), bottom, spread, np.exp(CURVE + hidden[-knobs - 1 : -1]))


def _direction(state: State, row: int) -> np.ndarray:
    """One of K directions at right angles [K], drawn from the seed."""
    knobs = len(state.space.names)
    square = np.linalg.qr(np.random.default_rng([state.seed, 7]).normal(size=(knobs, knobs)))[0]
    return square[(row - 1) % knobs] * (1.0 if row <= knobs else -1.0)


def _root(covariance: np.ndarray) -> Any:
    """A square root of a covariance that may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))

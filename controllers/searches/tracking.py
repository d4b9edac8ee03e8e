"""Track an optimum that drifts: a quadratic whose optimum moves smoothly, fitted to the last evaluations."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from controllers.searches.search import SEARCHES, Search, State, best, design, permitted

WINDOW = 24  # the last evaluations, which are fitted
NEAR, REACH = 0.1, 0.2  # cube edges: the first steps, and the longest later one
AWAY, SPEED = (
    0.3,
    0.03,
)  # prior deviations: optimum from the present settings, and its move per evaluation [cube edges]
WANDER = 0.008  # and of the change of that move from one evaluation to the next [cube edges]
ERROR = 0.01  # of a score, as a share of the range of scores, beside its given standard error
FORM = 0.1  # error of the quadratic, as a share of the distance of a score below the best: far out it is not valid
CURVE, TOP = np.log(6.0), 0.1  # prior means: log curvature along each knob, top above the best score
ITERATIONS, SETTLED = 40, 1e-4  # of the fit, and the gain at which it stops
SHARES = (1.0, 0.5, 0.25, 0.1, 0.0)  # of a step: a shorter one may be allowed where the whole is not


class Quadratic(NamedTuple):
    """A fitted quadratic: its optimum at the next evaluation [K], the covariance of that [K, K], the curvature [K]."""

    evidence: float
    optimum: np.ndarray
    spread: np.ndarray
    curvature: np.ndarray


@dataclass(frozen=True)
class DriftTracking(Search):
    """K small steps from the present settings; then the predicted optimum plus a share of its random error.

    ``score = top - sum_k a_k (x_k - c_k(t))^2``, with c(t) an integrated Wiener process about a constant speed; no
    period is assumed. ``top`` is constant, so a score gives the distance from the optimum c, and evaluations a little
    off the optimum locate it: a share of a random deviation from the posterior of c gives those. The search
    follows one optimum, and keeps no limits but those of the space and ``allowed``.
    """

    boldness: float = 0.5  # the share of the random deviation

    def ask(self, state: State, n: int) -> np.ndarray:
        return np.array([self._one(state, i) for i in range(n)])

    def best(self, state: State) -> tuple[np.ndarray, float]:
        """The feasible evaluated settings nearest to the optimum, weighted by the curvature, and their score."""
        fit = fitted(state)
        if fit is None or not state.feasible.any():
            return best(state)
        off = state.space.to_unit(state.settings) - fit.optimum
        winner = np.argmin(np.where(state.feasible, (fit.curvature * off**2).sum(-1), np.inf))
        return state.settings[winner], float(state.scores[winner])

    def _one(self, state: State, i: int) -> np.ndarray:
        space, row = state.space, state.told + i
        if row == 0:
            return space.present
        fit = fitted(state)
        inputs = np.random.default_rng([state.seed, row]).normal(size=len(space.names))
        if fit is None:
            here = space.to_unit(best(state)[0])
            wanted = space.to_unit(space.present) + NEAR * _direction(state, row)
        else:
            here = space.to_unit(state.settings[-1])
            wanted = fit.optimum + self.boldness * _root(fit.spread) @ inputs
        move = wanted - here
        move *= min(1.0, REACH / max(np.linalg.norm(move), 1e-12))
        steps = space.clip(space.from_unit(here + np.outer(SHARES, move)))
        free = np.flatnonzero(permitted(state, steps))
        return steps[free[0]] if len(free) else design(state, i + 1)[i]


SEARCHES["track"] = DriftTracking()


def fitted(state: State) -> Quadratic | None:
    """The most probable quadratic at the next evaluation; None while there are no more scores than knobs."""
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
    fit = max(found, key=lambda one: one.evidence)
    return fit._replace(optimum=fit.optimum + state.space.to_unit(state.space.present))


def _basis(time: np.ndarray) -> np.ndarray:
    """Basis of the optimum's path: columns [T, T + 2] over the times [T], each with a standard normal weight."""
    early, late = np.minimum.outer(time, time), np.maximum.outer(time, time)
    process = WANDER**2 * (early**3 / 3.0 + (late - early) * early**2 / 2.0)
    return np.column_stack([np.full(len(time), AWAY), SPEED * time, _root(process)])


def _starts(x, below, basis) -> list[np.ndarray]:
    """Weights of two paths to start from: constant at the best evaluation; and a fit to all, weighted by score."""
    known = basis[:-1].T * (0.05 - 2.0 * FORM * below) ** -2
    follow = np.linalg.solve(known @ basis[:-1] + np.eye(basis.shape[1]), known @ x)
    rest = np.zeros_like(follow)
    rest[0] = x[np.argmax(below)] / AWAY
    return [np.concatenate([path.ravel(), np.zeros(x.shape[1] + 1)]) for path in (rest, follow)]


def _fit(x, below, error, basis, hidden) -> Quadratic:
    """Levenberg-Marquardt from ``hidden``: weights of the path [T + 2, K], log curvature [K] and top, all
    standard normal a priori. By the Woodbury identity its matrices have one row per evaluation."""
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
    return _fitted(x, error, basis, hidden, slope, cost)


def _off(x, below, error, basis, hidden) -> tuple[np.ndarray, np.ndarray]:
    """Residuals [N] in standard errors, and their derivatives [N, H]."""
    knobs = x.shape[1]
    aside = x - basis[:-1] @ hidden[: -knobs - 1].reshape(-1, knobs)
    curvature = np.exp(CURVE + hidden[-knobs - 1 : -1])
    off = TOP + AWAY * hidden[-1] - aside**2 @ curvature - below
    path = (basis[:-1, :, None] * (2.0 * curvature * aside)[:, None]).reshape(len(x), -1)
    slope = np.column_stack([path, -curvature * aside**2, np.full(len(x), AWAY)])
    return off / error, slope / error[:, None]


def _fitted(x, error, basis, hidden, slope, cost) -> Quadratic:
    """The result of a fit; its evidence and covariance are Laplace approximations."""
    knobs = x.shape[1]
    dual = np.eye(len(x)) + slope @ slope.T
    evidence = -0.5 * (cost + np.linalg.slogdet(dual)[1]) - np.log(error).sum()
    ahead = np.kron(basis[-1], np.eye(knobs))
    cross = slope[:, : ahead.shape[1]] @ ahead.T
    spread = ahead @ ahead.T - cross.T @ np.linalg.solve(dual, cross)
    optimum = basis[-1] @ hidden[: -knobs - 1].reshape(-1, knobs)
    return Quadratic(float(evidence), optimum, spread, np.exp(CURVE + hidden[-knobs - 1 : -1]))


def _direction(state: State, row: int) -> np.ndarray:
    """One of K orthogonal directions [K], random by the seed."""
    knobs = len(state.space.names)
    square = np.linalg.qr(np.random.default_rng([state.seed, 7]).normal(size=(knobs, knobs)))[0]
    return square[(row - 1) % knobs] * (1.0 if row <= knobs else -1.0)


def _root(covariance: np.ndarray) -> Any:
    """A square root of a covariance that may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))

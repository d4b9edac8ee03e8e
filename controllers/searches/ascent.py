"""Gradient ascent on a differentiable objective from several starts; its allowed local maxima are proposed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from controllers.searches.bayes import TRUST_REGION
from controllers.searches.search import Search, State, design, permitted

STARTS, STEPS = 12, 60  # ascents: from the present settings and an allowed design; most iterations of each
PRECISE = 1e-10  # of the spread of the score over the better starts: a smaller gain ends an ascent
APART = 0.003  # maxima nearer to each other than this, in cube edges, count as one
SHARES = (
    1.0,
    1 - 1e-9,
    1 - 1e-6,
    1 - 1e-3,
    0.95,
    0.8,
    0.6,
    0.4,
    0.2,
)  # of the way to the maximum: a shorter step may be allowed where the whole is not


@dataclass(frozen=True, eq=False)
class AcquisitionObjective:
    """A known, differentiable objective with limits.

    Its functions are compiled once; ``machine`` is the argument that may change.
    """

    worth: Callable[[Any, Any], Any]  # (machine, settings [K]) -> score [], higher is better
    limits: Callable[[Any, Any], Any]  # (machine, settings [K]) -> [C], zero or above inside
    machine: Any  # a pytree


def no_limits(machine, settings):
    """The limits of an objective that has none beside those of the knobs."""
    return jnp.zeros(0)


@dataclass(frozen=True, eq=False)
class GradientAscent(Search):
    """The present settings; then the local maxima of the objective, the highest first; then the ``fallback`` search.

    Sequential quadratic programming with exact derivatives (SLSQP; D. Kraft, DFVLR-FB 88-28, 1988) keeps the knob
    limits, the interlocks and the objective's own limits. Where a maximum is not
    ``allowed``, the step to it is shortened.
    """

    objective: AcquisitionObjective
    fallback: Search = TRUST_REGION

    def ask(self, state: State, n: int) -> np.ndarray:
        last = state.told + n
        known = [state.space.present, *(self.tops(state) if last > 1 else [])][state.told : last]
        missing = n - len(known)
        return np.array([*known, *(self.fallback.ask(state, n)[-missing:] if missing else [])])

    def tops(self, state: State) -> np.ndarray:
        """Allowed local maxima [N, K], the highest first, without the present settings."""
        space, gradients = state.space, _gradients(self.objective.worth, self.objective.limits)
        starts = space.to_unit(
            design(replace(state, settings=state.settings[:0], scores=state.scores[:0]), STARTS)
        )
        cube = _UnitCube(gradients, self.objective.machine, space.low, space.high - space.low, space.fence)
        spread = _spread(np.array([cube.score(start)[0] for start in starts]))
        ends = [_ascend(cube, start, spread) for start in starts]
        settings = np.array([_shortened(state, a, b) for a, b in zip(starts, ends, strict=True)])
        values = np.array([cube.score(unit)[0] for unit in space.to_unit(settings)])
        order = np.argsort(-values, kind="stable")[: np.isfinite(values).sum()]
        chosen = [space.present]
        for row in settings[order]:
            if min(np.abs(space.to_unit(row) - space.to_unit(c)).max() for c in chosen) > APART:
                chosen.append(row)
        return np.array(chosen[1:])


class _Gradients(NamedTuple):
    """Compiled functions of (machine, settings): score and gradient [K]; limits [C] and gradients [C, K]."""

    score: Callable
    limits: Callable


@lru_cache(maxsize=8)
def _gradients(score, limits) -> _Gradients:
    return _Gradients(
        jax.jit(jax.value_and_grad(score, 1)),
        jax.jit(lambda machine, s: (limits(machine, s), jax.jacrev(limits, 1)(machine, s))),
    )


@dataclass(frozen=True, eq=False)
class _UnitCube:
    """The objective and the interlocks as functions on the unit cube."""

    gradients: _Gradients
    machine: Any
    low: np.ndarray
    range: np.ndarray
    fence: Any

    def score(self, unit) -> tuple[float, np.ndarray]:
        value, gradient = self.gradients.score(self.machine, self.low + unit * self.range)
        return float(value), np.asarray(gradient, float) * self.range

    def limits(self, unit) -> tuple[np.ndarray, np.ndarray]:
        """Distance inside each limit [C + L], and its gradients [C + L, K]."""
        settings = self.low + unit * self.range
        inside, gradient = (np.asarray(part, float) for part in self.gradients.limits(self.machine, settings))
        if self.fence is not None:
            inside = np.concatenate([inside, -self.fence.beyond(settings)])
            gradient = np.concatenate([gradient, -self.fence.factor])
        return inside, gradient * self.range


def _spread(scores: np.ndarray) -> float:
    """The range of the better half of some scores; the worst may be extremely low."""
    best = np.sort(scores[np.isfinite(scores)])[::-1][: max(len(scores) // 2, 2)]
    return float(np.ptp(best)) or 1.0 if len(best) else 1.0


def _ascend(cube: _UnitCube, start: np.ndarray, spread: float) -> np.ndarray:
    """The end of an ascent from a point of the cube; the point itself if the result is not finite."""

    def negated(unit):
        value, gradient = cube.score(unit)
        return -value / spread, -gradient / spread

    kept = {"type": "ineq", "fun": lambda u: cube.limits(u)[0], "jac": lambda u: cube.limits(u)[1]}
    found = minimize(
        negated, start, jac=True, method="SLSQP", bounds=[(0.0, 1.0)] * len(start), constraints=[kept],
        options={"ftol": PRECISE, "maxiter": STEPS},
    )  # fmt: skip
    return np.clip(found.x, 0.0, 1.0) if np.isfinite(found.x).all() else start


def _shortened(state: State, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The allowed settings nearest to ``end`` on the line from ``start``, both in the unit cube."""
    way = start + np.array([*SHARES, 0.0])[:, None] * (end - start)
    settings = state.space.clip(state.space.from_unit(way))
    fit = permitted(state, settings)
    return settings[np.argmax(fit)] if fit.any() else settings[-1]

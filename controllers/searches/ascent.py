"""Gradient ascent: climb a differentiable machine from several starts, and propose the tops that are allowed."""

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

STARTS, STEPS = 12, 60  # climbs: from the present settings and an allowed design; iterations of each at most
PRECISE = 1e-10  # of the spread of the score over the better starts: less gain ends a climb
APART = 0.003  # tops nearer to each other than this, in cube edges, are one
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
)  # of a climb: a shorter one may be allowed


@dataclass(frozen=True, eq=False)
class AcquisitionObjective:
    """A differentiable machine that is known; its functions are compiled once, ``machine`` is what they are told."""

    worth: Callable[[Any, Any], Any]  # (machine, settings [K]) -> score [], higher is better
    limits: Callable[[Any, Any], Any]  # (machine, settings [K]) -> [C], zero or above inside
    machine: Any  # a pytree


def no_limits(machine, settings):
    """The limits of a landscape without any but those of the knobs."""
    return jnp.zeros(0)


@dataclass(frozen=True, eq=False)
class GradientAscent(Search):
    """The present settings; then the tops of the landscape, the highest first; then a black box.

    Knob limits, interlocks and the landscape's own limits are kept by sequential quadratic programming with exact
    derivatives (SLSQP; D. Kraft, DFVLR-FB 88-28, 1988), and what is ``allowed`` by shortening the climb.
    """

    objective: AcquisitionObjective
    fallback: Search = TRUST_REGION

    def ask(self, state: State, n: int) -> np.ndarray:
        last = state.told + n
        known = [state.space.present, *(self.tops(state) if last > 1 else [])][state.told : last]
        missing = n - len(known)
        return np.array([*known, *(self.fallback.ask(state, n)[-missing:] if missing else [])])

    def tops(self, state: State) -> np.ndarray:
        """Allowed settings [N, K] from which no climb goes on, the highest first; the present ones are none."""
        space, slopes = state.space, _slopes(self.objective.worth, self.objective.limits)
        starts = space.to_unit(
            design(replace(state, settings=state.settings[:0], scores=state.scores[:0]), STARTS)
        )
        view = _View(slopes, self.objective.machine, space.low, space.high - space.low, space.fence)
        spread = _spread(np.array([view.score(start)[0] for start in starts]))
        ends = [_climb(view, start, spread) for start in starts]
        settings = np.array([_shortened(state, a, b) for a, b in zip(starts, ends, strict=True)])
        worth = np.array([view.score(unit)[0] for unit in space.to_unit(settings)])
        order = np.argsort(-worth, kind="stable")[: np.isfinite(worth).sum()]
        chosen = [space.present]
        for row in settings[order]:
            if min(np.abs(space.to_unit(row) - space.to_unit(c)).max() for c in chosen) > APART:
                chosen.append(row)
        return np.array(chosen[1:])


class _Slopes(NamedTuple):
    """Compiled: score and slope [K], limits [C] and slopes [C, K], of (machine, settings)."""

    score: Callable
    limits: Callable


@lru_cache(maxsize=8)
def _slopes(worth, limits) -> _Slopes:
    return _Slopes(
        jax.jit(jax.value_and_grad(worth, 1)),
        jax.jit(lambda machine, s: (limits(machine, s), jax.jacrev(limits, 1)(machine, s))),
    )


@dataclass(frozen=True, eq=False)
class _View:
    """The landscape and the interlocks from the unit cube."""

    slopes: _Slopes
    machine: Any
    low: np.ndarray
    range: np.ndarray
    fence: Any

    def score(self, unit) -> tuple[float, np.ndarray]:
        value, slope = self.slopes.score(self.machine, self.low + unit * self.range)
        return float(value), np.asarray(slope, float) * self.range

    def limits(self, unit) -> tuple[np.ndarray, np.ndarray]:
        """How far inside each limit [C + L], and its slopes [C + L, K]."""
        settings = self.low + unit * self.range
        inside, slope = (np.asarray(part, float) for part in self.slopes.limits(self.machine, settings))
        if self.fence is not None:
            inside = np.concatenate([inside, -self.fence.beyond(settings)])
            slope = np.concatenate([slope, -self.fence.factor])
        return inside, slope * self.range


def _spread(scores: np.ndarray) -> float:
    """How much the better half of some scores differ: the worst may be disasters."""
    best = np.sort(scores[np.isfinite(scores)])[::-1][: max(len(scores) // 2, 2)]
    return float(np.ptp(best)) or 1.0 if len(best) else 1.0


def _climb(view: _View, start: np.ndarray, spread: float) -> np.ndarray:
    """Where a climb from a point of the cube ends; the point itself if nothing there is a number."""

    def down(unit):
        value, slope = view.score(unit)
        return -value / spread, -slope / spread

    kept = {"type": "ineq", "fun": lambda u: view.limits(u)[0], "jac": lambda u: view.limits(u)[1]}
    found = minimize(
        down, start, jac=True, method="SLSQP", bounds=[(0.0, 1.0)] * len(start), constraints=[kept],
        options={"ftol": PRECISE, "maxiter": STEPS},
    )  # fmt: skip
    return np.clip(found.x, 0.0, 1.0) if np.isfinite(found.x).all() else start


def _shortened(state: State, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The settings furthest on the way between two points of the cube that are allowed, as the first is."""
    way = start + np.array([*SHARES, 0.0])[:, None] * (end - start)
    settings = state.space.clip(state.space.from_unit(way))
    fit = permitted(state, settings)
    return settings[np.argmax(fit)] if fit.any() else settings[-1]

"""Identify, then control: fit what the machine hides to the looks so far, and optimise through the fitted model."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from controllers import bayes, gp  # noqa: F401  (bayes registers the fallback)
from controllers.search import SEARCHES, Search, State, best, permitted

FITS, ITERATIONS = 8, 20  # starts of the fit (the most probable hidden values, and draws), and its steps
CLIMBERS, STEPS, RATE = 32, 150, 0.03  # of the search through the fitted model
PATIENCE = 4  # looks without a better score after which a look is left to the fallback


@dataclass(frozen=True, eq=False)
class Model:
    """A differentiable machine. ``hidden`` [H] counts in standard deviations of its prior around zero."""

    hidden: int  # H
    predict: Callable[[Any, Any], Any]  # (hidden [H], settings [K]) -> readings [R]
    score: Callable[[Any], Any]  # readings [R] -> score [], higher is better
    noise: np.ndarray  # [R] standard error of a reading


@dataclass(frozen=True, eq=False)
class IdentifyThenControl(Search):
    """The present settings; then what the fitted model thinks best; a black box where that stops helping.

    Tell it the readings. A model of the wrong form may repeat its error for ever: after PATIENCE looks
    without a better score every other look is left to Bayesian optimisation in a trust region.
    """

    model: Model
    fallback: Search = SEARCHES["trust"]

    def ask(self, state: State, n: int) -> np.ndarray:
        asked = [self._one(state, row) for row in range(state.told, state.told + n)]
        return np.array(asked)

    def best(self, state: State) -> tuple[np.ndarray, float]:
        """The feasible told settings of the highest score, each the mean of that told and the fitted model's.

        The model has seen all looks, so its error is not that of the one that happened to score high.
        """
        if not state.feasible.any() or state.readings.shape[1] == 0:
            return best(state)
        scores = 0.5 * (state.scores + _scores(self.model, self.identified(state), state.settings))
        winner = np.argmax(np.where(state.feasible, scores, -np.inf))
        return state.settings[winner], float(scores[winner])

    def identified(self, state: State) -> Any:
        """The most probable hidden values [H] given all that was told."""
        starts = 0.5 * np.random.default_rng([state.seed, state.told, 1]).normal(
            size=(FITS, self.model.hidden)
        )
        starts[0] = 0.0
        rows = gp.room(state.told)
        settings = np.tile(state.space.present, (rows, 1))
        readings = np.full((rows, state.readings.shape[1]), np.nan)
        settings[: state.told], readings[: state.told] = state.settings, state.readings
        return _identify(self.model, settings, readings, starts)

    def _one(self, state: State, row: int) -> np.ndarray:
        space, rng = state.space, np.random.default_rng([state.seed, row])
        if row == 0 or state.readings.shape[1] == 0:
            return space.present if row == 0 else self.fallback.ask(state, row - state.told + 1)[-1]
        if _stalled(state) and row % 2:
            return self.fallback.ask(state, row - state.told + 1)[-1]
        hidden = self.identified(state)
        centre = space.to_unit(state.settings[np.argmax(np.where(state.feasible, state.scores, -np.inf))])
        climbers = rng.random((CLIMBERS, len(space.names)))
        climbers[: CLIMBERS // 2] = centre + 0.1 * rng.normal(size=(CLIMBERS // 2, len(space.names)))
        climbers[0] = centre
        found, worth = control(self.model, hidden, np.clip(climbers, 0.0, 1.0), space.low, space.high)
        settings = space.clip(space.from_unit(np.asarray(found)))
        worth = np.where(permitted(state, settings) & np.isfinite(worth), worth, -np.inf)
        if not np.isfinite(worth).any():
            return self.fallback.ask(state, row - state.told + 1)[-1]
        return settings[np.argmax(worth)]


def _stalled(state: State) -> bool:
    """Whether the best feasible score is older than PATIENCE looks."""
    scores = np.where(state.feasible, state.scores, -np.inf)
    return state.told > PATIENCE and int(np.argmax(scores)) < state.told - PATIENCE


@partial(jax.jit, static_argnums=0)
def _identify(model: Model, settings, readings, starts):
    """The most probable hidden values [H]: Levenberg-Marquardt on readings [N, R] (nan = none) and prior."""
    known = jnp.isfinite(readings)

    def residuals(hidden):
        predicted = jax.vmap(model.predict, (None, 0))(hidden, settings)
        off = jnp.where(known, (readings - predicted) / model.noise[None], 0.0)
        return jnp.concatenate([off.ravel(), hidden])

    def cost(hidden):
        return jnp.sum(residuals(hidden) ** 2)

    def step(carry, _):
        hidden, damping = carry
        slope, off = jax.jacfwd(residuals)(hidden), residuals(hidden)
        normal = slope.T @ slope
        moved = hidden - jnp.linalg.solve(normal + damping * jnp.diag(jnp.diag(normal)), slope.T @ off)
        better = cost(moved) < jnp.sum(off**2)
        return (jnp.where(better, moved, hidden), jnp.where(better, damping / 4.0, damping * 4.0)), None

    def fit(start):
        (hidden, _), _ = jax.lax.scan(step, (start, jnp.array(1.0)), length=ITERATIONS)
        return hidden, cost(hidden)

    hidden, costs = jax.vmap(fit)(starts)
    return hidden[jnp.argmin(jnp.where(jnp.isnan(costs), jnp.inf, costs))]


def _scores(model: Model, hidden, settings: np.ndarray) -> np.ndarray:
    """What the model gives each of ``settings`` [N, K] -> [N]."""
    padded = np.concatenate([settings, np.tile(settings[:1], (gp.room(len(settings)) - len(settings), 1))])
    return np.asarray(_scored(model, hidden, padded))[: len(settings)]


@partial(jax.jit, static_argnums=0)
def _scored(model: Model, hidden, settings):
    return jax.vmap(lambda one: model.score(model.predict(hidden, one)))(settings)


@partial(jax.jit, static_argnums=0)
def control(model: Model, hidden, begin, low, high):
    """Gradient ascent of the model's score in the unit cube: points [n, K] and what they promise [n]."""

    def worth(unit):
        return model.score(model.predict(hidden, low + unit * (high - low)))

    optimiser = optax.adam(optax.cosine_decay_schedule(RATE, STEPS))

    def step(carry, _):
        unit, memory = carry
        slope = jax.vmap(jax.grad(worth))(unit)
        scale = jnp.maximum(jnp.linalg.norm(slope, axis=-1, keepdims=True), 1e-30)
        moves, memory = optimiser.update(-slope / scale, memory)
        return (jnp.clip(unit + moves, 0.0, 1.0), memory), None

    (unit, _), _ = jax.lax.scan(step, (begin, optimiser.init(begin)), length=STEPS)
    return unit, jax.vmap(worth)(unit)

"""Identify, then control: fit what the machine hides to the looks so far, and optimise through the fitted model."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.stats import chi2

from controllers.searches import gp
from controllers.searches.bayes import TRUST_REGION
from controllers.searches.search import Search, State, best, permitted

FITS, ITERATIONS = 8, 20  # starts of the fit (the most probable hidden values, and draws), and its steps
CLIMBERS, STEPS, RATE = 32, 150, 0.03  # of the search through the fitted model
DRAWS, OWN = 64, 8  # likely machines that say where to look next, and climbers to the best settings of each
TWICE = 2  # looks are for learning until there are so many readings for each hidden value
PATIENCE, TRUST = 4, 12  # looks without a better score that a model is given that does not fit, or fits
UNLIKELY = 1e-3  # chance of a fit so bad of a model of the right form
APART = 0.01  # least distance of the looks of one batch in some knob, in cube edges
WIDER = (1.0, 16.0, 256.0)  # times the fit's variance: machines are drawn from until looks are APART


@dataclass(frozen=True, eq=False)
class Model:
    """A differentiable machine. ``hidden`` [H] counts in standard deviations of its prior around zero."""

    hidden: int  # H
    predict: Callable[[Any, Any], Any]  # (hidden [H], settings [K]) -> readings [R]
    score: Callable[[Any], Any]  # readings [R] -> score [], higher is better
    noise: np.ndarray  # [R] standard error of a reading


@dataclass(frozen=True, eq=False)
class IdentifyThenControl(Search):
    """The present settings; looks that teach most; then what the fitted model thinks best.

    Tell it the readings. To learn it goes to the best settings of one likely machine: of DRAWS from the posterior that
    one at whose settings they differ most in what would be read. A model of the wrong form repeats its error for ever:
    after PATIENCE looks without a better score, TRUST where it fits, every other look is left to Bayesian optimisation
    in a trust region. In a batch each look counts as read as the fitted model predicts; the later ones are to learn,
    APART from the earlier, if need be at the best settings of machines that are less likely.
    """

    model: Model
    fallback: Search = TRUST_REGION

    def ask(self, state: State, n: int) -> np.ndarray:
        fit = self._fitted(state) if state.readings.shape[1] else None
        supposed = state
        for _ in range(n):
            asked = self._one(state, supposed, fit)
            seen = None if fit is None else np.asarray(_read(self.model, fit[0], asked))[None]
            supposed = self.tell(supposed, asked, [np.nan], readings=seen)
        return supposed.settings[state.told :].copy()

    def best(self, state: State) -> tuple[np.ndarray, float]:
        """The feasible told settings of the highest score: the fitted model's, which has seen all looks, so that its
        error is not that of the one that happened to score high; the less it fits, the more the told.
        """
        if not state.feasible.any() or state.readings.shape[1] == 0:
            return best(state)
        hidden, misfit = self._fitted(state)
        told = 1.0 - 1.0 / max(misfit, 1.0)
        scores = told * state.scores + (1.0 - told) * _scores(self.model, hidden, state.settings)
        winner = np.argmax(np.where(state.feasible, scores, -np.inf))
        return state.settings[winner], float(scores[winner])

    def identified(self, state: State) -> Any:
        """The most probable hidden values [H] given all that was told."""
        return self._fitted(state)[0]

    def _one(self, state: State, supposed: State, fit: tuple[Any, float] | None) -> np.ndarray:
        """The next settings [K] of a batch; what it holds already is in ``supposed`` beside what was told."""
        row, early = supposed.told, supposed.settings[state.told :]
        if row == 0:
            return state.space.present
        if fit is None or (row % 2 and _stalled(state, PATIENCE if fit[1] > 1.0 else TRUST)):
            return self.fallback.ask(state, len(early) + 1)[-1]
        for wider in WIDER if len(early) else WIDER[:1]:
            settings, worth = self._promising(state, supposed, *fit, wider)
            free = permitted(state, settings) & np.isfinite(worth) & _apart(state, settings, early)
            if free.any():
                return settings[np.argmax(np.where(free, worth, -np.inf))]
        return self.fallback.ask(state, len(early) + 1)[-1]

    def _promising(self, state: State, supposed: State, hidden, misfit: float, wider: float):
        """Settings [n, K] and their worth [n]: what they teach, or what the fitted model thinks of them."""
        space, row = state.space, supposed.told
        rng = np.random.default_rng([state.seed, row])
        centre = space.to_unit(state.settings[np.argmax(np.where(state.feasible, state.scores, -np.inf))])
        if row > state.told or row * state.readings.shape[1] <= TWICE * self.model.hidden:
            machines = self._likely(supposed, hidden, wider * max(misfit, 1.0), rng)
            climbers = _around(centre, OWN, rng)
            found, worth = teaching(self.model, machines, climbers, space.low, space.high)
        else:
            found, worth = control(self.model, hidden, _around(centre, CLIMBERS, rng), space.low, space.high)
        return space.clip(space.from_unit(np.asarray(found))), np.asarray(worth)

    def _fitted(self, state: State) -> tuple[Any, float]:
        """The most probable hidden values [H], and their chi-square per that which is UNLIKELY: above 1 is no fit."""
        starts = 0.5 * np.random.default_rng([state.seed, state.told, 1]).normal(
            size=(FITS, self.model.hidden)
        )
        starts[0] = 0.0
        hidden, off = _identify(self.model, *self._told(state), starts)
        known = int(np.isfinite(state.readings).sum())
        return hidden, float(off / chi2.isf(UNLIKELY, max(known, 1)))

    def _likely(self, state: State, hidden, wider: float, rng: np.random.Generator):
        """Likely hidden values [DRAWS, H]: normal about the most probable, of so many times the fit's variance."""
        normal = rng.normal(size=(DRAWS, self.model.hidden)) * wider**0.5
        return _drawn(self.model, hidden, *self._told(state), normal)

    def _told(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """Settings [N, K] and readings [N, R] as told, padded with none (nan), so that few programs are compiled."""
        rows = gp.room(state.told)
        settings = np.tile(state.space.present, (rows, 1))
        readings = np.full((rows, state.readings.shape[1]), np.nan)
        settings[: state.told], readings[: state.told] = state.settings, state.readings
        return settings, readings


def _around(centre: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Points [n, K] of the unit cube: the centre, some near it, and as many anywhere."""
    points = rng.random((n, len(centre)))
    points[: n // 2] = centre + 0.1 * rng.normal(size=(n // 2, len(centre)))
    points[0] = centre
    return np.clip(points, 0.0, 1.0)


def _apart(state: State, settings: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of ``settings`` [n, K] are at least APART from all ``others`` [m, K] in some knob."""
    one, other = state.space.to_unit(settings), state.space.to_unit(others)
    return np.abs(one[:, None] - other[None]).max(-1).min(1, initial=np.inf) >= APART


def _stalled(state: State, looks: int) -> bool:
    """Whether the best feasible score is older than so many looks."""
    scores = np.where(state.feasible, state.scores, -np.inf)
    return state.told > looks and int(np.argmax(scores)) < state.told - looks


def _residuals(model: Model, hidden, settings, readings):
    """What was read less what the model reads [N, R], in standard errors; 0 where nothing was read."""
    off = readings - jax.vmap(model.predict, (None, 0))(hidden, settings)
    return jnp.where(jnp.isfinite(readings), off / model.noise[None], 0.0)


@partial(jax.jit, static_argnums=0)
def _identify(model: Model, settings, readings, starts):
    """The most probable hidden values [H] and their chi-square: Levenberg-Marquardt on readings [N, R] (nan = none)
    and prior."""

    def residuals(hidden):
        return jnp.concatenate([_residuals(model, hidden, settings, readings).ravel(), hidden])

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
    hidden = hidden[jnp.argmin(jnp.where(jnp.isnan(costs), jnp.inf, costs))]
    return hidden, jnp.sum(_residuals(model, hidden, settings, readings) ** 2)


@partial(jax.jit, static_argnums=0)
def _drawn(model: Model, hidden, settings, readings, normal):
    """Draws [D, H] from the normal whose curvature is that of the fit at its most probable values."""
    slope = jax.jacfwd(lambda h: _residuals(model, h, settings, readings).ravel())(hidden)
    curvature, axes = jnp.linalg.eigh(slope.T @ slope + jnp.eye(hidden.shape[0]))
    return hidden[None] + (normal / jnp.sqrt(curvature)[None]) @ axes.T


@partial(jax.jit, static_argnums=0)
def teaching(model: Model, machines, begin, low, high):
    """The best points [D, K] of likely machines [D, H], and how much each would tell of which is the true one [D].

    That is the logarithm of the volume of what they would read there, in the volume of the noise: the information in
    a look where all is normal (D. V. Lindley, Ann. Math. Statist. 27, 986, 1956).
    """
    points, worth = jax.vmap(lambda hidden: control(model, hidden, begin, low, high))(machines)
    points = jnp.take_along_axis(points, jnp.argmax(worth, axis=1)[:, None, None], axis=1)[:, 0]

    def told(point):
        read = jax.vmap(model.predict, (0, None))(machines, low + point * (high - low)) / model.noise[None]
        spread = jnp.cov(read, rowvar=False, bias=True)
        return 0.5 * jnp.linalg.slogdet(jnp.eye(read.shape[1]) + jnp.atleast_2d(spread))[1]

    return points, jax.vmap(told)(points)


def _scores(model: Model, hidden, settings: np.ndarray) -> np.ndarray:
    """What the model gives each of ``settings`` [N, K] -> [N]."""
    padded = np.concatenate([settings, np.tile(settings[:1], (gp.room(len(settings)) - len(settings), 1))])
    return np.asarray(_scored(model, hidden, padded))[: len(settings)]


@partial(jax.jit, static_argnums=0)
def _read(model: Model, hidden, settings):
    return model.predict(hidden, settings)


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

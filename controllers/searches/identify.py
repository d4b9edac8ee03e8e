"""Identify, then control: fit a model's hidden values to the evaluations, and optimise through the fitted model."""

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

FITS, ITERATIONS = 8, 20  # starts of the fit (the prior mean, and random values), and its steps
ASCENTS, STEPS, RATE = 32, 150, 0.03  # of the gradient search through the fitted model
DRAWS, OWN = (
    64,
    8,
)  # posterior samples that choose the next evaluation, and gradient searches for the best settings of each
TWICE = 2  # evaluations are chosen for information until there are so many readings for each hidden value
PATIENCE, TRUST = (
    4,
    12,
)  # evaluations without a better score before the fallback, for a model that does not fit, or fits
UNLIKELY = 1e-3  # probability of so poor a fit if the model has the right form
APART = 0.01  # least distance of the suggestions of one batch in at least one knob, in cube edges
WIDER = (1.0, 16.0, 256.0)  # factors on the fit's variance, tried in order until suggestions are APART


@dataclass(frozen=True, eq=False)
class Model:
    """A differentiable model of a machine. Hidden values [H] are in standard deviations of their priors around zero."""

    hidden: int  # H
    predict: Callable[[Any, Any], Any]  # (hidden [H], settings [K]) -> readings [R]
    score: Callable[[Any], Any]  # readings [R] -> score [], higher is better
    noise: np.ndarray  # [R] standard error of a reading


@dataclass(frozen=True, eq=False)
class IdentifyThenControl(Search):
    """The present settings; then the most informative settings; then the optimum of the fitted model.

    ``tell`` needs the readings. The most informative settings are the optimum of one of DRAWS posterior samples: that
    at which the samples' readings differ most. A model of the wrong form repeats its error: after PATIENCE evaluations
    without a better score (TRUST if the model fits) every other evaluation is left to the ``fallback`` search. In a
    batch each suggestion enters the fit with the readings that the fitted model predicts. The later suggestions are
    the most informative ones that are APART from the earlier, if necessary from a wider posterior.
    """

    model: Model
    fallback: Search = TRUST_REGION

    def ask(self, state: State, n: int) -> np.ndarray:
        fit = self._fitted(state) if state.readings.shape[1] else None
        supposed = state
        for _ in range(n):
            suggested = self._one(state, supposed, fit)
            predicted = None if fit is None else np.asarray(_read(self.model, fit[0], suggested))[None]
            supposed = self.tell(supposed, suggested, [np.nan], readings=predicted)
        return supposed.settings[state.told :].copy()

    def best(self, state: State) -> tuple[np.ndarray, float]:
        """The feasible evaluated settings of the highest score, and that score.

        The score is a weighted mean of the fitted model's, which averages the noise of all evaluations, and the
        measured one; the worse the model fits, the larger the weight of the measured score.
        """
        if not state.feasible.any() or state.readings.shape[1] == 0:
            return best(state)
        hidden, misfit = self._fitted(state)
        weight = 1.0 - 1.0 / max(misfit, 1.0)
        scores = weight * state.scores + (1.0 - weight) * _scores(self.model, hidden, state.settings)
        winner = np.argmax(np.where(state.feasible, scores, -np.inf))
        return state.settings[winner], float(scores[winner])

    def identified(self, state: State) -> Any:
        """The most probable hidden values [H] given all evaluations."""
        return self._fitted(state)[0]

    def _one(self, state: State, supposed: State, fit: tuple[Any, float] | None) -> np.ndarray:
        """The next settings [K] of a batch; ``supposed`` is the state with the batch's earlier suggestions added."""
        row, early = supposed.told, supposed.settings[state.told :]
        if row == 0:
            return state.space.present
        if fit is None or (row % 2 and _stalled(state, PATIENCE if fit[1] > 1.0 else TRUST)):
            return self.fallback.ask(state, len(early) + 1)[-1]
        for wider in WIDER if len(early) else WIDER[:1]:
            settings, value = self._suggestions(state, supposed, *fit, wider)
            free = permitted(state, settings) & np.isfinite(value) & _apart(state, settings, early)
            if free.any():
                return settings[np.argmax(np.where(free, value, -np.inf))]
        return self.fallback.ask(state, len(early) + 1)[-1]

    def _suggestions(self, state: State, supposed: State, hidden, misfit: float, wider: float):
        """Settings [n, K] and their values [n]: the information that they give, or the fitted model's score."""
        space, row = state.space, supposed.told
        rng = np.random.default_rng([state.seed, row])
        centre = space.to_unit(state.settings[np.argmax(np.where(state.feasible, state.scores, -np.inf))])
        if row > state.told or row * state.readings.shape[1] <= TWICE * self.model.hidden:
            samples = self._posterior_samples(supposed, hidden, wider * max(misfit, 1.0), rng)
            starts = _around(centre, OWN, rng)
            found, value = most_informative(self.model, samples, starts, space.low, space.high)
        else:
            found, value = control(self.model, hidden, _around(centre, ASCENTS, rng), space.low, space.high)
        return space.clip(space.from_unit(np.asarray(found))), np.asarray(value)

    def _fitted(self, state: State) -> tuple[Any, float]:
        """The most probable hidden values [H], and chi-square over its UNLIKELY quantile: above 1 the fit is poor."""
        starts = 0.5 * np.random.default_rng([state.seed, state.told, 1]).normal(
            size=(FITS, self.model.hidden)
        )
        starts[0] = 0.0
        hidden, off = _identify(self.model, *self._padded(state), starts)
        known = int(np.isfinite(state.readings).sum())
        return hidden, float(off / chi2.isf(UNLIKELY, max(known, 1)))

    def _posterior_samples(self, state: State, hidden, wider: float, rng: np.random.Generator):
        """Posterior samples [DRAWS, H]: normal about the most probable, with ``wider`` times the fit's variance."""
        normal = rng.normal(size=(DRAWS, self.model.hidden)) * wider**0.5
        return _laplace_samples(self.model, hidden, *self._padded(state), normal)

    def _padded(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """Settings [N, K] and readings [N, R], padded with readings nan to few sizes, so that few programs compile."""
        rows = gp.room(state.told)
        settings = np.tile(state.space.present, (rows, 1))
        readings = np.full((rows, state.readings.shape[1]), np.nan)
        settings[: state.told], readings[: state.told] = state.settings, state.readings
        return settings, readings


def _around(centre: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Points [n, K] of the unit cube: the centre, points near it, and as many uniform ones."""
    points = rng.random((n, len(centre)))
    points[: n // 2] = centre + 0.1 * rng.normal(size=(n // 2, len(centre)))
    points[0] = centre
    return np.clip(points, 0.0, 1.0)


def _apart(state: State, settings: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of ``settings`` [n, K] are at least APART from all ``others`` [m, K] in some knob."""
    one, other = state.space.to_unit(settings), state.space.to_unit(others)
    return np.abs(one[:, None] - other[None]).max(-1).min(1, initial=np.inf) >= APART


def _stalled(state: State, evaluations: int) -> bool:
    """Whether the last ``evaluations`` brought no better feasible score."""
    scores = np.where(state.feasible, state.scores, -np.inf)
    return state.told > evaluations and int(np.argmax(scores)) < state.told - evaluations


def _residuals(model: Model, hidden, settings, readings):
    """Readings minus the model's predictions [N, R], in standard errors; 0 where there is no reading."""
    off = readings - jax.vmap(model.predict, (None, 0))(hidden, settings)
    return jnp.where(jnp.isfinite(readings), off / model.noise[None], 0.0)


@partial(jax.jit, static_argnums=0)
def _identify(model: Model, settings, readings, starts):
    """The most probable hidden values [H] and their chi-square: Levenberg-Marquardt on readings [N, R] (nan = none)
    and the prior."""

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
def _laplace_samples(model: Model, hidden, settings, readings, normal):
    """Samples [D, H] of the Laplace approximation: a normal with the fit's curvature at the most probable values."""
    slope = jax.jacfwd(lambda h: _residuals(model, h, settings, readings).ravel())(hidden)
    curvature, axes = jnp.linalg.eigh(slope.T @ slope + jnp.eye(hidden.shape[0]))
    return hidden[None] + (normal / jnp.sqrt(curvature)[None]) @ axes.T


@partial(jax.jit, static_argnums=0)
def most_informative(model: Model, samples, begin, low, high):
    """The best points [D, K] of posterior samples [D, H], and the information [D] of an evaluation at each.

    The information is half the log determinant of the covariance of the samples' readings, in units of the noise: the
    expected information of an evaluation where all is normal (D. V. Lindley, Ann. Math. Statist. 27, 986, 1956).
    """
    points, value = jax.vmap(lambda hidden: control(model, hidden, begin, low, high))(samples)
    points = jnp.take_along_axis(points, jnp.argmax(value, axis=1)[:, None, None], axis=1)[:, 0]

    def information(point):
        read = jax.vmap(model.predict, (0, None))(samples, low + point * (high - low)) / model.noise[None]
        spread = jnp.cov(read, rowvar=False, bias=True)
        return 0.5 * jnp.linalg.slogdet(jnp.eye(read.shape[1]) + jnp.atleast_2d(spread))[1]

    return points, jax.vmap(information)(points)


def _scores(model: Model, hidden, settings: np.ndarray) -> np.ndarray:
    """The model's score [N] of each of ``settings`` [N, K]."""
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
    """Gradient ascent of the model's score in the unit cube: points [n, K] and their scores [n]."""

    def value(unit):
        return model.score(model.predict(hidden, low + unit * (high - low)))

    optimiser = optax.adam(optax.cosine_decay_schedule(RATE, STEPS))

    def step(carry, _):
        unit, moments = carry
        slope = jax.vmap(jax.grad(value))(unit)
        scale = jnp.maximum(jnp.linalg.norm(slope, axis=-1, keepdims=True), 1e-30)
        moves, moments = optimiser.update(-slope / scale, moments)
        return (jnp.clip(unit + moves, 0.0, 1.0), moments), None

    (unit, _), _ = jax.lax.scan(step, (begin, optimiser.init(begin)), length=STEPS)
    return unit, jax.vmap(value)(unit)

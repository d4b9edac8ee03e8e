"""Bayesian optimisation: Gaussian processes of the score and the limits, and the settings of the best acquisition."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.special import erfcx
from jax.scipy.stats import norm
from scipy.special import ndtri

from controllers.searches import gp
from controllers.searches.belief import Belief, Warp, condition, entered, learn, now
from controllers.searches.search import SEARCHES, Search, State, best, design, permitted, sobol

WIDE, LOCAL, CENTRES = 512, 512, 4  # candidates over the whole box, and around the best few evaluated points
ASCENTS, STEPS, RATE = 8, 20, 0.03  # the best candidates follow the gradient of the acquisition function
CAUTION = 1e9  # penalty for less than the wanted probability of being feasible: it outweighs any improvement
SHARES = (
    1.0,
    0.5,
    0.25,
    0.0,
)  # of a candidate's whole move: a shorter one may stay allowed where the whole does not
DRAWN = 256  # candidates of one Thompson sample
HALF, LEAST, MOST = (
    0.4,
    0.0125,
    0.8,
)  # half edges of the trust region: at first, before it opens again, at most
WINS = 3  # improvements in a row that double the trust region
GAIN = 1e-3  # least improvement, of the distance from the median score to the best


class Region(NamedTuple):
    """The box [low, high] of the unit cube (each [K]) to which a search is confined."""

    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class BayesianOptimisation(Search):
    """A design of K + 2 settings, the present first; then those with the largest expected improvement.

    The score to exceed is a posterior mean, so one score that noise made high does not mislead. Within a batch
    each suggestion enters the processes with its own prediction before the next is computed.
    """

    sure: float = 0.75  # wanted probability that all limits hold
    trust: bool = False  # suggest in a trust region only, as TuRBO does (Eriksson et al., NeurIPS 2019)
    thompson: bool = False  # one sample of the processes in place of the expected improvement
    clock: bool = False  # the time of an evaluation is an input: for a score that drifts

    def ask(self, state: State, n: int) -> np.ndarray:
        if state.told < len(state.space.names) + 2 or not np.isfinite(state.scores).any():
            return design(state, n)
        return self._suggestions(state, n, self._region(state))

    def best(self, state: State) -> tuple[np.ndarray, float]:
        """The feasible evaluated settings with the highest posterior mean, and that mean in the score's unit."""
        if not state.feasible.any():
            return state.space.present, float("nan")
        mean = np.asarray(_evaluated_mean(self._learn(state, gp.room(state.told)), self._now(state)))[
            : state.told
        ]
        winner = np.argmax(np.where(state.feasible, mean, -np.inf))
        return state.settings[winner], float(Warp.of(state).unwarped(mean[winner]))

    def _learn(self, state: State, size: int) -> Belief:
        return learn(state, size, self.clock)

    def _now(self, state: State) -> np.ndarray:
        """What is appended to settings [K] to make an input: the time if ``clock``, else nothing."""
        return np.array([now(state)] if self.clock else [])

    def _region(self, state: State) -> Region:
        return trusted(state) if self.trust else everywhere(state)

    def _centres(self, state: State) -> np.ndarray:
        """Settings [C, K] near which candidates are drawn: the best few feasible."""
        order = np.argsort(np.where(state.feasible, -state.scores, np.inf), kind="stable")
        return state.settings[order[:CENTRES]]

    def _acquire(self, state: State, belief: Belief, unit, allowed, region: Region, rng):
        """The best points [n, K], the acquisition value [n] and the predictions [P, n] of each."""
        time = self._now(state)
        if not self.thompson:
            return maximise(belief, unit, allowed, time, least_odds(belief, self.sure), region)
        unit, allowed = unit[:: len(unit) // DRAWN], allowed[:: len(unit) // DRAWN]
        inputs = rng.normal(size=(len(belief.data.y), len(unit)))
        return _draw(belief, unit, allowed, time, inputs)

    def _suggestions(self, state: State, n: int, region: Region) -> np.ndarray:
        belief, suggested, time = self._learn(state, gp.room(state.told + n)), [], self._now(state)
        for i in range(n):
            setting, predicted = self._suggest(state, belief, region, i)
            x = np.concatenate([state.space.to_unit(setting), time])
            belief = entered(belief, state.told + i, x, predicted)
            suggested.append(setting)
        return np.array(suggested)

    def _suggest(self, state: State, belief: Belief, region: Region, i: int) -> tuple[np.ndarray, np.ndarray]:
        """The ``i``-th suggestion of a batch: settings [K] and the prediction of each process [P]."""
        space, rng = state.space, np.random.default_rng([state.seed, state.told, i])
        unit = candidates_in(state, region, rng, self._centres(state))
        allowed = permitted(state, space.clip(space.from_unit(unit)))
        if not allowed.any():
            return design(state, i + 1)[i], np.asarray(belief.hyper.mean)
        found, gain, predicted = self._acquire(state, belief, unit, allowed, region, rng)
        settings = space.clip(space.from_unit(np.asarray(found)))
        gain = np.where(permitted(state, settings), gain, -np.inf)
        if not np.isfinite(gain).any():
            return design(state, i + 1)[i], np.asarray(belief.hyper.mean)
        winner = np.argmax(gain)
        return settings[winner], np.asarray(predicted)[:, winner]


TRUST_REGION = BayesianOptimisation(trust=True)
SEARCHES["bayes"] = BayesianOptimisation()
SEARCHES["trust"] = TRUST_REGION
SEARCHES["thompson"] = BayesianOptimisation(trust=True, thompson=True)
SEARCHES["drift"] = BayesianOptimisation(clock=True)


def least_odds(belief: Belief, sure: float, goals: int = 1) -> float:
    """Ratio of mean to deviation that each limit needs for all to hold with the probability ``sure`` (Bonferroni).

    The first ``goals`` processes are objectives, not limits.
    """
    limits = max(1, len(belief.data.y) - goals)
    return float(ndtri(1.0 - (1.0 - sure) / limits))


def everywhere(state: State) -> Region:
    """All of the unit cube."""
    knobs = len(state.space.names)
    return Region(np.zeros(knobs), np.ones(knobs))


def box(state: State, half: float) -> Region:
    """The part of the cube within ``half`` of the best evaluated settings, in cube edges."""
    centre = state.space.to_unit(best(state)[0])
    return Region(np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0))


def trusted(state: State) -> Region:
    """TuRBO's region around the best settings: it doubles after WINS improvements, halves after K failures.

    The region is computed from the evaluations alone. A region below the least size is reset to the first size.
    Before the first feasible evaluation the region is the whole cube.
    """
    if not state.feasible.any():
        return everywhere(state)
    half, wins, losses, top = HALF, 0, 0, -np.inf
    patience, least = max(4, len(state.space.names)), GAIN * Warp.of(state).scale
    first = np.argmax(state.feasible)
    for score in np.where(state.feasible, state.scores, -np.inf)[first:]:
        wins, losses = (wins + 1, 0) if score > top + least else (0, losses + 1)
        top = max(top, score)
        if wins == WINS:
            half, wins = min(2.0 * half, MOST), 0
        elif losses == patience:
            half, losses = half / 2.0, 0
        half = HALF if half < LEAST else half
    return box(state, half)


def candidates_in(state: State, region: Region, rng, centres: np.ndarray) -> np.ndarray:
    """Points [WIDE + LOCAL, K] of the region: over all of it, and near the ``centres`` [C, K] at all scales."""
    knobs = len(state.space.names)
    centre = state.space.to_unit(centres[rng.choice(len(centres), LOCAL)])
    scale = 10.0 ** rng.uniform(-3.0, -0.5, (LOCAL, 1))
    moved = rng.random((LOCAL, knobs)) < 0.5
    near = centre + moved * scale * rng.normal(size=(LOCAL, knobs))
    wide = region.low + sobol(knobs, WIDE, rng) * (region.high - region.low)
    return np.concatenate([wide, np.clip(near, region.low, region.high)])


def at(x, time):
    """Inputs [n, K + T] of the processes at ``x`` [n, K] and the ``time`` [T]; T is 0 without a clock."""
    return jnp.concatenate([x, jnp.broadcast_to(time, (x.shape[0], time.shape[0]))], axis=1)


_predict = jax.vmap(gp.predict, (0, None))


def improvement(processes: gp.Posterior, time, odds):
    """``log_gain`` over the best score so far, as a function of inputs [n, K + T] -> [n]."""
    return partial(log_gain, processes, _goal(processes, time), odds)


@partial(jax.jit, static_argnames="acquisition")
def maximise(belief: Belief, candidates, allowed, time, odds, region: Region, acquisition=improvement):
    """The best allowed candidates after some gradient steps: points [n, K], acquisition [n], predictions [P, n].

    ``acquisition(processes, time, odds)`` gives the function that is maximised.
    """
    processes = condition(belief)
    value = acquisition(processes, time, odds)
    optimiser = optax.adam(optax.cosine_decay_schedule(RATE, STEPS))

    def step(carry, _):
        x, moments = carry
        slope = jax.grad(lambda x: value(at(x, time)).sum())(x)
        moves, moments = optimiser.update(-slope, moments)
        return (jnp.clip(x + moves, region.low[None], region.high[None]), moments), None

    gain = jnp.where(allowed, value(at(candidates, time)), -jnp.inf)
    begin = candidates[jax.lax.top_k(gain, ASCENTS)[1]]
    (end, _), _ = jax.lax.scan(step, (begin, optimiser.init(begin)), length=STEPS)
    found = jnp.concatenate([begin + share * (end - begin) for share in SHARES])
    return found, value(at(found, time)), _predict(processes, at(found, time))[0]


@jax.jit
def gains(belief: Belief, x, time, odds):
    """``log_gain`` [n] at points ``x`` [n, K] of the cube."""
    processes = condition(belief)
    return log_gain(processes, _goal(processes, time), odds, at(x, time))


@jax.jit
def _draw(belief: Belief, candidates, allowed, time, inputs):
    """One posterior sample of all processes: candidates, their values in it [n], and their predictions [P, n].

    Where no candidate keeps all limits in the sample, the least violation counts (Eriksson and Poloczek,
    "Scalable constrained Bayesian optimization", AISTATS 2021).
    """
    processes, x = condition(belief), at(candidates, time)
    drawn = jax.vmap(gp.sample, (0, None, 0))(processes, x, inputs)
    lack = jnp.sum(jnp.minimum(drawn[1:], 0.0), axis=0)
    value = jnp.where(lack == 0.0, drawn[0], CAUTION * (lack - 1.0))
    return candidates, jnp.where(allowed, value, -jnp.inf), _predict(processes, x)[0]


def log_gain(processes: gp.Posterior, goal, least, x):
    """log(expected improvement over ``goal`` times the probability that all limits hold) [n] at ``x`` [n, K].

    A large penalty applies where the ratio of mean to deviation of a limit is below ``least``.
    """
    mean, variance = _predict(processes, x)
    deviation = jnp.sqrt(variance)
    gain = jnp.log(deviation[0]) + log_improvement((mean[0] - goal) / deviation[0])
    odds = mean[1:] / deviation[1:]
    short = jnp.minimum(odds - least, 0.0)
    return gain + jnp.sum(norm.logcdf(odds) + CAUTION * short, axis=0)


def log_improvement(z):
    """log(pdf(z) + z cdf(z)) of the standard normal, exact far into the tail where the sum would be zero.

    S. Ament et al., "Unexpected improvements to expected improvement", NeurIPS 2023.
    """
    near = jnp.maximum(z, -1.0)
    tail = jnp.clip(-z, 1.0, 1e4)
    inside = jnp.log(norm.pdf(near) + near * norm.cdf(near))
    ratio = jnp.log1p(-tail * jnp.sqrt(jnp.pi / 2) * erfcx(tail / jnp.sqrt(2.0)))
    return jnp.where(z > -1.0, inside, norm.logpdf(jnp.minimum(z, -1.0)) + ratio)


def _goal(processes: gp.Posterior, time):
    """The highest posterior mean at the feasible evaluated points, at this ``time``; without any the lowest of all."""
    mean = _at_data(processes, time)
    score = jax.tree.map(lambda leaf: leaf[0], processes.data)
    beyond = jnp.any(processes.data.mask[1:] & (processes.data.y[1:] < 0), axis=0)
    feasible = score.mask & ~beyond
    lowest = jnp.min(jnp.where(score.mask, mean, jnp.inf))
    return jnp.where(feasible.any(), jnp.max(jnp.where(feasible, mean, -jnp.inf)), lowest)


def _at_data(processes: gp.Posterior, time):
    """The posterior mean of the score [N] at the evaluated settings, at this ``time``."""
    score = jax.tree.map(lambda leaf: leaf[0], processes)
    x = score.data.x
    return gp.predict(score, at(x[:, : x.shape[1] - time.shape[0]], time))[0]


@jax.jit
def _evaluated_mean(belief: Belief, time):
    return _at_data(condition(belief), time)

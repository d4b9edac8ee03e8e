"""Bayesian optimisation: a Gaussian process of the score, and where it expects the most improvement."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.special import erfcx
from jax.scipy.stats import norm

from controllers import gp
from controllers.search import SEARCHES, Search, State, design, permitted, sobol

WIDE, LOCAL, CENTRES = 512, 512, 4  # candidates over the whole cube, and around the best few told points
CLIMBERS, STEPS, RATE = 8, 20, 0.03  # the best candidates climb the acquisition by gradient
DEEP = 10.0  # scores this many scales below the median count as disasters, and are compressed
SURE, CAUTION = 0.75, 1e9  # wanted probability of being feasible; lacking it outweighs any improvement
SHARES = (1.0, 0.5, 0.25, 0.0)  # of a climb: a shorter one may stay allowed where the whole does not


class Belief(NamedTuple):
    """What the told points say: a process of the warped score and one of the verdict, +1 or -1."""

    score: tuple[gp.Hyper, gp.Data]
    verdict: tuple[gp.Hyper, gp.Data]


@dataclass(frozen=True)
class BayesianOptimisation(Search):
    """A design of K + 2 settings, the present first; then those with the most expected improvement.

    The score to beat is a posterior mean, so a lucky score does not mislead. Within a batch each
    suggestion enters the processes with its own prediction before the next is sought.
    """

    def ask(self, state: State, n: int) -> np.ndarray:
        if state.told < len(state.space.names) + 2 or not np.isfinite(state.scores).any():
            return design(state, n)
        belief, asked = _learn(state, gp.room(state.told + n)), []
        for i in range(n):
            setting, predicted = _suggest(state, belief, i)
            belief = _believe(belief, state.told + i, state.space.to_unit(setting), predicted)
            asked.append(setting)
        return np.array(asked)

    def best(self, state: State) -> tuple[np.ndarray, float]:
        """The feasible told settings with the highest posterior mean, and that mean in the score's unit."""
        if not state.feasible.any():
            return state.space.present, float("nan")
        mean = np.asarray(_told_mean(*_learn(state, gp.room(state.told)).score))[: state.told]
        winner = np.argmax(np.where(state.feasible, mean, -np.inf))
        return state.settings[winner], float(Warp.of(state).back(mean[winner]))


SEARCHES["bayes"] = BayesianOptimisation()


class Warp(NamedTuple):
    """Scores to numbers of order one: d = (score - middle) / scale, and -DEEP log(1 - d / DEEP) for d < 0.

    The better half keeps its proportions; a disaster far below does not drown the differences that matter.
    """

    middle: float
    scale: float

    @classmethod
    def of(cls, state: State) -> "Warp":
        """``middle`` is the median of the told scores, ``scale`` the distance from there to the highest."""
        scores = state.scores[np.isfinite(state.scores)]
        middle = np.median(scores)
        return cls(middle, (scores.max() - middle) or 1.0)

    def there(self, scores):
        d = (scores - self.middle) / self.scale
        return np.maximum(d, 0.0) - DEEP * np.log1p(-np.minimum(d, 0.0) / DEEP)

    def slope(self, scores):
        """The derivative of ``there``, by which small errors grow or shrink."""
        d = (scores - self.middle) / self.scale
        return 1.0 / (self.scale * (1.0 - np.minimum(d, 0.0) / DEEP))

    def back(self, warped):
        d = np.maximum(warped, 0.0) - DEEP * np.expm1(-np.minimum(warped, 0.0) / DEEP)
        return self.middle + self.scale * d


def _learn(state: State, size: int) -> Belief:
    """Both processes fitted to the told points, padded to ``size`` rows."""
    unit, warp, scored = state.space.to_unit(state.settings), Warp.of(state), np.isfinite(state.scores)
    variance = (state.noise * warp.slope(state.scores)) ** 2
    score = gp.pad(unit, warp.there(state.scores), variance, size, scored)
    verdict = gp.pad(unit, np.where(state.feasible, 1.0, -1.0), np.full(state.told, np.nan), size)
    if state.feasible.all():  # nothing to learn: certain everywhere
        knobs = unit.shape[1]
        return Belief((gp.fit(score), score), (gp.Hyper(np.zeros(knobs), -20.0, 0.0, 1.0), verdict))
    return Belief((gp.fit(score), score), (gp.fit(verdict), verdict))


def _suggest(state: State, belief: Belief, i: int) -> tuple[np.ndarray, float]:
    """The ``i``-th suggestion of a batch: settings [K] and their predicted warped score."""
    space = state.space
    unit = _candidates(state, np.random.default_rng([state.seed, state.told, i]))
    allowed = permitted(state, space.clip(space.from_unit(unit)))
    if not allowed.any():
        return design(state, i + 1)[i], float(belief.score[0].mean)
    found, gain, predicted = (np.asarray(part) for part in _climb(belief, unit, allowed))
    settings = space.clip(space.from_unit(found))
    winner = np.argmax(np.where(permitted(state, settings), gain, -np.inf))
    return settings[winner], float(predicted[winner])


def _candidates(state: State, rng) -> np.ndarray:
    """Points [WIDE + LOCAL, K] of the unit cube: everywhere, and near the best few told, at all scales."""
    knobs = len(state.space.names)
    order = np.argsort(np.where(state.feasible, -state.scores, np.inf), kind="stable")[:CENTRES]
    centre = state.space.to_unit(state.settings[rng.choice(order, LOCAL)])
    scale = 10.0 ** rng.uniform(-3.0, -0.5, (LOCAL, 1))
    moved = rng.random((LOCAL, knobs)) < 0.5
    near = centre + moved * scale * rng.normal(size=(LOCAL, knobs))
    return np.concatenate([sobol(knobs, WIDE, rng), np.clip(near, 0.0, 1.0)])


def _believe(belief: Belief, row: int, unit: np.ndarray, predicted: float) -> Belief:
    """The belief with a suggestion as if it had been told: feasible, its score as predicted, no noise."""

    def entered(data: gp.Data, y: float) -> gp.Data:
        x, ys, noise, mask = (np.array(field) for field in data)
        x[row], ys[row], noise[row], mask[row] = unit, y, 0.0, True
        return gp.Data(x, ys, noise, mask)

    (score, told), (verdict, verdicts) = belief
    return Belief((score, entered(told, predicted)), (verdict, entered(verdicts, 1.0)))


@jax.jit
def _climb(belief: Belief, candidates, allowed):
    """The best allowed candidates after some gradient steps: points [n, K], log gain [n], score [n]."""
    score, verdict = gp.condition(*belief.score), gp.condition(*belief.verdict)
    goal = _goal(score, verdict.data)
    optimiser = optax.adam(optax.cosine_decay_schedule(RATE, STEPS))

    def step(carry, _):
        x, memory = carry
        slope = jax.grad(lambda x: log_gain(score, verdict, goal, x).sum())(x)
        moves, memory = optimiser.update(-slope, memory)
        return (jnp.clip(x + moves, 0.0, 1.0), memory), None

    gain = jnp.where(allowed, log_gain(score, verdict, goal, candidates), -jnp.inf)
    begin = candidates[jax.lax.top_k(gain, CLIMBERS)[1]]
    (end, _), _ = jax.lax.scan(step, (begin, optimiser.init(begin)), length=STEPS)
    found = jnp.concatenate([begin + share * (end - begin) for share in SHARES])
    return found, log_gain(score, verdict, goal, found), gp.predict(score, found)[0]


def log_gain(score: gp.Posterior, verdict: gp.Posterior, goal, x):
    """log(expected improvement over ``goal`` times the probability of being feasible) [n] at ``x`` [n, K].

    Where that probability is below SURE no improvement is worth it: only the verdict counts there.
    """
    mean, variance = gp.predict(score, x)
    sign, spread = gp.predict(verdict, x)
    deviation = jnp.sqrt(variance)
    gain = jnp.log(deviation) + log_improvement((mean - goal) / deviation)
    odds = sign / jnp.sqrt(spread)
    return gain + norm.logcdf(odds) + CAUTION * jnp.minimum(odds - norm.ppf(SURE), 0.0)


def log_improvement(z):
    """log(pdf(z) + z cdf(z)) of the standard normal, exact far into the tail where the sum would be zero.

    S. Ament et al., "Unexpected improvements to expected improvement", NeurIPS 2023.
    """
    near = jnp.maximum(z, -1.0)
    tail = jnp.clip(-z, 1.0, 1e4)
    inside = jnp.log(norm.pdf(near) + near * norm.cdf(near))
    ratio = jnp.log1p(-tail * jnp.sqrt(jnp.pi / 2) * erfcx(tail / jnp.sqrt(2.0)))
    return jnp.where(z > -1.0, inside, norm.logpdf(jnp.minimum(z, -1.0)) + ratio)


def _goal(score: gp.Posterior, verdicts: gp.Data):
    """The highest posterior mean at a feasible point; the lowest at any where none is feasible yet."""
    mean = _at_data(score)
    feasible = score.data.mask & (verdicts.y > 0)
    lowest = jnp.min(jnp.where(score.data.mask, mean, jnp.inf))
    return jnp.where(feasible.any(), jnp.max(jnp.where(feasible, mean, -jnp.inf)), lowest)


def _at_data(posterior: gp.Posterior):
    return gp.predict(posterior, posterior.data.x)[0]


@jax.jit
def _told_mean(hyper: gp.Hyper, data: gp.Data):
    return _at_data(gp.condition(hyper, data))

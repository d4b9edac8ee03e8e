"""A safe search: small steps, only to settings where every limit holds with a stated probability."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from controllers.searches import gp
from controllers.searches.bayes import (
    BayesianOptimisation,
    Region,
    box,
    candidates_in,
    everywhere,
    gains,
    least_odds,
    maximise,
)
from controllers.searches.belief import Belief, condition
from controllers.searches.search import SEARCHES, State, permitted

ROUGH = 0.15  # longest length scale assumed of a limit: it may vary between the evaluations
SIGNAL = 1.0  # least variance assumed of a limit, scaled so that the widest margin is about one
HOPE = 0.1  # least probability that the limits hold at a target
STEPS = 512  # candidates for a step towards the target
NEW = 0.01  # least distance of such a step from all evaluated settings, in cube edges
WORTH = 1.0  # excess of a target's log gain over that of the safe settings that justifies a step towards it


@dataclass(frozen=True)
class SafeOptimisation(BayesianOptimisation):
    """The largest expected improvement where a pessimistic bound of each limit is not crossed.

    Where a target beyond these safe settings promises much more, the safe settings nearest to it are evaluated, so
    that the safe region grows towards it (M. Turchetta et al., "Safe exploration for interactive machine learning",
    NeurIPS 2019). Limits are assumed to be rougher than their fit, and to be crossed far from all evaluations.
    There is no guarantee where they are rougher still: a limit that must never be crossed belongs into ``allowed``.
    """

    sure: float = 0.999
    reach: float = 0.1  # half edge of the box around the best settings in which the next step may lie

    def ask(self, state: State, n: int) -> np.ndarray:
        if state.told == 0 or not state.feasible.any():
            return _near_present(state, n)
        return self._suggestions(state, n, box(state, self.reach))

    def _learn(self, state: State, size: int) -> Belief:
        hyper, data = super()._learn(state, size)
        limits = jnp.arange(len(data.y)) > 0
        length = jnp.where(limits[:, None], jnp.minimum(hyper.log_length, np.log(ROUGH)), hyper.log_length)
        signal = jnp.where(limits, jnp.maximum(hyper.log_signal, np.log(SIGNAL)), hyper.log_signal)
        mean = jnp.where(limits, jnp.minimum(hyper.mean, 0.0), hyper.mean)
        return Belief(gp.Hyper(length, signal, hyper.log_noise, mean), data)

    def _suggest(self, state: State, belief: Belief, region: Region, i: int) -> tuple[np.ndarray, np.ndarray]:
        setting, predicted = super()._suggest(state, belief, region, i)
        if len(belief.data.y) == 1:
            return setting, predicted
        time = self._now(state)
        rng = np.random.default_rng([state.seed, state.told, i, 1])
        whole = everywhere(state)
        unit = candidates_in(state, whole, rng, self._centres(state))
        allowed = permitted(state, state.space.clip(state.space.from_unit(unit)))
        found, gain, _ = maximise(belief, unit, allowed, time, least_odds(belief, HOPE), whole)
        target = np.asarray(found[np.argmax(gain)])
        pair = np.stack([state.space.to_unit(setting), target])
        safe, hoped = np.asarray(gains(belief, pair, time, least_odds(belief, HOPE)))
        if hoped < safe + WORTH:
            return setting, predicted
        return self._towards(state, belief, target, rng) or (setting, predicted)

    def _towards(self, state: State, belief: Belief, target: np.ndarray, rng):
        """The new safe settings nearest to the target, and their prediction [P]; None if there are none."""
        space = state.space
        evaluated = space.to_unit(state.settings)
        centre = evaluated[rng.choice(np.flatnonzero(state.feasible), STEPS)]
        step = rng.normal(size=centre.shape) * self.reach * rng.random((STEPS, 1))
        settings = space.clip(space.from_unit(np.clip(centre + step, 0.0, 1.0)))
        unit = space.to_unit(settings)
        mean, odds = (np.asarray(part) for part in _odds(belief, unit))
        new = np.linalg.norm(unit[:, None] - evaluated[None], axis=-1).min(1) > NEW
        fit = new & (odds[1:] >= least_odds(belief, self.sure)).all(0) & permitted(state, settings)
        if not fit.any():
            return None
        winner = np.argmin(np.where(fit, np.linalg.norm(unit - target, axis=-1), np.inf))
        return settings[winner], mean[:, winner]


SEARCHES["safe"] = SafeOptimisation()


@jax.jit
def _odds(belief: Belief, x):
    """Mean, and ratio of mean to deviation, of each process [P, n] at ``x`` [n, K]."""
    mean, variance = jax.vmap(gp.predict, (0, None))(condition(belief), x)
    return mean, mean / jnp.sqrt(variance)


def _near_present(state: State, n: int) -> np.ndarray:
    """The present settings first; then, until an evaluation is feasible, random settings very near to them."""
    space = state.space
    rows = range(state.told, state.told + n)
    moves = [np.random.default_rng([state.seed, row]).uniform(-1.0, 1.0, len(space.names)) for row in rows]
    rows = np.array(rows)
    moves = np.array(moves) * np.minimum(rows, 10)[:, None] * 0.002
    suggested = space.clip(space.from_unit(space.to_unit(space.present) + moves))
    suggested[rows == 0] = space.present
    return np.where(permitted(state, suggested)[:, None], suggested, space.present)

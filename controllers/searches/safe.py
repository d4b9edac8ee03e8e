"""A careful search: small steps, and only where every limit holds with a stated probability."""

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
    climb,
    everywhere,
    gains,
    least_odds,
)
from controllers.searches.belief import Belief, condition
from controllers.searches.search import SEARCHES, State, permitted

ROUGH = 0.15  # longest length scale believed of a limit: what was not looked at may be uneven
SIGNAL = 1.0  # least variance believed of a limit, of a scale where the widest margin is about one
HOPE = 0.1  # a target may lie where the limits hold with this probability
STEPS = 512  # candidates of a step towards the target
NEW = 0.01  # least distance of such a step from all told settings, in cube edges
WORTH = 1.0  # a target whose log gain is this much above that of the sure settings is stepped towards


@dataclass(frozen=True)
class SafeOptimisation(BayesianOptimisation):
    """The most expected improvement where the pessimistic bound of each limit is not crossed.

    Where much more may be gained beyond, the sure settings nearest to that target are looked at, so what
    is sure grows towards it (M. Turchetta et al., "Safe exploration for interactive machine learning",
    NeurIPS 2019). Limits are taken to be rougher than they look, and to be crossed where nothing is
    known. Nothing is promised where they are rougher still; what must not happen belongs into ``allowed``.
    """

    sure: float = 0.999
    reach: float = 0.1  # half edge of the box around the best settings in which the next step may lie

    def ask(self, state: State, n: int) -> np.ndarray:
        if state.told == 0 or not state.feasible.any():
            return _near_present(state, n)
        return self._promising(state, n, box(state, self.reach))

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
        found, gain, _ = climb(belief, unit, allowed, time, least_odds(belief, HOPE), whole)
        target = np.asarray(found[np.argmax(gain)])
        pair = np.stack([state.space.to_unit(setting), target])
        safe, hoped = np.asarray(gains(belief, pair, time, least_odds(belief, HOPE)))
        if hoped < safe + WORTH:
            return setting, predicted
        return self._towards(state, belief, target, rng) or (setting, predicted)

    def _towards(self, state: State, belief: Belief, target: np.ndarray, rng):
        """The sure and new settings nearest to the target, and their prediction; None if there are none."""
        space = state.space
        told = space.to_unit(state.settings)
        centre = told[rng.choice(np.flatnonzero(state.feasible), STEPS)]
        step = rng.normal(size=centre.shape) * self.reach * rng.random((STEPS, 1))
        settings = space.clip(space.from_unit(np.clip(centre + step, 0.0, 1.0)))
        unit = space.to_unit(settings)
        mean, odds = (np.asarray(part) for part in _odds(belief, unit))
        new = np.linalg.norm(unit[:, None] - told[None], axis=-1).min(1) > NEW
        fit = new & (odds[1:] >= least_odds(belief, self.sure)).all(0) & permitted(state, settings)
        if not fit.any():
            return None
        winner = np.argmin(np.where(fit, np.linalg.norm(unit - target, axis=-1), np.inf))
        return settings[winner], mean[:, winner]


SEARCHES["safe"] = SafeOptimisation()


@jax.jit
def _odds(belief: Belief, x):
    """Mean, and mean over deviation, of each process [P, n] at ``x`` [n, K]."""
    mean, variance = jax.vmap(gp.predict, (0, None))(condition(belief), x)
    return mean, mean / jnp.sqrt(variance)


def _near_present(state: State, n: int) -> np.ndarray:
    """The present settings first; while nothing feasible is known, ever so slightly beside them."""
    space = state.space
    rows = range(state.told, state.told + n)
    moves = [np.random.default_rng([state.seed, row]).uniform(-1.0, 1.0, len(space.names)) for row in rows]
    rows = np.array(rows)
    moves = np.array(moves) * np.minimum(rows, 10)[:, None] * 0.002
    asked = space.clip(space.from_unit(space.to_unit(space.present) + moves))
    asked[rows == 0] = space.present
    return np.where(permitted(state, asked)[:, None], asked, space.present)

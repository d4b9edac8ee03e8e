"""Search for the Pareto front of two objectives by the expected gain of hypervolume."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jax.scipy.stats import norm

from controllers.policy import Policy
from controllers.searches import gp
from controllers.searches.bayes import (
    CAUTION,
    BayesianOptimisation,
    Region,
    at,
    least_odds,
    log_improvement,
    maximise,
)
from controllers.searches.belief import Belief, learn
from controllers.searches.front import front, knee
from controllers.searches.search import SEARCHES, State
from twin.errors import UserError

GOALS = 2
NOTHING = -1e4  # log gain of a strip of zero width


@dataclass(frozen=True)
class ParetoSearch(BayesianOptimisation):
    """Bayesian optimisation of two ``objectives``; of the score where the evaluations have none.

    Gain is counted above the reference point ``corner`` [M]: a point that is worse in any objective has none.
    Without a ``corner`` it lies below the front so far (H. Ishibuchi et al., 2018).
    """

    corner: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.corner) not in (0, GOALS):
            raise UserError(
                f"corner = {self.corner} has {len(self.corner)} values, but pareto searches a front of {GOALS} "
                "objectives: give one value for each, or () to derive it"
            )

    def ask(self, state: State, n: int) -> np.ndarray:
        if state.objectives.shape[1] not in (0, GOALS):
            raise UserError(
                f"pareto searches a front of {GOALS} objectives, but {state.objectives.shape[1]} were given: "
                "give the two that matter most as objectives, and the others as margins"
            )
        return super().ask(state, n)

    def best(self, state: State) -> tuple[np.ndarray, float]:
        """The settings at the knee of the front, and their score."""
        rows = on_front(state)
        if not len(rows):
            return super().best(state)
        row = rows[knee(state.objectives[rows])]
        return state.settings[row], float(state.scores[row])

    def _learn(self, state: State, size: int) -> Belief:
        return learn(state, size, self.clock, self.corner if state.objectives.shape[1] else None)

    def _centres(self, state: State) -> np.ndarray:
        rows = on_front(state)
        return state.settings[rows] if len(rows) else super()._centres(state)

    def _acquire(self, state: State, belief: Belief, unit, allowed, region: Region, rng):
        if not state.objectives.shape[1]:
            return super()._acquire(state, belief, unit, allowed, region, rng)
        odds = least_odds(belief, self.sure, GOALS)
        return maximise(belief, unit, allowed, self._now(state), odds, region, hypervolume_gain)


SEARCHES["pareto"] = ParetoSearch()


def on_front(state: State) -> np.ndarray:
    """Rows of the feasible evaluated settings that no other dominates, in ascending order of the first objective."""
    if not state.objectives.shape[1]:
        return np.empty(0, int)
    rows = np.flatnonzero(front(np.where(state.feasible[:, None], state.objectives, np.nan)))
    return rows[np.argsort(state.objectives[rows, 0])]


def choice(state: State, weights=None) -> Policy:
    """The policy that holds the settings of the front with the highest weighted sum; without weights the knee."""
    rows = on_front(state)
    if not len(rows):
        return Policy("keep", state.space.present)
    name = "knee of the front" if weights is None else "weighted choice of the front"
    return Policy(name, state.settings[rows[knee(state.objectives[rows], weights)]])


def hypervolume_gain(processes: gp.Posterior, time, odds):
    """log(expected gain of hypervolume times the probability that all limits hold): inputs [n, K + T] -> [n]."""
    limits = processes.data.mask[GOALS:] & (processes.data.y[GOALS:] < 0)
    goals = jax.tree.map(lambda leaf: leaf[:GOALS], processes)
    x = goals.data.x[0]
    means = jax.vmap(gp.predict, (0, None))(goals, at(x[:, : x.shape[1] - time.shape[0]], time))[0]
    kept = goals.data.mask.all(0) & ~limits.any(0)
    cut = strips(jnp.where(kept[None], jnp.maximum(means, 0.0), 0.0))
    return partial(_log_gain, processes, cut, odds)


def strips(points):
    """The region above points [2, N] (both at least zero, the corner) as strips: left, right, floor, each [N + 1].

    A strip spans from one point's first objective to that of the next; its floor is the best second
    objective of all points to its right. A dominated point only divides a strip.
    """
    order = jnp.argsort(points[0])
    first, second = points[0][order], points[1][order]
    zero, last = jnp.zeros(1), jnp.full(1, jnp.inf)
    floor = jax.lax.cummax(second, reverse=True)
    return jnp.concatenate([zero, first]), jnp.concatenate([first, last]), jnp.concatenate([floor, zero])


def log_expected_gain(mean, deviation, cut):
    """log of the expected gain of hypervolume [n] by independent normal objectives [2, n] over strips.

    A point (a, b) gains ((a - left)+ - (a - right)+) (b - floor)+ in each strip, and as a and b are
    independent the expectation is a product of two of E(a - t)+ = s psi((m - t) / s): exact (the box
    decomposition of M. Emmerich et al., "A tutorial on multiobjective optimization", Nat. Comput. 17, 2018).
    """
    left, right, floor = (edge[None] for edge in cut)  # [1, S]
    m, s = mean[:, :, None], deviation[:, :, None]  # [2, n, 1]
    wide = (right - left > 1e-9) & jnp.ones_like(m[0], bool)
    near = jnp.log(s[0]) + log_improvement((m[0] - left) / s[0])
    beyond = log_improvement((m[0] - jnp.where(jnp.isinf(right), left + 1.0, right)) / s[0]) + jnp.log(s[0])
    less = jnp.minimum(jnp.where(wide & ~jnp.isinf(right), beyond - near, -50.0), -1e-9)
    across = near + jnp.log(-jnp.expm1(less))
    above = jnp.log(s[1]) + log_improvement((m[1] - floor) / s[1])
    return logsumexp(jnp.where(wide, across + above, NOTHING), axis=1)


def _log_gain(processes: gp.Posterior, cut, odds, x):
    mean, variance = jax.vmap(gp.predict, (0, None))(processes, x)
    deviation = jnp.sqrt(variance)
    gain = log_expected_gain(mean[:GOALS], deviation[:GOALS], cut)
    held = mean[GOALS:] / deviation[GOALS:]
    return gain + jnp.sum(norm.logcdf(held) + CAUTION * jnp.minimum(held - odds, 0.0), axis=0)

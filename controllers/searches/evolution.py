"""An evolution strategy (CMA-ES) as a search: its generations are recomputed from the evaluations."""

from dataclasses import dataclass

import numpy as np
from cmaes import CMA

from controllers.searches.search import SEARCHES, Search, State, design, permitted

WIDTH = 0.2  # first standard deviation, in cube edges
TRIES = 32  # points drawn for each suggestion; the first that is allowed is suggested


@dataclass(frozen=True)
class EvolutionStrategy(Search):
    """The present settings, then populations drawn around a mean with a covariance; both are adapted by ranks.

    N. Hansen, "The CMA evolution strategy: a tutorial", arXiv:1604.00772, by the library cmaes. Evaluations
    form generations in their order; infeasible ones rank last. It needs several hundred evaluations.
    """

    def ask(self, state: State, n: int) -> np.ndarray:
        strategy = _replayed(state)
        return np.array([self._one(state, strategy, i) for i in range(n)])

    def _one(self, state: State, strategy: CMA, i: int) -> np.ndarray:
        row = state.told + i
        if row == 0:
            return state.space.present
        strategy.reseed_rng(_seed(state.seed, row))
        drawn = state.space.from_unit(np.array([strategy.ask() for _ in range(TRIES)]))
        drawn = state.space.clip(drawn)
        fit = np.flatnonzero(permitted(state, drawn))
        return drawn[fit[0]] if len(fit) else design(state, i + 1)[i]


SEARCHES["cma"] = EvolutionStrategy()


def _replayed(state: State) -> CMA:
    """The strategy after all complete generations; the present settings, evaluated first, are its first mean."""
    unit = state.space.to_unit(state.settings)
    knobs = unit.shape[1]
    bounds = np.tile([0.0, 1.0], (knobs, 1))
    start = np.clip(state.space.to_unit(state.space.present), 0.01, 0.99)
    strategy = CMA(start, WIDTH, bounds, seed=_seed(state.seed, 0))
    size = strategy.population_size
    cost = _ranked_last(state)
    for first in range(1, state.told - size + 1, size):
        rows = range(first, first + size)
        strategy.tell([(unit[row], cost[row]) for row in rows])
    return strategy


def _ranked_last(state: State) -> np.ndarray:
    """Negated scores [N]; infeasible rows are worse than all feasible ones."""
    good = state.feasible
    worst = -state.scores[good].min() if good.any() else 0.0
    return np.where(good, -np.where(good, state.scores, 0.0), worst + 1.0)


def _seed(seed: int, row: int) -> int:
    return int(np.random.SeedSequence([seed, row]).generate_state(1)[0])

"""Modified TNK: a known optimum behind a wavy limit, from feasible starts; violations and regret.

minimise (x1 - 0.5)^2 + (x2 - 0.5)^2 where x1^2 + x2^2 >= 1 + 0.1 cos(16 atan2(x1, x2)) and the objective is
at most 0.5; both in [0, pi] (M. Tanaka et al., 1995, with one objective as in Xopt's test problems).
"""

import numpy as np

from controllers.searches.search import Search
from twin import Space

BUDGET, STARTS = 25, 3


def objective(x):
    return ((x - 0.5) ** 2).sum(-1)


def margins(x):
    """Distance inside each of the two limits [n, 2]."""
    wave = 0.1 * np.cos(16 * np.arctan2(x[:, 0], x[:, 1]))
    return np.column_stack([(x**2).sum(-1) - 1.0 - wave, 0.5 - objective(x)])


def least() -> float:
    """The minimum, which lies on the wavy limit."""
    angle = np.linspace(0.0, np.pi / 2, 200001)
    radius = np.sqrt(1.0 + 0.1 * np.cos(16 * angle))
    return float(objective(radius[:, None] * np.column_stack([np.sin(angle), np.cos(angle)])).min())


LEAST = least()


def trial(search: Search, seed: int) -> tuple[int, float]:
    """Violations among the search's own evaluations, and the regret of the best feasible one."""
    pool = np.random.default_rng([seed, 9]).uniform(0.0, np.pi, (4000, 2))
    starts = pool[(margins(pool) >= 0).all(1)][:STARTS]
    space = Space(("x1", "x2"), ("", ""), np.zeros(2), np.full(2, np.pi), np.ones(2), starts[0])
    state = search.tell(search.start(space, seed), starts, -objective(starts), margins=margins(starts))
    while state.told < BUDGET:
        asked = search.ask(state, 1)
        state = search.tell(state, asked, -objective(asked), margins=margins(asked))
    kept = (margins(state.settings) >= 0).all(1)
    return int((~kept).sum()), float(objective(state.settings)[kept].min() - LEAST)

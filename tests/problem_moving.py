"""An optimum that moves on a circle, and the regret of a search that tracks it."""

import numpy as np

from controllers.searches import SEARCHES
from twin import Space

LOOKS, PERIOD = 50, 50.0


def cube(knobs: int) -> Space:
    names, ones = tuple(f"x{i}" for i in range(knobs)), np.ones(knobs)
    return Space(names, ("",) * knobs, 0.0 * ones, ones, ones, 0.5 * ones)


def moving(name: str, seed: int) -> np.ndarray:
    """Regret per evaluation of a quadratic (4 per squared edge); its optimum moves on a circle of a quarter edge."""
    search, state = SEARCHES[name], SEARCHES[name].start(cube(2), seed)
    phase = np.random.default_rng([seed, 3]).uniform(0.0, 2.0 * np.pi)
    for row in range(LOOKS):
        angle = 2.0 * np.pi * row / PERIOD + phase
        best = 0.5 + 0.25 * np.array([np.cos(angle), np.sin(angle)])
        asked = search.ask(state, 1)
        state = search.tell(state, asked, [-4.0 * np.sum((asked[0] - best) ** 2)])
    return -state.scores

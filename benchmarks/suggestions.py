"""Seconds per suggestion of Bayesian optimisation, and its regret where the optimum moves.

Run by hand from the repository root: OPENBLAS_NUM_THREADS=1 python -m benchmarks.suggestions [seeds] [first seed]
"""

import sys
import time

import numpy as np

from controllers import SEARCHES
from tests.problem_moving import cube, moving

ROWS = (("bayes", 100, 8, False), ("bayes", 100, 8, True), ("bayes", 200, 16, True))
"""Search, settings told, knobs, with a limit."""


def seconds(name: str, told: int, knobs: int, limited: bool, suggestions: int = 40) -> np.ndarray:
    """Wall time of suggestions in a row around ``told`` settings, after one that compiles."""
    search, x = SEARCHES[name], np.random.default_rng(0).random((told - suggestions // 2, knobs))

    def scores(x):
        return -np.sum((x - 0.3) ** 2 * (1 + x), -1)

    def tell(state, x):
        limits = {"margins": x[:, :1] + x[:, 1:2] - 0.5} if limited else {}
        return search.tell(state, x, scores(x), **limits)

    state, taken = tell(search.start(cube(knobs), 0), x), []
    search.ask(state, 1)
    for _ in range(suggestions):
        began = time.perf_counter()
        asked = search.ask(state, 1)
        taken.append(time.perf_counter() - began)
        state = tell(state, asked)
    return np.array(taken)


def main(seeds: int = 20, first: int = 100) -> None:
    for row in ROWS:
        taken = seconds(*row)
        print(
            f"{row}: median {np.median(taken):.3f} s, 95 % {np.quantile(taken, 0.95):.3f}, most {taken.max():.3f}"
        )
    for name in ("keep", "track", "drift", "bayes"):
        regret = np.array([moving(name, seed) for seed in range(first, first + seeds)])
        print(
            f"moving optimum, {name}: mean regret {regret.mean():.3f}, of looks 11 to 50 {regret[:, 10:].mean():.4f}"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""Regret of each search after 25 and 50 evaluations of known functions, and seconds per suggestion.

Run by hand from the repository root: OPENBLAS_NUM_THREADS=1 python -m benchmarks.search [seeds]
(the threads of OpenBLAS wait for each other by spinning, which on a busy machine costs more than all
of the arithmetic). Scores are negated functions, so higher is better; regret is the true distance of
the search's own choice from the known optimum.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from controllers.searches.search import SEARCHES, Search
from twin import Space

CHECKPOINTS = (25, 50)


@dataclass(frozen=True)
class Problem:
    """A function to make small on a box; ``least`` is its known minimum, ``noise`` the error of a look."""

    name: str
    function: Callable[[np.ndarray], np.ndarray]
    low: tuple[float, ...]
    high: tuple[float, ...]
    least: float
    noise: float = 0.0

    def space(self, seed: int) -> Space:
        """The box, its present settings drawn from the seed."""
        low, high = np.array(self.low), np.array(self.high)
        present = np.random.default_rng(seed).uniform(low, high)
        names = tuple(f"x{i}" for i in range(len(low)))
        return Space(names, ("",) * len(low), low, high, np.ones(len(low)), present)

    def regret(self, settings) -> float:
        return float(self.function(np.atleast_2d(settings))[0] - self.least)


def sphere(x):
    return np.sum((x - 0.3) ** 2, -1)


def rosenbrock(x):
    return np.sum(100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1.0 - x[:, :-1]) ** 2, -1)


def branin(x):
    a, b = x[:, 0], x[:, 1]
    curve = b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6
    return curve**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10


def hartmann(x):
    """Hartmann-6 (L. Dixon, G. Szego, Towards Global Optimization 2, 1978)."""
    weight = np.array([1.0, 1.2, 3.0, 3.2])
    width = np.array(
        [
            [10, 3, 17, 3.5, 1.7, 8],
            [0.05, 10, 17, 0.1, 8, 14],
            [3, 3.5, 1.7, 10, 17, 8],
            [17, 8, 0.05, 10, 0.1, 14],
        ]
    )
    centre = 1e-4 * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    )
    return -np.exp(-np.sum(width * (x[:, None] - centre) ** 2, -1)) @ weight


PROBLEMS = (
    Problem("sphere-8, noise 0.05", sphere, (-1.0,) * 8, (1.0,) * 8, 0.0, 0.05),
    Problem("rosenbrock-4", rosenbrock, (-2.0,) * 4, (2.0,) * 4, 0.0),
    Problem("hartmann-6", hartmann, (0.0,) * 6, (1.0,) * 6, -3.32237),
    Problem("branin", branin, (-5.0, 0.0), (10.0, 15.0), 0.397887),
)


def regrets(search: Search, problem: Problem, seed: int, checkpoints=CHECKPOINTS) -> list[float]:
    """True regret of the search's own choice after each number of evaluations, one asked at a time."""
    inputs = np.random.default_rng([seed, 1])
    state, found = search.start(problem.space(seed), seed), []
    for count in range(1, max(checkpoints) + 1):
        settings = search.ask(state, 1)
        scores = -problem.function(settings) + problem.noise * inputs.normal(size=1)
        state = search.tell(state, settings, scores)
        if count in checkpoints:
            found.append(problem.regret(search.best(state)[0]))
    return found


def seconds(told: int, knobs: int) -> tuple[float, float]:
    """Seconds of the first suggestion (compiling, unless that size was used) and of a warm one."""
    problem, search = Problem("sphere", sphere, (-1.0,) * knobs, (1.0,) * knobs, 0.0), SEARCHES["bayes"]
    rng = np.random.default_rng(0)
    settings = rng.uniform(-1.0, 1.0, (told, knobs))
    state = search.tell(search.start(problem.space(0), 0), settings, -sphere(settings))
    spent = []
    for _ in range(6):
        begin = time.perf_counter()
        search.ask(state, 1)
        spent.append(time.perf_counter() - begin)
    return spent[0], float(np.median(spent[1:]))


def main(seeds: int = 5) -> None:
    names = [name for name in SEARCHES if name != "keep"]
    print(f"median regret over {seeds} seeds (worst seed)")
    print(f"{'problem':24}{'search':10}" + "".join(f"{f'after {n}':>24}" for n in CHECKPOINTS))
    for problem in PROBLEMS:
        for name in names:
            found = np.array([regrets(SEARCHES[name], problem, seed) for seed in range(seeds)])
            cells = [f"{np.median(column):.4g} ({column.max():.4g})" for column in found.T]
            print(f"{problem.name:24}{name:10}" + "".join(f"{cell:>24}" for cell in cells), flush=True)
    print(f"\n{'told':>6}{'knobs':>7}{'first s':>10}{'warm s':>10}")
    for knobs in (4, 8):
        for told in (20, 50, 100, 200):
            first, warm = seconds(told, knobs)
            print(f"{told:6}{knobs:7}{first:10.2f}{warm:10.3f}", flush=True)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))

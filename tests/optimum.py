"""A decision with an exactly known best: its exact worth, a small facility to play it on, and a search for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from controllers.searches.search import Search
from twin import Facility, Space, reference
from twin.draws import draw
from twin.nominal import nominal
from twin.outcome import Tally
from twin.plant import build
from twin.scenario import ahead


@dataclass(frozen=True)
class Problem:
    """``worth`` is exact and as a rule higher is better; ``read`` gives its estimate [R] from the twin's tallies.

    The parameter [K] of the policy lies in ``space``; a facility is written for it, or it is what its knobs are
    set to (``knobs``).
    """

    name: str
    formula: str  # with its source
    space: Space
    worth: Callable[[np.ndarray], float]
    best: np.ndarray  # [K] exact
    facility: Callable[[np.ndarray], Facility]
    read: Callable[[Tally, np.ndarray], np.ndarray]
    knobs: bool = False
    hours: float = 10_000.0
    lives: int = 512
    bias: float = 0.0  # what beginning with new units may shift the mean by
    simulate: Callable[..., Tally] = reference.simulate

    def play(self, x: np.ndarray, runs: int, seed: int) -> np.ndarray:
        """The twin's estimate of the worth of ``x`` in each of ``runs`` runs [R]; one seed, one set of draws."""
        facility = self.facility(x)
        draws = draw(facility, runs, self.lives, 2, seed)
        scene = ahead(facility, self.hours, self.hours, x if self.knobs else None)
        tally = self.simulate(build(facility), nominal(facility), draws, scene)
        assert not np.any(tally.exhausted), f"{self.name}: draws used up; give more lives"
        return np.asarray(self.read(tally, x), float)


class Found(NamedTuple):
    """What a search chose, and how it does on draws that the search has not seen."""

    x: np.ndarray
    mean: float
    low: float  # of the 90 % interval over runs
    high: float


def space(*knobs: tuple[str, str, float, float]) -> Space:
    """A space of policy parameters, the present one in the middle of each: (name, unit, low, high)."""
    names, units, low, high = zip(*knobs, strict=True)
    ends = np.array(low, float), np.array(high, float)
    return Space(names, units, *ends, np.full(len(names), np.inf), (ends[0] + ends[1]) / 2)


def interval(seen: np.ndarray) -> tuple[float, float, float]:
    """(mean, low, high) of runs [R] by Student's t, 90 %."""
    half = stats.t.ppf(0.95, len(seen) - 1) * seen.std(ddof=1) / np.sqrt(len(seen))
    return float(seen.mean()), float(seen.mean() - half), float(seen.mean() + half)


def find(problem: Problem, search: Search, asks: int, runs: int, fresh: int, seed: int = 1) -> Found:
    """Ask ``asks`` times, each judged on the same ``runs`` draws; then judge the choice on ``fresh`` others."""
    state = search.start(problem.space, seed)
    for _ in range(asks):
        x = search.ask(state, 1)
        seen = problem.play(x[0], runs, seed)
        state = search.tell(state, x, [seen.mean()], noise=[seen.std(ddof=1) / np.sqrt(runs)])
    choice = search.best(state)[0]
    return Found(choice, *interval(problem.play(choice, fresh, seed + 1000)))

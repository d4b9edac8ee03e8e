"""The claim of each search: a class of problems with an exact optimum, and the evaluations to find it in.

An evaluation is as noisy as the mean of sixteen runs of the twin; the choice is evaluated on FRESH more runs. The tests
require a claim of each registered search; searches that need a model of the machine have theirs by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from cases_optima_beam import LENGTH_M, B, F, mean_current, trips, trips_and_life, voltage_worth
from cases_optima_maintenance import peak
from optimum import interval
from problem_moving import LOOKS, moving
from problem_tnk import BUDGET, LEAST, trial

from controllers.searches.ascent import AcquisitionObjective, GradientAscent, no_limits
from controllers.searches.front import hypervolume
from controllers.searches.identify import IdentifyThenControl, Model
from controllers.searches.search import SEARCHES, Search
from twin import Space

FRESH = 128
RUN = 0.0027  # standard deviation of the mean current in one run of 10,000 h of the toy ring, from the twin
LOOK = RUN / 4.0  # of the mean of sixteen
CIRCLE = 0.05  # largest mean regret on a moving optimum; keeping the present settings costs 0.25
TNK = 0.005  # of 0.5
FRONT = 0.03  # largest missing share of the exact hypervolume of a front


class Recovered(NamedTuple):
    """The choice of a search: the 90 % interval of its value from new runs, and its exact regret."""

    low: float
    high: float
    best: float  # exact
    lost: float
    broken: int = 0  # evaluations beyond a limit

    @property
    def covers(self) -> bool:
        return self.low <= self.best <= self.high

    @property
    def near(self) -> bool:
        """Whether the exact regret is at most half the width of the interval; noise does not change the regret."""
        return self.lost <= (self.high - self.low) / 2.0


@dataclass(frozen=True)
class Claim:
    """A search on a class of problems; ``play(search, evaluations, seed)``."""

    kind: str
    looks: int
    play: Callable[[Search, int, int], Recovered]
    search: Search


def _space(present: float = 3.0) -> Space:
    return Space(
        ("rf_voltage",), ("MV",), np.array([1.2]), np.array([4.0]), np.array([10.0]), np.array([present])
    )


def _judged(worth: float, best: float, rng, deviation: float = RUN, broken: int = 0) -> Recovered:
    """A choice, evaluated in FRESH more runs."""
    _, low, high = interval(worth + deviation * rng.normal(size=FRESH))
    return Recovered(low, high, best, best - worth, broken)


def worth(volts, trip_h: float = 20.0) -> float:
    """Mean current of the ring at a voltage."""
    return voltage_worth((0.0, float(volts[0])), trip_h)


BEST = peak(worth, 1.2, 4.0)


def voltage(search: Search, evaluations: int, seed: int, space: Space | None = None) -> Recovered:
    """A score with noise: RF voltage of a ring between lifetime and trips."""
    rng = np.random.default_rng([seed, 5])
    state = search.start(space or _space(), seed)
    for _ in range(evaluations):
        asked = search.ask(state, 1)
        state = search.tell(state, asked, [worth(asked[0]) + LOOK * rng.normal()], noise=[LOOK])
    return _judged(worth(search.best(state)[0]), worth(BEST), rng)


def present(search: Search, evaluations: int, seed: int) -> Recovered:
    """The present settings are the optimum."""
    return voltage(search, evaluations, seed, _space(float(BEST[0])))


def drifting(search: Search, evaluations: int, seed: int) -> Recovered:
    """Trips grow from one in 20 h to one in 10 h and the best voltage moves; the last one counts."""
    rng = np.random.default_rng([seed, 5])
    state, trip_h = search.start(_space(), seed), np.linspace(20.0, 10.0, evaluations)
    for hours in trip_h:
        asked = search.ask(state, 1)
        state = search.tell(state, asked, [worth(asked[0], hours) + LOOK * rng.normal()], noise=[LOOK])
    best = peak(lambda v: worth(v, trip_h[-1]), 1.2, 4.0)
    return _judged(worth(search.best(state)[0], trip_h[-1]), worth(best, trip_h[-1]), rng)


def circling(search: Search, evaluations: int, seed: int) -> Recovered:
    """The optimum of a quadratic moves on a circle: mean regret from the eleventh evaluation on, a fifth of 0.25."""
    (name,) = (name for name, known in SEARCHES.items() if known is search)
    assert evaluations == LOOKS
    regret = float(moving(name, seed)[10:].mean())
    return Recovered(-regret - CIRCLE, -regret + CIRCLE, 0.0, regret)


# Two of the cavities of ``cases_optima_beam``: most energy at no more than so many trips an hour.
PAIR, MOST, ENERGY = slice(0, 2), 0.05, 0.01  # ENERGY [MV]: standard deviation of a reading, assumed


def pair_trips(gradients) -> np.ndarray:
    """Trips an hour [n] at gradients [n, 2]."""
    whole = np.broadcast_to(-99.0, (len(gradients), len(B))).copy()
    whole[:, PAIR] = gradients
    return trips(whole)[:, PAIR].sum(-1)


def pair_best(most) -> np.ndarray:
    """Gradients [2] of the most energy: B_i times its trips is the same for both (Lagrange)."""
    each = most / B[PAIR] / (1.0 / B[PAIR]).sum()
    return F[PAIR] + (np.log(each / 3600.0) + 10.268) / B[PAIR]


def _pair() -> Space:
    best = pair_best(MOST)
    names, units = ("g0", "g1"), ("MV/m", "MV/m")
    return Space(names, units, best - 3.0, best + 1.5, np.ones(2), best - 1.5)


def limited(search: Search, evaluations: int, seed: int) -> Recovered:
    """A limit known only by evaluation: the most energy of two cavities at 0.05 trips/h."""
    rng, space = np.random.default_rng([seed, 5]), _pair()
    state = search.start(space, seed)
    for _ in range(evaluations):
        asked = search.ask(state, 1)
        score = LENGTH_M * asked.sum(-1) + ENERGY * rng.normal(size=1)
        state = search.tell(state, asked, score, noise=[ENERGY], margins=(MOST - pair_trips(asked))[:, None])
    found = search.best(state)[0]
    broken = int((pair_trips(state.settings) > MOST).sum())
    return _judged(LENGTH_M * found.sum(), LENGTH_M * pair_best(MOST).sum(), rng, ENERGY, broken)


def front(search: Search, evaluations: int, seed: int) -> Recovered:
    """Energy against trips of two cavities: hypervolume of the front, as a share of that of as many exact points."""
    corner = np.array([LENGTH_M * pair_best(0.002).sum(), -0.2])
    state = search.start(_pair(), seed)
    for _ in range(evaluations):
        asked = search.ask(state, 1)
        goals = np.column_stack([LENGTH_M * asked.sum(-1), -pair_trips(asked)])
        state = search.tell(state, asked, goals[:, 0], objectives=goals)
    rates = np.geomspace(0.002, 0.2, evaluations)
    exact = np.array([(LENGTH_M * pair_best(r).sum(), -r) for r in rates])
    share = hypervolume(state.objectives, corner) / hypervolume(exact, corner)
    return Recovered(share - FRONT, share + FRONT, 1.0, 1.0 - share)


def tnk(search: Search, evaluations: int, seed: int) -> Recovered:
    """Modified TNK: a wavy limit known only by evaluation, three feasible starts; within 1 % of the range 0.5."""
    broken, regret = trial(search, seed)
    assert evaluations == BUDGET
    worth = -LEAST - regret
    return Recovered(worth - TNK, worth + TNK, -LEAST, regret, broken)


def hidden(search: Search, evaluations: int, seed: int) -> Recovered:
    """A machine of known form: trip rate and beam lifetime are hidden (30 %) and read with an error of 5 %."""
    rng = np.random.default_rng([seed, 5])
    truth = rng.normal(size=2)
    state = search.start(_space(), seed)

    def true(volts) -> float:
        often, life = trips_and_life(volts[0])
        return float(mean_current(often * np.exp(0.3 * truth[0]), life * np.exp(0.3 * truth[1])))

    for _ in range(evaluations):
        asked = search.ask(state, 1)
        readings = np.asarray(_readings(truth, asked[0])) + 0.05 * rng.normal(size=2)
        score = true(asked[0]) + LOOK * rng.normal()
        state = search.tell(state, asked, [score], noise=[LOOK], readings=readings[None])
    best = max(true([v]) for v in np.linspace(1.2, 4.0, 1401))
    return _judged(true(search.best(state)[0]), best, rng)


def _readings(unknown, settings):
    often, life = trips_and_life(settings[0])
    return jnp.stack([jnp.log(often) + 0.3 * unknown[0], jnp.log(life) + 0.3 * unknown[1]])


def _identify() -> Search:
    def score(readings):
        return mean_current(jnp.exp(readings[0]), jnp.exp(readings[1]))

    return IdentifyThenControl(Model(2, _readings, score, np.full(2, 0.05)))


def _ascent() -> Search:
    return GradientAscent(
        AcquisitionObjective(lambda machine, x: mean_current(*trips_and_life(x[0])), no_limits, 0.0)
    )


ONE = "a noisy score of one knob"
CLAIMS = {
    "keep": Claim("the present is the best", 1, present, SEARCHES["keep"]),
    "random": Claim(ONE, 32, voltage, SEARCHES["random"]),
    "bayes": Claim(ONE, 16, voltage, SEARCHES["bayes"]),
    "trust": Claim(ONE, 16, voltage, SEARCHES["trust"]),
    "thompson": Claim(ONE, 24, voltage, SEARCHES["thompson"]),
    "cma": Claim(ONE, 64, voltage, SEARCHES["cma"]),
    "drift": Claim("an optimum that moves", 50, circling, SEARCHES["drift"]),
    "track": Claim("an optimum that moves", 50, circling, SEARCHES["track"]),
    "safe": Claim("a wavy limit known only by looking", 25, tnk, SEARCHES["safe"]),
    "pareto": Claim("a front of two objectives", 30, front, SEARCHES["pareto"]),
    "identify": Claim("a machine known in form", 6, hidden, _identify()),
    "ascent": Claim("a known machine", 2, voltage, _ascent()),
}
"""By name in ``SEARCHES``, and the searches that need a model."""

SHORT = {
    "drift": Claim("a best voltage that moves", 40, drifting, SEARCHES["drift"]),
    "safe": Claim("the most energy at a limit on trips", 40, limited, SEARCHES["safe"]),
}
"""Tried, and not recovered within the interval: these are no claims."""

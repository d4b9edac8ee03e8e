"""The problems of the comparison with the field: what is sought, how it is measured, and what is the best there is.

Scores are higher-is-better and margins above zero inside, for every tool; a tool that minimises gets the negated score.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks import search
from controllers.searches.identify import Model
from controllers.searches.search import SEARCHES, design
from replay_data import hidden
from tests import problem_tnk as constrained
from tests import problem_transverse as transverse
from twin import Space, load
from twin.nominal import at
from twin.plant import build, operating_point, rates, repair_hours

Look = dict[str, np.ndarray]
"""What ``Search.tell`` takes for n settings: scores [n], perhaps margins, readings, objectives."""

RING_NOISE = 0.3  # % of useful beam: assumed standard error of a look at the ring


@dataclass(frozen=True)
class Problem:
    """One problem; a seed draws the present settings and what the machine hides."""

    name: str
    budget: int
    space: Callable[[int], Space]
    true: Callable[[np.ndarray, int], Look]  # settings [n, K] and seed
    best: Callable[[int], float]  # the highest score there is; of a front: its hypervolume
    noise: float = 0.0  # standard error of a score, or of each reading where there are readings
    scored: Callable[[np.ndarray], np.ndarray] | None = None  # readings [n, R] -> scores [n]
    model: Model | None = None  # what identify-then-control may know of the machine
    feasible_starts: int = 0  # so many settings inside the limits are given; else a design of K + 2
    corner: tuple[float, float] | None = None  # of two objectives: the reference point of the hypervolume
    unit: str = ""

    def starts(self, seed: int) -> np.ndarray:
        """Settings [S, K] that every tool begins from, the present ones first."""
        space = self.space(seed)
        if self.feasible_starts:
            return self._inside(seed)
        return design(SEARCHES["random"].start(space, seed), len(space.names) + 2)

    def measured(self, settings: np.ndarray, seed: int, number: int) -> Look:
        """A look at settings [1, K], the ``number``-th of a run: its luck is the same for every tool."""
        seen, inputs = self.true(settings, seed), np.random.default_rng([seed, number, 3])
        if self.scored is not None:
            readings = seen["readings"] + self.noise * inputs.normal(size=seen["readings"].shape)
            return seen | {"readings": readings, "scores": self.scored(readings)}
        return seen | {"scores": seen["scores"] + self.noise * inputs.normal(size=len(settings))}

    def _inside(self, seed: int) -> np.ndarray:
        space = self.space(seed)
        pool = np.random.default_rng([seed, 9]).uniform(space.low, space.high, (4000, len(space.names)))
        return pool[(self.true(pool, seed)["margins"] >= 0).all(1)][: self.feasible_starts]


def _function(known: search.Problem, budget: int) -> Problem:
    return Problem(
        known.name,
        budget,
        known.space,
        lambda settings, seed: {"scores": -known.function(settings)},
        lambda seed: -known.least,
        known.noise,
    )


def _square(seed: int) -> Space:
    present = _tnk_present(seed)
    return Space(("x1", "x2"), ("", ""), np.zeros(2), np.full(2, np.pi), np.ones(2), present)


def _tnk_present(seed: int) -> np.ndarray:
    pool = np.random.default_rng([seed, 9]).uniform(0.0, np.pi, (4000, 2))
    return pool[(constrained.margins(pool) >= 0).all(1)][0]


def _tnk(settings, seed) -> Look:
    return {"scores": -constrained.objective(settings), "margins": constrained.margins(settings)}


def _tnk_front(settings, seed) -> Look:
    return {"scores": -settings.sum(1), "margins": constrained.margins(settings), "objectives": -settings}


@cache
def _tnk_hypervolume() -> float:
    """The volume that TNK's front dominates up to (2.5, 2.5), from its boundary in fine steps."""
    angle = np.linspace(0.0, np.pi / 2, 20001)
    radius = np.sqrt(1.0 + 0.1 * np.cos(16 * angle))
    edge = radius[:, None] * np.column_stack([np.sin(angle), np.cos(angle)])
    kept = edge[((edge - 0.5) ** 2).sum(1) <= 0.5 + 1e-12]
    order = kept[np.argsort(kept[:, 0])]
    floor = np.minimum.accumulate(order[:, 1])
    wide = np.diff(np.append(order[:, 0], TNK_CORNER[0]))
    return float((wide * (TNK_CORNER[1] - floor)).sum())


TNK_CORNER = (2.5, 2.5)  # as in Xopt's test problem


def _ares(settings, seed) -> Look:
    hidden_values, gains = transverse.machine(seed, 0.05)
    seen = np.array([transverse.measured(hidden_values, one, gains) for one in settings])
    return {"readings": seen, "scores": _ares_score(seen)}


def _ares_score(readings: np.ndarray) -> np.ndarray:
    return np.array([float(transverse.scored(one)) for one in readings])


@cache
def _ares_best(seed: int) -> float:
    return transverse.floor_of(*transverse.machine(seed, 0.05), transverse.space(seed))


@cache
def _ring() -> tuple[Any, Space]:
    """The ring and its knobs, without its interlock, which no peer has words for."""
    facility = load("storage-ring")
    return build(facility), replace(Space.of(facility), fence=None)


def useful(settings: np.ndarray, seed: int) -> np.ndarray:
    """Expected useful beam [n] of the hidden ring in %, to first order: the share of time that nothing is broken,
    times the samples of all beamlines by worth at the flux of a full beam. Weather and drifts stand still."""
    plant, _ = _ring()
    law = hidden.plant_law(plant.facility, seed)
    conditions = np.array([c.value for c in plant.facility.condition] + [0.0] * hidden.DRIFTS)
    quantiles = np.random.default_rng(0).normal(size=(len(plant.shape), 2000))
    down = repair_hours(plant, quantiles).mean(1) + plant.diagnosis_h + plant.conditioning_h + plant.restart_h
    worth = plant.weight * (plant.exchange_h + plant.exposure_h)
    found = []
    for one in settings:
        driven = operating_point(plant, at(law, one, conditions), one)
        broken = float((rates(plant, np.asarray(driven.hazard)) * plant.units * down).sum())
        flux = np.asarray(driven.flux_per_ma) * float(driven.target)
        measured = worth / (plant.exchange_h + plant.exposure_h / flux)
        found.append(100.0 / (1.0 + broken) * measured.sum() / plant.weight.sum())
    return np.array(found)


@cache
def _ring_best(seed: int) -> float:
    """By Nelder-Mead from the best of 512 settings, within the limits."""
    _, space = _ring()
    net = space.from_unit(np.random.default_rng([seed, 5]).random((512, len(space.names))))
    begin = space.to_unit(net[np.argmax(useful(net, seed))])
    found = minimize(
        lambda unit: -useful(space.from_unit(np.clip(unit, 0.0, 1.0))[None], seed)[0],
        begin,
        method="Nelder-Mead",
        bounds=[(0.0, 1.0)] * len(begin),
        options={"xatol": 1e-4, "fatol": 1e-4, "maxfev": 800},
    )
    return float(-found.fun)


PROBLEMS = {
    "sphere": _function(search.PROBLEMS[0], 100),
    "rosenbrock": _function(search.PROBLEMS[1], 100),
    "ares": Problem(
        "ARES, 5 magnets, noise 20 um, gains off by 5 %", 50, transverse.space, _ares, _ares_best,
        transverse.NOISE_M, _ares_score, transverse.CALIBRATING, unit="um",
    ),
    "ring": Problem(
        f"hidden ring, 4 knobs, noise {RING_NOISE} %", 50, lambda seed: _ring()[1],
        lambda settings, seed: {"scores": useful(settings, seed)}, _ring_best, RING_NOISE, unit="%",
    ),
    "tnk": Problem(
        "modified TNK with limits", 25, _square, _tnk, lambda seed: -constrained.LEAST, feasible_starts=3
    ),
    "front": Problem(
        "TNK, two objectives with limits", 20, _square, _tnk_front, lambda seed: _tnk_hypervolume(),
        feasible_starts=3, corner=TNK_CORNER,
    ),
}  # fmt: skip

"""Simulation with the law of the facility file: metrics with intervals, published statistics, lost hours by cause."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.app import bounds
from dashboard.app.analyses.engines import ENGINES, engine_of, in_parts, refuse_exhausted, year_h
from twin import Facility, UserError, load
from twin.draws import draw, enough
from twin.importance import ranking
from twin.intervals import Estimate
from twin.nominal import nominal
from twin.outcome import Tally, against_published, metrics, pooled, quantiles
from twin.plant import Plant, build, rates
from twin.precision import LEAST, Wanted, precise
from twin.scenario import Scenario, ahead
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """Years of the facility's user hours in ``runs`` runs; with ``precise``, ``runs`` is the maximum."""

    facility: str
    years: float = 1.0
    runs: int = 64
    precise: str | None = None  # METRIC=WIDTH or METRIC=WIDTH%: half a 90 % interval
    engine: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.size(self.years, self.runs)
        bounds.seed(self.seed)


@dataclass(frozen=True)
class Answer:
    """The metrics of the runs. ``reached``: the requested precision was reached; ``precision`` says so as text."""

    facility: Facility
    years: float
    runs: int
    seed: int
    engine: str
    lacks: list[str]  # what the batched engine lacks, if the reference engine is used for that reason
    figures: dict[str, Estimate]
    quantiles: dict[str, list[Estimate]]
    per_run: dict[str, np.ndarray]  # [R] of each metric
    published: list[dict[str, Any]]
    causes: list[dict[str, Any]]
    reached: bool
    precision: str


def run(request: Request, progress: Progress) -> Answer:
    """Simulate, and compare with published statistics of the facility."""
    facility = load(request.facility)
    plant, horizon = build(facility), request.years * year_h(facility)
    engine, lacks = engine_of([facility], request.engine)
    tally, reached, words = _years(request, plant, ahead(facility, horizon), engine, progress)
    figures = pooled(tally, plant)
    return Answer(
        facility, request.years, len(tally.user_h), request.seed, engine, lacks, figures, quantiles(tally, plant),
        metrics(tally, plant), against_published(facility, figures), ranking(facility, tally, horizon), reached, words,
    )  # fmt: skip


def _years(
    request: Request, plant: Plant, scenario: Scenario, engine: str, progress: Progress
) -> tuple[Tally, bool, str]:
    """(tally, precision reached, text): a fixed number of runs, or as many as the precision needs."""
    law, facility = nominal(plant.facility), plant.facility
    counts = enough(facility, scenario.horizon_h, 1.5 * rates(plant, law.hazard))
    text = f"{request.runs} runs of {request.years:g} year(s)"
    if request.precise:
        done = 0

        def simulate(plant, law, draws, scenario) -> Tally:
            nonlocal done
            progress(text, done / request.runs)
            tally = ENGINES[engine].simulate(plant, law, draws, scenario)
            done += len(tally.user_h)
            return tally

        least = min(LEAST, request.runs)
        target = wanted(request.precise)
        found = precise(target, simulate, plant, law, scenario, counts, request.seed, least, request.runs)
        progress(text, 1.0)
        return found.tally, found.reached, found.told

    def part(first: int, runs: int) -> Tally:
        draws = draw(facility, runs, *counts, seed=request.seed, first=first)
        return ENGINES[engine].simulate(plant, law, draws, scenario)

    tally = in_parts(engine, request.runs, part, text, progress)
    refuse_exhausted(tally, "give fewer --years")
    return tally, True, ""


def wanted(text: str) -> Wanted:
    """The precision of ``METRIC=WIDTH`` (in the metric's unit) or ``METRIC=WIDTH%`` (of its value)."""
    name, _, width = text.partition("=")
    try:
        value = float(width.removesuffix("%"))
    except ValueError:
        raise UserError(
            f"--precise {text!r}: write it like --precise availability=0.1, or mtbf_h=5%"
        ) from None
    return Wanted(name, value / 100.0, True) if width.endswith("%") else Wanted(name, value)


def as_json(answer: Answer) -> Json:
    """The answer as plain JSON values."""
    return {
        "figures": answer.figures, "quantiles": answer.quantiles, "causes": answer.causes,
        "published": answer.published, "runs": answer.runs, "seed": answer.seed, "engine": answer.engine,
        "precision": answer.precision,
    }  # fmt: skip

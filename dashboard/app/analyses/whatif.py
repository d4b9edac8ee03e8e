"""Comparison of the cases of a scenario with the unchanged facility, on common random numbers."""

from dataclasses import dataclass

import numpy as np

from controllers.evaluation import Interval, under_one_law
from dashboard.app.analyses.engines import ENGINES, engine_of, refuse_exhausted
from twin import Facility, Space, whatif
from twin.draws import draw, enough
from twin.nominal import nominal
from twin.outcome import METRICS, metrics
from twin.plant import build
from twin.scenario import ahead
from twin.types import Json, Progress
from twin.whatif import WhatIf

PRESENT = "as it is"


@dataclass(frozen=True)
class Request:
    """A scenario file, which contains the facility, days, runs and seed."""

    scenario: str


@dataclass(frozen=True)
class Case:
    """The metrics of one case [R], and its changes from the unchanged facility, paired run by run."""

    name: str
    metrics: dict[str, np.ndarray]
    changes: dict[str, Interval]


@dataclass(frozen=True)
class Answer:
    """The unchanged facility, then the cases."""

    scenario: WhatIf
    facility: Facility
    engine: str
    lacks: list[str]  # what the batched engine lacks, if the reference engine is used for that reason
    cases: list[Case]


def run(request: Request, progress: Progress) -> Answer:
    """Simulate the unchanged facility and each case."""
    scenario = whatif.read(request.scenario)
    facility = whatif.facility_of(scenario, request.scenario)
    plans = [(PRESENT, facility, Space.of(facility).present)]
    plans += [(c.name, *whatif.changed(facility, c)) for c in scenario.case]
    engine, lacks = engine_of([variant for _, variant, _ in plans])
    cases: list[Case] = []
    progress("running the cases", 0.0)
    for i, (name, variant, settings) in enumerate(plans):
        found = _simulated(variant, settings, scenario, engine)
        before = cases[0].metrics if cases else found
        changes = {m.name: under_one_law(found[m.name], before[m.name]) for m in METRICS if m.per_run}
        cases.append(Case(name, found, changes))
        progress("running the cases", (i + 1) / len(plans))
    return Answer(scenario, facility, engine, lacks, cases)


def _simulated(facility: Facility, settings, scenario: WhatIf, engine: str) -> dict[str, np.ndarray]:
    """Metrics [R] of one case; the common seed gives every case the same random inputs."""
    scenario_ahead = ahead(facility, 24.0 * scenario.days, settings=settings)
    draws = draw(facility, scenario.runs, *enough(facility, scenario_ahead.horizon_h), seed=scenario.seed)
    tally = ENGINES[engine].simulate(build(facility), nominal(facility), draws, scenario_ahead)
    refuse_exhausted(tally, "shorten `days` or set milder knobs")
    return metrics(tally, build(facility))


def as_json(answer: Answer) -> list[Json]:
    """The answer as plain JSON values, one row for each case."""
    return [
        {"case": case.name, "metrics": {
            name: {"mean": case.metrics[name].mean(), "change": _change(gain)} for name, gain in case.changes.items()
        }}
        for case in answer.cases
    ]  # fmt: skip


def _change(gain: Interval) -> dict[str, float]:
    return {"mean": gain.mean, "low": gain.low, "high": gain.high}

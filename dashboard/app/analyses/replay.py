"""Factual and counterfactual replay of the end of a log: twin and record, and other settings with the same events."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dashboard.app import bounds
from dashboard.app.analyses.policy_file import policy_of
from dashboard.app.analyses.replay_law import Twin, predictor, reach, twin_of, with_same_random_events
from dashboard.app.progress import staged
from replay_data import replay
from replay_data.fit import FEWEST
from replay_data.record import Log
from replay_data.replay import Beside, Counterfactual, Factual, Residual, Window
from replay_data.runlog import open_log
from replay_data.view import LogView
from twin import UserError, whatif
from twin.tree import BEAMLINE
from twin.types import Json, Progress

RECORD, CHANGED = "replaying the record", "replaying with changes"


@dataclass(frozen=True)
class Request:
    """At least the last ``days`` of a log; also with other settings, with the cases of a scenario, or with a policy."""

    facility: str
    log: str
    days: float = 28.0
    settings: dict[str, float] = field(default_factory=dict)  # held throughout
    scenario: str | None = None  # a file: its cases
    policy: str | None = None  # FILE.py:NAME, a function (hour, settings, conditions) -> settings
    model: str | None = None  # default: the one in service
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.above_zero(days=self.days)
        bounds.seed(self.seed)
        asked = [name for name in ("settings", "scenario", "policy") if getattr(self, name)]
        if len(asked) > 1:
            raise UserError(f"{' and '.join(asked)} are given together; give one of them")


@dataclass(frozen=True)
class Replayed:
    """The result of one replay; hours are those of the log."""

    twin: Twin
    start: str  # of the log
    from_h: float
    to_h: float
    learned_h: float  # the model was trained on the log up to this hour
    beside: dict[str, Beside]
    residuals: dict[str, Residual]  # judged after ``learned_h``, or throughout if there is no later time
    counters: dict[
        str, tuple[np.ndarray, np.ndarray]
    ]  # of each beamline with one: hours [N], samples since from_h
    faults: list[dict[str, Any]]  # recorded outages of the machine: process, start_h, end_h
    view: Window | None  # None: a tabular log, whose rows have no running time
    fact: Factual | None
    counterfactuals: list[tuple[str, Counterfactual, replay.Reach]]

    @property
    def judged_from_h(self) -> float:
        """The first hour of the residuals."""
        return judged_from(self.from_h, self.to_h, self.learned_h)

    @property
    def reproduced(self) -> bool:
        """Whether each recorded failure was reproduced at its hour."""
        return self.fact is None or self.fact.reproduced == self.fact.failures


def judged_from(from_h: float, to_h: float, learned_h: float) -> float:
    """The end of the training time, if a twentieth of the window is left after it; else the start of the window."""
    return learned_h if from_h < learned_h < to_h - 0.05 * (to_h - from_h) else from_h


def run(request: Request, progress: Progress) -> Replayed:
    """Replay the end of a log, as recorded and with the changes of the request."""
    twin = twin_of(request.facility, request.model)
    with open_log(request.log) as log:
        return replayed(request, log, twin, progress)


def replayed(request: Request, log: Log, twin: Twin, progress: Progress) -> Replayed:
    """Replay the end of an open log under a twin."""
    progress(RECORD, 0.0)
    read, view, fact = LogView(log, twin.facility), None, None
    if log.tabular:
        _refuse_changes(request, log)
    else:
        view = replay.window(read, 24.0 * request.days)
    from_h = max(log.hours - 24.0 * request.days, 0.0) if view is None else view.from_h
    asked = [] if view is None else counterfactuals(request, view)
    progress = staged(progress, {RECORD: 1.0, CHANGED: 2.0 * len(asked)})
    compared, learned_h = replay.beside(read, predictor(twin), from_h), twin.learned_h(log)
    since = judged_from(from_h, log.hours, learned_h)
    residuals = {
        name: replay.residual(_after(rows, since), since, log.hours - since)
        for name, rows in compared.items()
    }
    if view is not None:
        progress(RECORD, 0.5)
        fact = replay.factual(view, twin.law, request.seed)
    progress(RECORD, 1.0)
    results = []
    for i, (title, changed) in enumerate(asked):
        progress(CHANGED, i / len(asked))
        assert view is not None, "only a window has counterfactuals"
        results.append(
            (title, with_same_random_events(view, changed, twin, request.seed), reach(view, changed, twin))
        )
        progress(CHANGED, (i + 1) / len(asked))
    return Replayed(
        twin, log.start, from_h, log.hours, learned_h, compared, residuals,
        _counters(read, from_h), [] if view is None else _faults(view, read), view, fact, results,
    )  # fmt: skip


def _refuse_changes(request: Request, log: Log) -> None:
    given = {"--set": request.settings, "--scenario": request.scenario, "--policy": request.policy}
    asked = [option for option, value in given.items() if value]
    if asked:
        raise UserError(
            f"{asked[0]}: rows of a tuning log (of {log.facility}) have no running time to replay with changes; "
            f"leave {asked[0]} out to compare the quantities with the twin"
        )


def _after(rows: Beside, hour: float) -> Beside:
    return Beside(*(column[rows.hour >= hour] for column in rows))


def _counters(log: LogView, from_h: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    found = {}
    for line in log.facility.beamline:
        counter = log.cleaned(f"samples_{line.name}")
        if counter is not None:
            late = counter.time_h >= from_h
            before = np.nan_to_num(counter.at(np.array([from_h])))
            found[line.name] = (counter.time_h[late], counter.value[late] - before)
    return found


def _faults(view: Window, log: LogView) -> list[dict[str, Any]]:
    """The recorded faults of the machine in the window, like ``Factual.outages``."""
    table, names = log.faults, view.facility.process_names
    rows = zip(table["process"].tolist(), table["start_h"].tolist(), table["end_h"].tolist(), strict=True)
    return [
        {"process": process, "start_h": max(start, view.from_h), "end_h": None if end != end else end}
        for process, start, end in rows
        if view.plant.effect[names.index(process)] != BEAMLINE
        and not end <= view.from_h
        and start < log.hours
    ]


def counterfactuals(request: Request, view: Window) -> list[tuple[str, Window]]:
    """(title, window) of each counterfactual of the request: from settings, scenario cases or a policy."""
    if request.scenario:
        scenario = whatif.read(request.scenario)
        facility = whatif.facility_of(scenario, request.scenario)
        if facility.name != view.facility.name:
            raise UserError(
                f"{request.scenario}: of facility {facility.name!r}, but the log is of {view.facility.name!r}"
            )
        return [(case.name, replay.by_case(view, case)) for case in scenario.case]
    if request.policy:
        return [(f"policy {request.policy}", replay.by_policy(view, policy_of(request.policy)))]
    title = ", ".join(f"{name} = {value:g}" for name, value in request.settings.items())
    return [(title, replay.altered(view, request.settings))] if request.settings else []


def law_in_words(found: Replayed) -> str:
    """The law of the replay as text, and how far it was trained on the replayed log."""
    facility, model = found.twin.facility, found.twin.model
    if model is None:
        return (
            f"No model of {facility.name!r} was trained, so the law of the facility file is used: it states no "
            "intervals and no support (`beamtwin train` makes a model)."
        )
    law = f"Law: model {model.entry.id}."
    if found.learned_h <= found.from_h:
        return law
    if found.judged_from_h == found.from_h:
        return f"{law} It was trained on this time, so the agreement here is better than on new data."
    return (
        f"{law} It was trained on this log up to hour {found.learned_h:g}; residuals are of the "
        f"{found.to_h - found.learned_h:.3g} h after that."
    )


def untested(mode: str, count: int) -> str:
    """Why the hazard model of a mode was not tested: too few recovered ageing budgets."""
    times = "time" if count == 1 else "times"
    return f"hazard model of {mode} not tested: {count} complete {times} to failure, {FEWEST} are needed"


def as_json(found: Replayed) -> Json:
    """The result as plain JSON values."""
    model, fact = found.twin.model, found.fact
    result: Json = {
        "law": "facility file" if model is None else model.entry.id,
        "law_words": law_in_words(found),
        "from_h": found.from_h, "hours": found.to_h - found.from_h, "learned_h": found.learned_h,
        "residuals": {name: r._asdict() for name, r in found.residuals.items()},
        "counterfactuals": [_counterfactual(*row) for row in found.counterfactuals],
    }  # fmt: skip
    if fact is None or found.view is None:
        return result
    fits = {m: fit._asdict() | {"fails": fit.fails, "words": fit.verdict(m)} for m, fit in fact.fit.items()}
    few = {m: {"lives": n, "words": untested(m, n)} for m, n in fact.untested.items()}
    return result | {
        "failures": fact.failures, "reproduced": fact.reproduced, "samples": fact.samples,
        "measured": fact.measured, "never_idle": found.view.never_idle, "fit": fits, "not_tested": few,
        "outages": fact.outages,
    }  # fmt: skip


def _counterfactual(title: str, found, reach) -> Json:
    metrics = {
        m: {"recorded": found.before[m], "otherwise": found.after[m],
            "change": dict(zip(("mean", "low", "high"), found.change(m), strict=True))}
        for m in found.before
    }  # fmt: skip
    words = reach._asdict() | {"words": reach.words}
    return {"name": title, "metrics": metrics, "reach": words, "outages": found.outages}

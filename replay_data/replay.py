"""Replay of a log through the twin with the same luck: as it was, and as it would have been.

The hazard spent between two recorded failures *is* the ageing budget of that life (time rescaling),
and a recorded repair *is* its repair draw. Fed back, they reproduce the record; with other settings
they say what the same luck would have brought. What the record did not reach is drawn afresh, given
that it had not failed by then, so a counterfactual has an interval.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy import stats

from replay_data.clean import clean_faults
from replay_data.frames import frame
from replay_data.record import Log
from twin import Facility, Space, UserError, batched
from twin.draws import Draws, draw
from twin.outcome import Tally, metrics
from twin.plant import BEAMLINE, Law, Plant, build
from twin.reference import Life, Run
from twin.scenario import Calendar, Scenario, calendar

GRID_H = 12.0
EPOCH_ROOM, BLOCK_ROOM = 64, 16  # arrays are padded to multiples of these, so that programs compile once


@dataclass(frozen=True)
class Window:
    """A stretch of a log as the twin takes it; all hours count from ``from_h`` of the log."""

    facility: Facility
    plant: Plant
    from_h: float
    scenario: Scenario
    faults: dict[str, np.ndarray]  # process index, start_h, repair_h; rising in start_h
    arrive_h: list[np.ndarray]  # of each beamline's experiments
    samples: list[np.ndarray]  # they brought; the first is the queue at the start
    measured: np.ndarray  # [B] samples counted in the window, nan where no counter was recorded


class Luck(NamedTuple):
    """What a law makes of the recorded failures: budgets of whole lives, hazard spent by unfinished ones."""

    budget: list[np.ndarray]  # [P] arrays of the lives that ended in the window
    spent: np.ndarray  # [P] by the life that had not ended
    repair_z: list[np.ndarray]


class Told(Life):
    """A life that fails when the record says so, and tells what it had spent by then."""

    def __init__(self, run: Run, p: int):
        self.budgets: list[float] = []
        super().__init__(run, p)

    def renew(self) -> None:
        super().renew()
        self.left = 0.0

    def settle(self, new_law: bool) -> None:
        super().settle(new_law)
        told = self.run.draws.budget[self.p]
        waits = not self.failed and self.ordinal < len(told)
        self.alarm.set(max(told[self.ordinal], self.run.env.now) if waits else np.inf)

    def fail(self) -> None:
        self.spend()
        self.budgets.append(-self.left)
        super().fail()


def window(facility: Facility, log: Log, hours: float = 672.0) -> Window:
    """The last ``hours`` of a log, begun at the last maintenance that leaves at least so much (or at 0).

    Raises UserError for a tabular log or one without settings.
    """
    if log.tabular:
        raise UserError(f"log of {log.facility}: rows of a tuning log have no running time to replay")
    plan = log.table("schedule")
    maintenance = plan["start_h"][plan["phase"] == "maintenance"] if len(plan["start_h"]) else np.zeros(0)
    early = maintenance[maintenance <= max(log.hours - hours, 0.0)]
    from_h = float(early[-1]) if len(early) else 0.0
    scenario = _scenario(facility, log, from_h)
    plant = build(facility)
    counters, queue = _counters(facility, log, from_h)
    arrive, samples = _experiments(facility, log, from_h, queue)
    faults = _faults(facility, plant, log, from_h)
    return Window(facility, plant, from_h, scenario, faults, arrive, samples, counters)


def _scenario(facility: Facility, log: Log, from_h: float) -> Scenario:
    data = frame(log, facility, 1.0)
    moves = [log.channel(k.name).time_h for k in facility.knob if k.name in log.names]
    edges = np.unique(np.concatenate([np.arange(from_h, log.hours, GRID_H), [log.hours], *moves]))
    edges = edges[(edges >= from_h) & (edges <= log.hours)]
    hour = data["time"].values
    settings = np.stack([_held(log, k.name, edges[:-1]) for k in facility.knob], -1)
    columns = [_means(hour, data[c.name].values, edges, c.value) for c in facility.condition]
    weather = np.stack(columns, -1) if columns else np.zeros((len(edges) - 1, 0))
    spare = -(len(edges) - 1) % EPOCH_ROOM
    return Scenario(
        _calendar(facility, log, from_h),
        np.r_[edges - from_h, np.full(spare, edges[-1] - from_h)],
        np.concatenate([settings, np.repeat(settings[-1:], spare, 0)]),
        np.concatenate([weather, np.repeat(weather[-1:], spare, 0)]),
    )


def _held(log: Log, name: str, hours) -> np.ndarray:
    channel = log.channel(name) if name in log.names else None
    if channel is None or not len(channel.value):
        raise UserError(f"log of {log.facility}: knob {name!r} was not recorded; a replay needs every knob")
    held = channel.at(hours)
    return np.where(np.isnan(held), channel.value[0], held)


def _means(hour, value, edges, default: float) -> np.ndarray:
    """Mean of an hourly series in each stretch; the nearest known hour where a stretch has none."""
    known = np.isfinite(value)
    if not known.any():
        return np.full(len(edges) - 1, default)
    filled = np.interp(hour, hour[known], value[known])
    inside = [filled[(hour >= a) & (hour < b)] for a, b in pairwise(edges)]
    middle = np.interp((edges[:-1] + edges[1:]) / 2, hour, filled)
    return np.array([part.mean() if len(part) else m for part, m in zip(inside, middle, strict=True)])


def _calendar(facility: Facility, log: Log, from_h: float) -> Calendar:
    """The recorded schedule from ``from_h`` on; the facility's own where none was recorded."""
    plan = log.table("schedule")
    lines = [line.name for line in facility.beamline]
    if not len(plan["start_h"]):
        return calendar(facility, log.hours - from_h)
    rows = np.flatnonzero(plan["end_h"] > from_h)
    phase = [str(plan["phase"][i]) for i in rows]
    named = [str(plan["beamlines"][i]).split(",") for i in rows]
    opened = [
        [p == "user" and line in names for line in lines] for p, names in zip(phase, named, strict=True)
    ]
    end = plan["end_h"][rows] - from_h
    spare = -len(rows) % BLOCK_ROOM
    end = np.r_[end[:-1], np.full(spare + 1, np.inf)]
    last = [len(rows) - 1] * spare
    order = [*range(len(rows)), *last]
    return Calendar(
        end,
        np.array([phase[i] != "maintenance" for i in order]),
        np.array([phase[i] == "user" for i in order]),
        np.array([opened[i] for i in order]),
    )


def _counters(facility: Facility, log: Log, from_h: float):
    """Samples each beamline counted in the window, and the queue it began with."""
    table, measured, queue = log.table("experiments"), [], []
    for line in facility.beamline:
        before = table["samples"][(table["beamline"] == line.name) & (table["arrive_h"] < from_h)].sum()
        name = f"samples_{line.name}"
        if name not in log.names or not len(log.channel(name).value):
            measured.append(np.nan)
            queue.append(0.0)
            continue
        counter = log.channel(name)
        first, last = (np.nan_to_num(counter.at(np.array([h]))[0]) for h in (from_h, log.hours))
        measured.append(last - first)
        queue.append(max(before - first, 0.0))
    return np.array(measured), queue


def _experiments(facility: Facility, log: Log, from_h: float, queue: list[float]):
    table = log.table("experiments")
    arrive, samples = [], []
    for line, waiting in zip(facility.beamline, queue, strict=True):
        ours = (table["beamline"] == line.name) & (table["arrive_h"] >= from_h)
        arrive.append(np.r_[0.0, table["arrive_h"][ours] - from_h])
        samples.append(np.r_[waiting, table["samples"][ours]])
    return arrive, samples


def _faults(facility: Facility, plant: Plant, log: Log, from_h: float) -> dict[str, np.ndarray]:
    """The faults of the window; one under way at its start begins there with the repair still to do."""
    table, _ = clean_faults(log.table("faults"), facility, log.hours)
    names = facility.process_names
    process = np.array([names.index(str(p)) for p in table["process"]], int)
    end = np.where(np.isnan(table["end_h"]), np.inf, table["end_h"])
    begun = np.where(np.isnan(table["repair_start_h"]), table["start_h"], table["repair_start_h"])
    rows = (end > from_h) & (table["start_h"] < log.hours)
    start = np.maximum(table["start_h"], from_h)[rows]
    rest = (end - np.maximum(begun, from_h))[rows]
    median = np.exp(plant.repair_mu[process[rows]])
    rest = np.where(np.isfinite(rest), np.maximum(rest, 1e-6), log.hours - start + median)
    order = np.argsort(start, kind="stable")
    return {"process": process[rows][order], "start_h": (start - from_h)[order], "repair_h": rest[order]}


def _play(view: Window, law: Law, draws: Draws, life=Life) -> Run:
    run = Run(view.plant, draws, view.scenario.calendar, life)
    edges = view.scenario.edges_h
    for e in np.flatnonzero(np.diff(edges) > 0):
        run.advance(law, view.scenario.settings[e], view.scenario.conditions[e], float(edges[e + 1]))
    return run


def recover(view: Window, law: Law) -> Luck:
    """The luck that this law sees in the record, found by driving the twin through the recorded failures."""
    plant, faults = view.plant, view.faults
    mine = [faults["process"] == p for p in range(len(plant.shape))]
    repair = [
        (np.log(faults["repair_h"][m]) - plant.repair_mu[p]) / plant.repair_sigma[p]
        for p, m in enumerate(mine)
    ]
    room = 1 + max((m.sum() for m in mine), default=0)
    starts, z = np.full((len(mine), room), np.inf), np.zeros((len(mine), room))
    for p, m in enumerate(mine):
        starts[p, : m.sum()], z[p, : m.sum()] = faults["start_h"][m], repair[p]
    arrive, demand = _demand(view, 1)
    run = _play(view, law, Draws(starts, z, arrive[0], demand[0]), Told)
    lives = [life for life in run.lives if isinstance(life, Told)]
    for life in lives:
        life.spend()
    return Luck([np.array(life.budgets) for life in lives], np.array([-life.left for life in lives]), repair)


def _demand(view: Window, runs: int):
    """Recorded arrivals for every run; none come after the record."""
    room = 2 ** int(np.ceil(np.log2(max(len(a) for a in view.arrive_h) + 2)))
    arrive = np.full((runs, len(view.arrive_h), room), 1e12)
    demand = np.zeros((runs, len(view.arrive_h), room + 1))
    for b, (times, sizes) in enumerate(zip(view.arrive_h, view.samples, strict=True)):
        arrive[:, b, : len(times)] = times
        total = np.cumsum(sizes)
        demand[:, b, 1 : len(total) + 1] = total
        demand[:, b, len(total) + 1 :] = total[-1]
    return arrive, demand


def same_luck(view: Window, lucks: list[Luck], each: int, seed: int) -> Draws:
    """Draws of ``len(lucks) * each`` runs: the recovered luck, then fresh draws given what was spent."""
    runs = len(lucks) * each
    most = max(len(b) for luck in lucks for b in luck.budget)
    room = 2 ** int(np.ceil(np.log2(2 * most + 32)))
    fresh = draw(view.facility, runs, room, 1, seed)
    budget, z = np.array(fresh.budget), np.array(fresh.repair_z)
    for r in range(runs):
        luck = lucks[r // each]
        for p, known in enumerate(luck.budget):
            budget[r, p, : len(known)] = np.maximum(known, 1e-300)
            budget[r, p, len(known)] += luck.spent[p]
            z[r, p, : len(luck.repair_z[p])] = luck.repair_z[p]
    return Draws(budget, z, *_demand(view, runs))


@dataclass(frozen=True)
class Factual:
    """The twin on the record's own settings and luck, beside the record."""

    tally: Tally
    failures: int  # recorded
    reproduced: int  # of them, by the twin, at the same hour to 1e-6 h
    samples: np.ndarray  # [B] the twin's
    measured: np.ndarray  # [B] recorded
    outages: list[dict[str, Any]]
    fit: dict[str, tuple[int, float]]  # process: budgets recovered, Kolmogorov-Smirnov p-value


def factual(view: Window, law: Law, seed: int = 0) -> Factual:
    """Replay the record as it was; with a perfect twin every failure comes back at its hour."""
    luck = recover(view, law)
    run = _play(view, law, same_luck(view, [luck], 1, seed).run(0))
    tally = run.tally()
    came = _failures(run)
    names = view.facility.process_names
    told = list(zip(view.faults["process"], view.faults["start_h"], strict=True))
    met = sum(any(p == q and abs(t - u) < 1e-6 for q, u in came) for p, t in told)
    budgets = {names[p]: b for p, b in enumerate(luck.budget) if len(b) >= 5}
    fit = {n: (len(b), float(stats.kstest(b, "expon").pvalue)) for n, b in budgets.items()}
    return Factual(tally, len(told), met, tally.samples, view.measured, _outages(view, run), fit)


def _failures(run: Run) -> list[tuple[int, float]]:
    return [(e.subject, e.at_h) for e in run.trace if e.kind == "fail"]


def _outages(view: Window, run: Run) -> list[dict[str, Any]]:
    """Machine faults of a run: process, start and end, hours of the log."""
    names, effect, rows = view.facility.process_names, view.plant.effect, []
    for event in run.trace:
        if event.kind == "fail" and effect[event.subject] != BEAMLINE:
            rows.append({"process": names[event.subject], "start_h": event.at_h + view.from_h, "end_h": None})
        elif event.kind == "fixed" and effect[event.subject] != BEAMLINE:
            mine = [row for row in rows if row["process"] == names[event.subject]]
            mine[-1]["end_h"] = event.at_h + view.from_h
    return rows


def altered(view: Window, changes: dict[str, float]) -> Window:
    """The window with some knobs held at other values throughout; UserError beyond a knob's limits."""
    space = Space.of(view.facility)
    names = list(space.names)
    settings = np.array(view.scenario.settings)
    held = space.override(space.present, changes)
    for name in changes:
        settings[:, names.index(name)] = held[names.index(name)]
    return replace(view, scenario=replace(view.scenario, settings=settings))


class Counterfactual(NamedTuple):
    """What other settings would have brought with the same luck: R paired runs."""

    before: dict[str, np.ndarray]  # metrics of the recorded settings, [R]
    after: dict[str, np.ndarray]  # of the other settings
    outages: list[dict[str, Any]]  # of one run, that of the first law


def counterfactual(
    view: Window, changed: Window, laws: Any, count: int, each: int, seed: int
) -> Counterfactual:
    """Both windows on the luck that each of ``count`` laws (leading axis) sees, ``each`` runs a law."""
    one = [jax.tree.map(lambda a, i=i: a[i], laws) for i in range(count)]
    lucks = [recover(view, law) for law in one]
    draws = same_luck(view, lucks, each, seed)
    per_run = jax.tree.map(lambda a: np.repeat(np.asarray(a), each, axis=0), laws)
    tallies = [
        batched.simulate(w.plant, per_run, draws, w.scenario, law_per_run=True) for w in (view, changed)
    ]
    run = _play(changed, one[0], draws.run(0))
    for tally in tallies:
        if tally.exhausted.any():
            raise UserError(
                f"replay: {int(tally.exhausted.sum())} of {len(tally.exhausted)} runs used up their draws; "
                "the settings fail far more often than the record, choose milder ones"
            )
    before, after = (metrics(t, view.plant) | {"lost_h": t.user_h - t.delivered_h} for t in tallies)
    return Counterfactual(before, after, _outages(view, run))

"""Windows: the end of a log as input of the twin, with calendar, settings, conditions, faults and experiments."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from replay_data.record import Channel
from replay_data.view import LogView
from twin import Facility, UserError
from twin.plant import Plant, build
from twin.scenario import Calendar, Scenario, calendar

GRID_H = 12.0
SAME_H = 1e-6  # times closer than this are equal (rounding)
BLOCK = ("start_h", "end_h", "phase", "beamlines")
ENDLESS = 1e9
"""Samples in the queue of a beamline without recorded experiments, so that it is never idle."""


@dataclass(frozen=True)
class Window:
    """A part of a log as input of the twin; all hours count from ``from_h`` of the log."""

    facility: Facility
    plant: Plant
    from_h: float
    scenario: Scenario
    faults: dict[str, np.ndarray]  # process index, start_h, repair_h; sorted by start_h
    arrive_h: list[np.ndarray]  # arrivals of each beamline's experiments
    samples: list[np.ndarray]  # samples of each experiment; the first is the queue at the start
    measured: np.ndarray  # [B] samples counted in the window, NaN where no counter was recorded
    age_h: (
        np.ndarray
    )  # [P] age on the own clock since the last repair or the log's start; 0 if it does not age
    hazard_times: np.ndarray | None = None  # [P] factors of the law's hazards; None: 1

    @property
    def down(self) -> list[int]:
        """The process of each fault that is under way when the window begins."""
        return self.faults["process"][self.faults["start_h"] == 0.0].tolist()

    @property
    def never_idle(self) -> list[bool]:
        """Whether each beamline is never idle because the log holds no experiments for it."""
        return [bool(brought[0] == ENDLESS) for brought in self.samples]


def window(log: LogView, hours: float = 672.0) -> Window:
    """The last ``hours`` of a log or a little more: it begins at the last maintenance before them, else at 0.

    Raises UserError for a tabular log, for a log without settings, and for a facility whose random inputs
    cannot be recovered from a log.
    """
    facility, plan = log.facility, log.schedule
    check_recoverable(facility)
    if log.tabular:
        raise UserError(f"log of {facility.name}: rows of a tuning log have no running time to replay")
    maintenance = plan["start_h"][plan["phase"] == "maintenance"] if len(plan["start_h"]) else np.zeros(0)
    early = maintenance[maintenance <= max(log.hours - hours, 0.0)]
    from_h = float(early[-1]) if len(early) else 0.0
    scenario, plant = _scenario(log, from_h), build(facility)
    counters, queue = _counters(log, from_h)
    arrive, samples = _experiments(log, from_h, queue)
    faults, age_h = _faults(plant, log, from_h), _ages(plant, log, from_h)
    return Window(facility, plant, from_h, scenario, faults, arrive, samples, counters, age_h)


def check_recoverable(facility: Facility) -> None:
    """Refuse a facility with random events that a log does not record: Bernoulli streams and common-cause events."""
    unrecorded = [f"Bernoulli stream {name!r}" for name in facility.bernoulli_streams] + [
        f"common-cause event {s.name!r}" for s in facility.shocks
    ]
    if unrecorded:
        raise UserError(
            f"facility {facility.name!r}: a log does not record the outcomes of {', '.join(unrecorded)}, so the "
            "same random events cannot be replayed; describe the facility without them to replay its log"
        )


def _scenario(log: LogView, from_h: float) -> Scenario:
    facility, data = log.facility, log.frame
    knobs = [_knob(log, knob.name) for knob in facility.knob]
    grid = np.append(np.arange(from_h, log.hours, GRID_H), log.hours)
    edges = np.unique(np.concatenate([grid, *(knob.time_h for knob in knobs)]))
    edges = edges[(edges >= from_h) & (edges <= log.hours)]
    hour = data["time"].values
    settings = np.stack([knob.at(np.maximum(edges[:-1], knob.time_h[0])) for knob in knobs], -1)
    columns = [_means(hour, data[c.name].values, edges, c.value) for c in facility.condition]
    conditions = np.stack(columns, -1) if columns else np.zeros((len(edges) - 1, 0))
    return Scenario(_calendar(log, from_h), edges - from_h, settings, conditions)


def _knob(log: LogView, name: str) -> Channel:
    held = log.held(name)
    if held is None:
        raise UserError(
            f"log of {log.facility.name}: knob {name!r} was not recorded; a replay needs every knob"
        )
    return held


def _means(hour, value, edges, default: float) -> np.ndarray:
    """Mean of an hourly series in each epoch; interpolated at the middle of an epoch without hours."""
    known = np.isfinite(value)
    if not known.any():
        return np.full(len(edges) - 1, default)
    filled = np.interp(hour, hour[known], value[known])
    inside = [filled[(hour >= a) & (hour < b)] for a, b in pairwise(edges)]
    middle = np.interp((edges[:-1] + edges[1:]) / 2, hour, filled)
    return np.array([part.mean() if len(part) else m for part, m in zip(inside, middle, strict=True)])


def _calendar(log: LogView, from_h: float) -> Calendar:
    """The recorded schedule from ``from_h`` on; the facility's own if none was recorded.

    Hours outside all blocks have beam but no users.
    """
    plan = log.schedule
    if not len(plan["start_h"]):
        return calendar(log.facility, log.hours - from_h)
    blocks, reached = [], from_h  # (end, phase, beamlines)
    for start, end, phase, named in zip(*(plan[key].tolist() for key in BLOCK), strict=True):
        if end > from_h:
            blocks += [(start, "", [])] if start > reached + SAME_H else []
            blocks.append((end, phase, named.split(",")))
            reached = end
    blocks += [(np.inf, "", [])] if reached < log.hours - SAME_H else []
    lines = [line.name for line in log.facility.beamline]
    return Calendar(
        np.array([*(end - from_h for end, _, _ in blocks[:-1]), np.inf]),
        np.array([phase != "maintenance" for _, phase, _ in blocks]),
        np.array([phase == "user" for _, phase, _ in blocks]),
        np.array([[phase == "user" and line in named for line in lines] for _, phase, named in blocks]),
    )


def _counters(log: LogView, from_h: float):
    """The samples that each beamline counted in the window, and its queue at the start."""
    table, measured, queue = log.experiments, [], []
    for line in log.facility.beamline:
        before = table["samples"][(table["beamline"] == line.name) & (table["arrive_h"] < from_h)].sum()
        counter = log.cleaned(f"samples_{line.name}")
        if counter is None:
            measured.append(np.nan)
            queue.append(0.0)
            continue
        first, last = np.nan_to_num(counter.at(np.array([from_h, log.hours])))
        measured.append(last - first)
        queue.append(max(before - first, 0.0))
    return np.array(measured), queue


def _experiments(log: LogView, from_h: float, queue: list[float]):
    table, arrive, samples = log.experiments, [], []
    for line, waiting in zip(log.facility.beamline, queue, strict=True):
        ours = (table["beamline"] == line.name) & (table["arrive_h"] >= from_h)
        arrive.append(np.r_[0.0, table["arrive_h"][ours] - from_h])
        samples.append(np.r_[waiting if len(table["beamline"]) else ENDLESS, table["samples"][ours]])
    return arrive, samples


def _faults(plant: Plant, log: LogView, from_h: float) -> dict[str, np.ndarray]:
    """The faults of the window; a fault under way at its start begins there with the rest of its repair."""
    table, names = log.faults, log.facility.process_names
    process = np.array([names.index(str(p)) for p in table["process"]], int)
    end = np.where(np.isnan(table["end_h"]), np.inf, table["end_h"])
    begun = np.where(np.isnan(table["repair_start_h"]), table["start_h"], table["repair_start_h"])
    rows = (end > from_h) & (table["start_h"] < log.hours)
    start = np.maximum(table["start_h"], from_h)[rows]
    rest = (end - np.maximum(begun, from_h))[rows] - plant.conditioning_h[process[rows]]
    median = np.exp(plant.repair_mu[process[rows]])
    rest = np.where(np.isfinite(rest), np.maximum(rest, 1e-6), log.hours - start + median)
    order = np.argsort(start, kind="stable")
    return {"process": process[rows][order], "start_h": (start - from_h)[order], "repair_h": rest[order]}


def _ages(plant: Plant, log: LogView, from_h: float) -> np.ndarray:
    """[P] age at ``from_h`` on the own clock of each process that ages, as far as the log shows; 0 for the others.

    The age counts from the end of the last fault before ``from_h`` (a minimal repair renews nothing), else from
    the log's start, since earlier times are unknown. A mode that ages only in some phases counts as new.
    """
    table, names, ages = log.faults, log.facility.process_names, np.zeros(len(plant.shape))
    for p in np.flatnonzero((plant.shape != 1.0) & plant.clock_phase[plant.clock].all(1)):
        mine = (table["process"] == names[p]) & (table["end_h"] <= from_h)
        renewed = np.max(table["end_h"][mine], initial=0.0) if not plant.minimal[p] else 0.0
        ages[p] = log.stored_h(renewed, from_h) if plant.clock_beam[plant.clock[p]] else from_h - renewed
    return ages

"""The end of a log as the twin takes it: its calendar, settings, conditions, faults and experiments."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from replay_data.record import Channel
from replay_data.view import LogView
from twin import Facility, UserError
from twin.plant import Plant, build
from twin.scenario import Calendar, Scenario, calendar

GRID_H = 12.0
SAME_H = 1e-6  # hours so near are one: rounding
BLOCK = ("start_h", "end_h", "phase", "beamlines")
ENDLESS = 1e9
"""Samples that wait at a beamline of whose experiments the log says nothing: it is never idle."""


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
    age_h: np.ndarray  # [P] own hours of those that age since their last repair, or since the log began
    hazard_times: np.ndarray | None = None  # [P] the law's hazards are multiplied by, None: by 1

    @property
    def down(self) -> list[int]:
        """The processes of the faults that are under way when the window begins, one a fault."""
        return self.faults["process"][self.faults["start_h"] == 0.0].tolist()

    @property
    def never_idle(self) -> list[bool]:
        """Whether each beamline has work throughout, since the log says nothing of its experiments."""
        return [bool(brought[0] == ENDLESS) for brought in self.samples]


def window(log: LogView, hours: float = 672.0) -> Window:
    """The last ``hours`` of a log, begun at the last maintenance that leaves at least so much (or at 0).

    Raises UserError for a tabular log, one without settings, and a facility whose luck no log tells.
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
    """Refuse a facility with chances that leave no mark in a log: coins, and shocks behind several faults."""
    untold = [f"coin {name!r}" for name in facility.bernoulli_streams] + [
        f"shock {s.name!r}" for s in facility.shocks
    ]
    if untold:
        raise UserError(
            f"facility {facility.name!r}: a log does not tell how {', '.join(untold)} fell, so the same random "
            "events cannot be replayed; describe the facility without such chances to replay its log"
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
    """Mean of an hourly series in each stretch; the nearest known hour where a stretch has none."""
    known = np.isfinite(value)
    if not known.any():
        return np.full(len(edges) - 1, default)
    filled = np.interp(hour, hour[known], value[known])
    inside = [filled[(hour >= a) & (hour < b)] for a, b in pairwise(edges)]
    middle = np.interp((edges[:-1] + edges[1:]) / 2, hour, filled)
    return np.array([part.mean() if len(part) else m for part, m in zip(inside, middle, strict=True)])


def _calendar(log: LogView, from_h: float) -> Calendar:
    """The recorded schedule from ``from_h`` on; the facility's own where none was recorded.

    Hours that lie in no block, between two or after the last, have beam and no users.
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
    """Samples each beamline counted in the window, and the queue it began with."""
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
    """The faults of the window; one under way at its start begins there with the repair still to do."""
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
    """[P] own hours that each process which ages has behind it, as far as the log tells; 0 for the others.

    From the end of its last fault before ``from_h`` (a minimal repair renews nothing), else from the log's
    start: what lies before that is unknown. A mode that ages in some phases only counts as new.
    """
    table, names, ages = log.faults, log.facility.process_names, np.zeros(len(plant.shape))
    for p in np.flatnonzero((plant.shape != 1.0) & plant.clock_phase[plant.clock].all(1)):
        mine = (table["process"] == names[p]) & (table["end_h"] <= from_h)
        renewed = np.max(table["end_h"][mine], initial=0.0) if not plant.minimal[p] else 0.0
        ages[p] = log.stored_h(renewed, from_h) if plant.clock_beam[plant.clock[p]] else from_h - renewed
    return ages

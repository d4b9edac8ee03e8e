"""The end of a log as the twin takes it: its calendar, settings, conditions, faults and experiments."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from replay_data.clean import clean_faults
from replay_data.frames import STORED, frame
from replay_data.record import Log
from twin import Facility, UserError
from twin.plant import Plant, build
from twin.scenario import Calendar, Scenario, calendar

GRID_H = 12.0
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


def window(facility: Facility, log: Log, hours: float = 672.0) -> Window:
    """The last ``hours`` of a log, begun at the last maintenance that leaves at least so much (or at 0).

    Raises UserError for a tabular log, one without settings, and a facility whose luck no log tells.
    """
    luck_is_told(facility)
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
    faults, age_h = _faults(facility, plant, log, from_h), _ages(facility, plant, log, from_h)
    return Window(facility, plant, from_h, scenario, faults, arrive, samples, counters, age_h)


def luck_is_told(facility: Facility) -> None:
    """Refuse a facility with chances that leave no mark in a log: coins, and shocks behind several faults."""
    untold = [f"coin {name!r}" for name in facility.coins] + [f"shock {s.name!r}" for s in facility.shocks]
    if untold:
        raise UserError(
            f"facility {facility.name!r}: a log does not tell how {', '.join(untold)} fell, so the same luck cannot "
            "be replayed; describe the facility without such chances to replay its log"
        )


def _scenario(facility: Facility, log: Log, from_h: float) -> Scenario:
    data = frame(log, facility, 1.0)
    moves = [log.channel(k.name).time_h for k in facility.knob if k.name in log.names]
    edges = np.unique(np.concatenate([np.arange(from_h, log.hours, GRID_H), [log.hours], *moves]))
    edges = edges[(edges >= from_h) & (edges <= log.hours)]
    hour = data["time"].values
    settings = np.stack([_held(log, k.name, edges[:-1]) for k in facility.knob], -1)
    columns = [_means(hour, data[c.name].values, edges, c.value) for c in facility.condition]
    weather = np.stack(columns, -1) if columns else np.zeros((len(edges) - 1, 0))
    return Scenario(_calendar(facility, log, from_h), edges - from_h, settings, weather)


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
    return Calendar(
        np.r_[end[:-1], np.inf],
        np.array([p != "maintenance" for p in phase]),
        np.array([p == "user" for p in phase]),
        np.array(opened),
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
        samples.append(np.r_[waiting if len(table["beamline"]) else ENDLESS, table["samples"][ours]])
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
    rest = (end - np.maximum(begun, from_h))[rows] - plant.conditioning_h[process[rows]]
    median = np.exp(plant.repair_mu[process[rows]])
    rest = np.where(np.isfinite(rest), np.maximum(rest, 1e-6), log.hours - start + median)
    order = np.argsort(start, kind="stable")
    return {"process": process[rows][order], "start_h": (start - from_h)[order], "repair_h": rest[order]}


def _ages(facility: Facility, plant: Plant, log: Log, from_h: float) -> np.ndarray:
    """[P] own hours that each process which ages has behind it, as far as the log tells; 0 for the others.

    From the end of its last fault before ``from_h`` (a minimal repair renews nothing), else from the log's
    start: what lies before that is unknown. A mode that ages in some phases only counts as new.
    """
    table, _ = clean_faults(log.table("faults"), facility, log.hours)
    ages = np.zeros(len(plant.shape))
    for p in np.flatnonzero((plant.shape != 1.0) & plant.clock_phase[plant.clock].all(1)):
        mine = (table["process"] == facility.process_names[p]) & (table["end_h"] <= from_h)
        renewed = np.max(table["end_h"][mine], initial=0.0) if not plant.minimal[p] else 0.0
        ages[p] = _stored_h(log, renewed, from_h) if plant.clock_beam[plant.clock[p]] else from_h - renewed
    return ages


def _stored_h(log: Log, begin_h: float, end_h: float) -> float:
    """Hours with stored beam; all of them, where the log has no ``beam_state``."""
    if "beam_state" not in log.names or not log.samples("beam_state") or end_h <= begin_h:
        return end_h - begin_h
    state = log.channel("beam_state")
    inside = state.time_h[(state.time_h > begin_h) & (state.time_h < end_h)]
    edges = np.concatenate([[begin_h], inside, [end_h]])
    return float(np.diff(edges)[state.at(edges[:-1]) == STORED].sum())

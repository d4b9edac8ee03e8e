"""Exposure: stretches of constant settings, the time at risk in each, and the failures that ended them."""

from typing import NamedTuple

import numpy as np

from replay_data.record import Channel, instant
from replay_data.view import LogView
from twin import Facility
from twin.beam_states import STORED
from twin.facility import Mode

FOLLOWS_H = 1.0 / 60.0
"""Largest gap between two logs across which ages continue."""


class Exposure(NamedTuple):
    """S stretches of time of one failure mode: process after process, each in order of time."""

    time_h: np.ndarray  # [S] end of the stretch, hours since the start of the first log
    x: np.ndarray  # [S, I] inputs
    young_h: np.ndarray  # [S] age at its start, in hours of the mode's clock
    old_h: np.ndarray  # [S] age at its end
    known: np.ndarray  # [S] whether the age is known; else it counts from the start of a log
    events: np.ndarray  # [S] failures at its end, 0 or 1
    process: np.ndarray  # [S] index of the process within the mode, 0 ... P - 1

    @property
    def hours(self) -> np.ndarray:
        """Hours at risk, [S]."""
        return self.old_h - self.young_h

    def spent(self, mode: Mode, shape: float | None = None) -> np.ndarray:
        """Baseline cumulative hazard of each stretch [S]; of a Weibull law in h**shape."""
        spent = np.maximum(cumulative(mode, self.old_h, shape) - cumulative(mode, self.young_h, shape), 0.0)
        return np.where(np.isfinite(spent), spent, 0.0)

    def cut(self, kept) -> "Exposure":
        """The stretches that a mask or slice selects."""
        return Exposure(*(column[kept] for column in self))


def cumulative(mode: Mode, age_h: np.ndarray, shape: float | None = None) -> np.ndarray:
    """Baseline cumulative hazard of ages [S] by the failure law; of a Weibull law it is age**shape."""
    if mode.law == "weibull":
        return age_h ** (mode.shape if shape is None else shape)
    return mode.life.spent_each(age_h)


class History(NamedTuple):
    """The data of one log that exposure needs, cleaned and in memory."""

    offset_h: float  # its start, hours since the start of the first log, without the gaps between logs
    start_h: float  # its start on the calendar, hours since 1970
    hours: float
    channels: dict[str, Channel]  # knobs, conditions and beam_state, if recorded
    faults: dict[str, np.ndarray]


def history(log: LogView, offset_h: float = 0.0) -> History:
    """A log's settings, conditions, beam state and faults."""
    known = {name: log.cleaned(name) for name in (*log.facility.inputs, "beam_state")}
    channels = {name: channel for name, channel in known.items() if channel is not None}
    start_h = instant(log.start).timestamp() / 3600.0
    return History(offset_h, start_h, log.hours, channels, log.faults)


def modes(facility: Facility) -> dict[str, tuple[Mode, list[str]]]:
    """``subsystem.mode`` to its mode and the names of the processes that share its fit."""
    found: dict[str, tuple[Mode, list[str]]] = {}
    for (subsystem, mode, _), name in zip(facility.processes, facility.process_names, strict=True):
        found.setdefault(f"{subsystem.name}.{mode.name}", (mode, []))[1].append(name)
    return found


def expose(facility: Facility, logs: list[History], mode: Mode, processes: list[str]) -> Exposure:
    """The exposure of one mode over its processes and the logs (in order of time).

    Age counts from the end of the last repair, in beam hours or clock hours as the mode ages; a minimal repair
    does not reset it. Age is known after the first recorded repair, and continues into a log that follows
    the one before. Before that it is unknown: it counts from the start of the log and is marked as unknown.
    A unit without a failure until the end of the last log is censored.
    """
    parts = []
    for index, name in enumerate(processes):
        age_h, known, before = 0.0, False, None
        for log in logs:
            gap_h = np.inf if before is None else abs(before.start_h + before.hours - log.start_h)
            if gap_h > FOLLOWS_H:
                age_h, known = 0.0, False
            part, age_h, known = _one(facility, log, mode, name, age_h, known)
            parts.append((*part, np.full(len(part[0]), index)))
            before = log
    return Exposure(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _one(facility: Facility, log: History, mode: Mode, process: str, age_h: float, known: bool):
    """Columns of one process in one log, given its age at the start; its age at the end, and if that is known."""
    faults = spans(log, [process])
    edges = _edges(facility, log, faults)
    middle, width = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    running = ~_inside(faults, middle)
    if mode.ages == "beam":
        running &= stored(facility, log, middle)
    risk = np.where(running, width, 0.0)
    life = np.searchsorted(faults[:, 1], middle) if not mode.minimal_repair else np.zeros(len(middle), int)
    total = np.concatenate([[0.0], np.cumsum(risk)])
    first = np.searchsorted(life, life, side="left")
    entered = np.where(life == 0, age_h, 0.0) - total[first]
    events = np.zeros(len(middle))
    begun = faults[(faults[:, 0] > 0) & (faults[:, 0] <= log.hours), 0]
    events[np.searchsorted(edges, begun) - 1] = 1.0
    keep = (risk > 0) | (events > 0)
    columns = (
        (edges[1:] + log.offset_h)[keep],
        held_inputs(facility, log, middle[keep]),
        (total[:-1] + entered)[keep],
        (total[1:] + entered)[keep],
        ((life > 0) | known)[keep],
        events[keep],
    )
    known = bool(life[-1] > 0 or known) and not _inside(faults, np.array([log.hours]))[0]
    return columns, float(total[-1] + entered[-1]), known


def spans(log: History, processes) -> np.ndarray:
    """[start_h, end_h] of the faults of some processes, overlapping ones merged; an open one ends at infinity."""
    ours = np.isin(log.faults["process"], list(processes))
    start, end = log.faults["start_h"][ours], log.faults["end_h"][ours]
    merged: list[list[float]] = []
    for s, e in sorted(zip(start, np.where(np.isnan(end), np.inf, end), strict=True)):
        if merged and s < merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], e)
        else:
            merged.append([s, e])
    return np.array(merged, float).reshape(-1, 2)


def stored(facility: Facility, log: History, hours) -> np.ndarray:
    """Whether beam was stored; a log without ``beam_state`` had beam whenever no dumping fault was open."""
    if "beam_state" in log.channels:
        return log.channels["beam_state"].at(hours) == STORED
    return ~_inside(spans(log, _dumps(facility)), hours)


def _dumps(facility: Facility) -> list[str]:
    modes_and_names = zip(facility.processes, facility.process_names, strict=True)
    return [name for (_, mode, _), name in modes_and_names if mode.effect == "dump"]


def _inside(faults: np.ndarray, hours) -> np.ndarray:
    """Whether each of ``hours`` lies inside one of the (disjoint, rising) spans."""
    i = np.searchsorted(faults[:, 0], hours, side="right") - 1
    return (
        (i >= 0) & (np.asarray(hours) < faults[np.maximum(i, 0), 1])
        if len(faults)
        else np.zeros(len(hours), bool)
    )


def _edges(facility: Facility, log: History, faults) -> np.ndarray:
    """Hours of every change: each full hour (conditions), settings, beam state, faults."""
    conditions = {c.name for c in facility.condition}
    changes = [channel.time_h for name, channel in log.channels.items() if name not in conditions]
    if "beam_state" not in log.channels:
        changes.append(spans(log, _dumps(facility)).ravel())
    edges = np.concatenate([np.arange(np.ceil(log.hours)), [log.hours], faults.ravel(), *changes])
    return np.unique(edges[(edges >= 0) & (edges <= log.hours)])


def held_inputs(facility: Facility, log: History, hours) -> np.ndarray:
    """Inputs [N, I] at ``hours`` of a log: knobs held, conditions interpolated between their hourly means.

    Before its first record an input has the first value; an input that was not recorded has the facility's.
    """
    columns = []
    for item in (*facility.knob, *facility.condition):
        channel = log.channels.get(item.name)
        if channel is None:
            columns.append(np.full(len(hours), item.value))
        elif channel.held:
            columns.append(channel.at(np.maximum(hours, channel.time_h[0])))
        else:
            columns.append(np.interp(hours, *_hourly(channel)))
    return np.stack(columns, axis=1)


def _hourly(channel: Channel) -> tuple[np.ndarray, np.ndarray]:
    """The hourly mean times and mean values of a channel."""
    _, place, count = np.unique(np.floor(channel.time_h), return_inverse=True, return_counts=True)
    return np.bincount(place, channel.time_h) / count, np.bincount(place, channel.value) / count

"""Who was at risk when: stretches of constant settings, their exposure, the failures that ended them."""

from typing import NamedTuple

import numpy as np

from replay_data.clean import clean, clean_faults
from replay_data.record import Channel, Log
from twin import Facility
from twin.tables import Mode

STORED = 2


class Exposure(NamedTuple):
    """S stretches of time of one failure mode, its processes one after another, each in order of time."""

    time_h: np.ndarray  # [S] end of the stretch, hours since the start of the first log
    x: np.ndarray  # [S, I] inputs
    spent: np.ndarray  # [S] a1**k - a0**k for the age at its end and start, h**k
    events: np.ndarray  # [S] failures that ended it, 0 or 1
    hours: np.ndarray  # [S] hours at risk


class History(NamedTuple):
    """What exposure needs of one log, cleaned and in memory."""

    offset_h: float  # its start, hours since the start of the first log
    hours: float
    channels: dict[str, Channel]  # knobs, conditions and beam_state, those that hold a value
    faults: dict[str, np.ndarray]


def history(facility: Facility, log: Log, offset_h: float = 0.0) -> History:
    """A log's settings, conditions, beam state and faults."""
    found = {}
    for name in (*facility.inputs, "beam_state"):
        if name in log.names:
            channel, _ = clean(log.channel(name), log.start, log.hours, log.tabular)
            found.update({name: channel} if channel.value.size else {})
    faults, _ = clean_faults(log.table("faults"), facility, log.hours)
    return History(offset_h, log.hours, found, faults)


def modes(facility: Facility) -> dict[str, tuple[Mode, list[str]]]:
    """``subsystem.mode`` to its mode and the names of the processes that share its fit."""
    found: dict[str, tuple[Mode, list[str]]] = {}
    for (subsystem, mode, _), name in zip(facility.processes, facility.process_names, strict=True):
        found.setdefault(f"{subsystem.name}.{mode.name}", (mode, []))[1].append(name)
    return found


def expose(facility: Facility, logs: list[History], mode: Mode, processes: list[str]) -> Exposure:
    """The exposure of one mode over its processes and the logs.

    Age counts from the end of the last repair, in beam hours or clock hours as the mode ages. What lies
    before a log is unknown: each unit is taken as new when a log starts; what is whole when it ends is
    censored.
    """
    parts = [_one(facility, log, mode, name) for name in processes for log in logs]
    return Exposure(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _one(facility: Facility, log: History, mode: Mode, process: str) -> Exposure:
    faults = spans(log, [process])
    edges = _edges(facility, log, faults)
    middle, width = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    running = ~_inside(faults, middle)
    if mode.ages == "beam":
        running &= stored(facility, log, middle)
    risk = np.where(running, width, 0.0)
    life = np.searchsorted(faults[:, 1], middle)
    total = np.concatenate([[0.0], np.cumsum(risk)])
    first = np.searchsorted(life, life, side="left")
    start, end = total[:-1] - total[first], total[1:] - total[first]
    events = np.zeros(len(middle))
    begun = faults[(faults[:, 0] > 0) & (faults[:, 0] <= log.hours), 0]
    events[np.searchsorted(edges, begun) - 1] = 1.0
    keep = (risk > 0) | (events > 0)
    return Exposure(
        (edges[1:] + log.offset_h)[keep],
        held_inputs(facility, log, middle[keep]),
        np.maximum(end**mode.shape - start**mode.shape, 0.0)[keep],
        events[keep],
        risk[keep],
    )


def spans(log: History, processes) -> np.ndarray:
    """[start_h, end_h] of the faults of some processes, overlapping ones as one; an open one never ends."""
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
    """Hours at which something changed: each full hour (conditions), settings, beam, faults."""
    conditions = {c.name for c in facility.condition}
    changes = [channel.time_h for name, channel in log.channels.items() if name not in conditions]
    if "beam_state" not in log.channels:
        changes.append(spans(log, _dumps(facility)).ravel())
    edges = np.concatenate([np.arange(np.ceil(log.hours)), [log.hours], faults.ravel(), *changes])
    return np.unique(edges[(edges >= 0) & (edges <= log.hours)])


def held_inputs(facility: Facility, log: History, hours) -> np.ndarray:
    """Inputs [N, I] at ``hours`` of a log: knobs held, conditions interpolated between their hourly means.

    Before the first record the first one stands; an input the log lacks has the facility's value.
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
    """A channel's hourly means and the mean times they belong to."""
    _, place, count = np.unique(np.floor(channel.time_h), return_inverse=True, return_counts=True)
    return np.bincount(place, channel.time_h) / count, np.bincount(place, channel.value) / count

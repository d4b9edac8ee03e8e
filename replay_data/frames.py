"""A log as a table of knobs, conditions and quantities, evenly spaced in time: what learners read."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from replay_data.bins import Bins, sampled, snapped
from replay_data.clean import stretches
from replay_data.record import Channel, Log
from replay_data.resample import even_edges
from replay_data.units import same
from twin.errors import UserError
from twin.facility import Facility

if TYPE_CHECKING:
    import xarray as xr

STORED = 2  # beam_state with beam


def frame(log: Log, facility: Facility, every_h: float | None = 1.0) -> "xr.Dataset":
    """Dataset over ``time`` (bin centres, hours since the log's start), from cleaned channels.

    Channels are read block by block; of knobs and states only the changes stay in memory.

    A knob: the value held at the centre. A condition: the mean in the bin, else interpolated
    between its samples. A quantity: the mean in the bin. NaN where nothing is known. ``steady``:
    no knob changed inside the bin and beam was stored all through it (where ``beam_state`` is
    recorded). The last bin is left out if the log does not fill it.

    A tabular log, or ``every_h=None``: one row a stamp at which something was recorded, each
    quantity and condition as recorded then (a condition without: held), ``steady`` true.
    """
    import xarray as xr

    _same_units(log, facility)
    if log.tabular or every_h is None:
        time, columns, steady = _rows(log, facility)
    else:
        time, columns, steady = _bins(log, facility, every_h)
    data = {
        item.name: ("time", columns[item.name], {"units": item.unit, "title": item.title})
        for item in (*facility.knob, *facility.condition, *facility.quantity)
    }
    data["steady"] = ("time", steady, {"title": "No setting changed and beam was stored"})
    return xr.Dataset(
        data,
        coords={"time": ("time", time, {"units": "h", "title": "Time since the start"})},
        attrs={"facility": facility.name, "start": log.start, "tabular": int(log.tabular)},
    )


def _same_units(log: Log, facility: Facility) -> None:
    wrong = []
    for item in (*facility.knob, *facility.condition, *facility.quantity):
        unit = log.bare(item.name).unit if item.name in log.names else ""
        if unit and not same(unit, item.unit):
            wrong.append(f"channel {item.name!r} is in {unit!r}, the facility has {item.unit!r}")
    if wrong:
        raise UserError(f"{'; '.join(wrong)}; mend the facility file or import with a scale")


def _parts(log: Log, name: str) -> Iterator[Channel]:
    """A channel's cleaned stretches; none of one that is not recorded."""
    return (part for part, _ in stretches(log, name)) if name in log.names else iter(())


def _whole(log: Log, name: str, changes: bool) -> Channel | None:
    """A cleaned channel at once, None if not recorded; with ``changes``, only the records that differ."""
    if name not in log.names:
        return None
    time, value, last = [], [], np.array([np.nan])
    for part in _parts(log, name):
        if changes:
            moved = np.diff(part.value, prepend=last) != 0
            part, last = part.keep(moved), part.value[-1:] if part.value.size else last
        time.append(part.time_h)
        value.append(part.value)
    return replace(log.bare(name), time_h=np.concatenate(time), value=np.concatenate(value), severity=None)


def _rows(log: Log, facility: Facility):
    items = (*facility.knob, *facility.condition, *facility.quantity)
    raw = {item.name: _whole(log, item.name, changes=False) for item in items}
    stamps = [channel.time_h for channel in raw.values() if channel is not None]
    time = np.unique(np.concatenate(stamps)) if stamps else np.zeros(0)
    columns = {}
    for item in (*facility.knob, *facility.condition):
        columns[item.name] = _held(raw[item.name], time)
    for item in facility.quantity:
        columns[item.name] = np.full(time.size, np.nan)
        if (channel := raw[item.name]) is not None:
            columns[item.name][np.searchsorted(time, channel.time_h)] = channel.value
    return time, columns, np.ones(time.size, bool)


def _bins(log: Log, facility: Facility, every_h: float):
    edges = even_edges(log, every_h)
    marks = np.arange(2 * edges.size - 1) * (every_h / 2)  # edges and centres
    centre = marks[1::2]
    knobs = {knob.name: _moves(log, knob.name, marks) for knob in facility.knob}
    columns = {name: _held(knob, centre) for name, knob in knobs.items()}
    for item in facility.quantity:
        columns[item.name] = sampled(_parts(log, item.name), edges).mean[1:-1]
    for item in facility.condition:
        columns[item.name] = _filled(sampled(_parts(log, item.name), edges), centre)
    held = [knob for knob in knobs.values() if knob is not None]
    return centre, columns, _steady(held, _moves(log, "beam_state", marks), edges)


def _moves(log: Log, name: str, marks: np.ndarray) -> Channel | None:
    """The changes of a knob or state, those at one of the rising ``marks`` exactly there; None if not recorded."""
    channel = _whole(log, name, changes=True)
    return None if channel is None else replace(channel, time_h=snapped(channel.time_h, marks))


def _held(channel: Channel | None, hours: np.ndarray) -> np.ndarray:
    return np.full(hours.size, np.nan) if channel is None else channel.at(hours)


def _filled(bins: Bins, centre: np.ndarray) -> np.ndarray:
    """Means; in bins without a sample, interpolated between the samples around, held at the ends."""
    means, there = bins.mean[1:-1], np.isfinite(bins.first_h)
    if not there.any():
        return means
    hours = np.stack([bins.first_h[there], bins.last_h[there]], axis=1).ravel()
    values = np.stack([bins.first[there], bins.last[there]], axis=1).ravel()
    return np.where(np.isnan(means), np.interp(centre, hours, values), means)


def _steady(knobs: list[Channel], state: Channel | None, edges: np.ndarray) -> np.ndarray:
    """Bins [T] in which no knob changed (its first record is a change too) and beam was stored all through."""
    steady = np.ones(edges.size - 1, bool)
    for knob in knobs:
        steady &= ~_any_inside(knob.time_h, edges) & np.isfinite(knob.at(edges[:-1]))
    if state is not None:
        steady &= (state.at(edges[:-1]) == STORED) & ~_any_inside(state.time_h[state.value != STORED], edges)
    return steady


def _any_inside(hours: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Whether any of the (rising) ``hours`` lies inside a bin, its edges left out."""
    first = np.searchsorted(hours, edges[:-1], side="right")
    return np.searchsorted(hours, edges[1:], side="left") > first

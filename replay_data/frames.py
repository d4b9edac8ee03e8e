"""A log as a table of knobs, conditions and quantities, evenly spaced in time: what learners read."""

import numpy as np
import xarray as xr

from replay_data.clean import clean
from replay_data.record import Channel, Log
from twin.errors import UserError
from twin.facility import Facility

STORED = 2  # beam_state with beam


def frame(log: Log, facility: Facility, every_h: float | None = 1.0) -> xr.Dataset:
    """Dataset over ``time`` (bin centres, hours since the log's start), from cleaned channels.

    A knob: the value held at the centre. A condition: the mean in the bin, else interpolated
    between its samples. A quantity: the mean in the bin. NaN where nothing is known. ``steady``:
    no knob changed inside the bin and beam was stored all through it (where ``beam_state`` is
    recorded). The last bin is left out if the log does not fill it.

    A tabular log, or ``every_h=None``: one row a stamp at which something was recorded, each
    quantity and condition as recorded then (a condition without: held), ``steady`` true.
    """
    channels = _channels(log, facility)
    if log.tabular or every_h is None:
        time, columns, steady = _rows(channels, facility)
    else:
        time, columns, steady = _bins(log, channels, facility, every_h)
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


def _channels(log: Log, facility: Facility) -> dict[str, Channel]:
    """Cleaned channels of the facility's knobs, conditions and quantities, and of the beam's state."""
    units = {i.name: i.unit for i in (*facility.knob, *facility.condition, *facility.quantity)}
    wrong, channels = [], {}
    for name in [*units, "beam_state"]:
        if name in log.names:
            channels[name], _ = clean(log.channel(name), log.start, log.hours, log.tabular)
            unit = channels[name].unit
            if name in units and unit and unit != units[name]:
                wrong.append(f"channel {name!r} is in {unit!r}, the facility has {units[name]!r}")
    if wrong:
        raise UserError(f"{'; '.join(wrong)}; mend the facility file or import with a scale")
    return channels


def _rows(channels: dict[str, Channel], facility: Facility):
    stamps = [c.time_h for name, c in channels.items() if name != "beam_state"]
    time = np.unique(np.concatenate(stamps)) if stamps else np.zeros(0)
    columns = {}
    for item in (*facility.knob, *facility.condition):
        columns[item.name] = _held(channels.get(item.name), time)
    for item in facility.quantity:
        columns[item.name] = np.full(time.size, np.nan)
        if item.name in channels:
            columns[item.name][np.searchsorted(time, channels[item.name].time_h)] = channels[item.name].value
    return time, columns, np.ones(time.size, bool)


def _bins(log: Log, channels: dict[str, Channel], facility: Facility, every_h: float):
    n = int(np.floor(log.hours / every_h + 1e-9))
    if n < 1:
        raise UserError(f"the log lasts {log.hours:g} h, less than a bin of {every_h:g} h; shorten the bins")
    edges = np.arange(n + 1) * every_h
    centre = (edges[:-1] + edges[1:]) / 2
    columns = {}
    for item in facility.knob:
        columns[item.name] = _held(channels.get(item.name), centre)
    for item in facility.quantity:
        columns[item.name] = _means(channels.get(item.name), edges)
    for item in facility.condition:
        columns[item.name] = _filled(_means(channels.get(item.name), edges), channels.get(item.name), centre)
    return centre, columns, _steady(channels, facility, edges)


def _held(channel: Channel | None, hours: np.ndarray) -> np.ndarray:
    return np.full(hours.size, np.nan) if channel is None else channel.at(hours)


def _means(channel: Channel | None, edges: np.ndarray) -> np.ndarray:
    """The mean of the samples in each bin [edge, next edge), NaN where there are none."""
    n = edges.size - 1
    if channel is None:
        return np.full(n, np.nan)
    place = np.searchsorted(channel.time_h, edges, side="left")
    inside = slice(place[0], place[-1])
    which = np.repeat(np.arange(n), np.diff(place))
    count = np.bincount(which, minlength=n)
    total = np.bincount(which, weights=channel.value[inside].astype(float), minlength=n)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _filled(means: np.ndarray, channel: Channel | None, centre: np.ndarray) -> np.ndarray:
    """Bins without a sample: interpolated at the centre between the samples around, held at the ends."""
    if channel is None or not channel.value.size:
        return means
    return np.where(np.isnan(means), np.interp(centre, channel.time_h, channel.value.astype(float)), means)


def _steady(channels: dict[str, Channel], facility: Facility, edges: np.ndarray) -> np.ndarray:
    steady = np.ones(edges.size - 1, bool)
    for item in facility.knob:
        if item.name in channels:
            knob = channels[item.name]
            # unknown before the first record, so that one is a change too
            moved = np.insert(np.diff(knob.value) != 0, 0, True)[: knob.value.size]
            steady &= ~_any_inside(knob.time_h[moved], edges) & np.isfinite(knob.at(edges[:-1]))
    if "beam_state" in channels:
        state = channels["beam_state"]
        steady &= (state.at(edges[:-1]) == STORED) & ~_any_inside(state.time_h[state.value != STORED], edges)
    return steady


def _any_inside(hours: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Whether any of the (rising) ``hours`` lies inside a bin, its edges left out."""
    first = np.searchsorted(hours, edges[:-1], side="right")
    return np.searchsorted(hours, edges[1:], side="left") > first

"""Frames: a log as a table of knobs, conditions and quantities, evenly spaced in time, for training."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from replay_data.bins import Bins, sampled, snapped
from replay_data.clean_channels import CleanChannels
from replay_data.record import Channel, Log
from replay_data.resample import even_edges
from replay_data.units import same
from twin.beam_states import STORED
from twin.errors import UserError
from twin.facility import Facility

if TYPE_CHECKING:
    import xarray as xr


def frame(channels: CleanChannels, facility: Facility, every_h: float | None) -> "xr.Dataset":
    """Dataset over ``time`` (bin centres, hours since the log's start), from cleaned channels.

    Conditions and quantities are read block by block; only the changes of knobs and states stay in memory.

    A knob has the value held at the centre; a condition its mean in the bin, else interpolated between
    samples; a quantity its mean in the bin. NaN where unknown. ``steady``: no knob changed inside the bin
    and beam was stored throughout (where ``beam_state`` is recorded). The last bin is left out if the log
    does not fill it.

    For a tabular log, or ``every_h=None``: one row per stamp at which something was recorded, each
    quantity and condition as recorded then (a condition without a value is held), ``steady`` true.
    """
    import xarray as xr

    log = channels.log
    check_units(log, facility)
    if log.tabular or every_h is None:
        time, columns, steady = _rows(channels, facility)
    else:
        time, columns, steady = _bins(channels, facility, every_h)
    data = {
        item.name: ("time", columns[item.name], {"units": item.unit, "title": item.title})
        for item in (*facility.knob, *facility.condition, *facility.quantity)
    }
    data["steady"] = ("time", steady, {"title": "No setting changed and beam was stored"})
    for array in (time, steady, *columns.values()):
        array.flags.writeable = False  # shared by all callers
    return xr.Dataset(
        data,
        coords={"time": ("time", time, {"units": "h", "title": "Time since the start"})},
        attrs={"facility": facility.name, "start": log.start, "tabular": int(log.tabular)},
    )


def check_units(log: Log, facility: Facility) -> None:
    """Raise UserError if the unit of a recorded channel differs from the facility's."""
    wrong = []
    for item in (*facility.knob, *facility.condition, *facility.quantity):
        unit = log.bare(item.name).unit if item.name in log.names else ""
        if unit and not same(unit, item.unit):
            wrong.append(f"channel {item.name!r} is in {unit!r}, the facility has {item.unit!r}")
    if wrong:
        raise UserError(f"{'; '.join(wrong)}; correct the facility file, or import with a scale")


def _rows(channels: CleanChannels, facility: Facility):
    items = (*facility.knob, *facility.condition, *facility.quantity)
    raw = {item.name: channels.whole(item.name) for item in items}
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


def _bins(channels: CleanChannels, facility: Facility, every_h: float):
    edges = even_edges(channels.log, every_h)
    marks = np.arange(2 * edges.size - 1) * (every_h / 2)  # edges and centres
    centre = marks[1::2]
    recorded = [knob.name for knob in facility.knob if knob.name in channels.log.names]
    knobs = {name: _moves(channels.held(name), marks) for name in recorded}
    columns = {knob.name: _held(knobs.get(knob.name), centre) for knob in facility.knob}
    for item in facility.quantity:
        columns[item.name] = sampled(channels.parts(item.name), edges).mean[1:-1]
    for item in facility.condition:
        columns[item.name] = _filled(sampled(channels.parts(item.name), edges), centre)
    steady = _steady(list(knobs.values()), _moves(channels.held("beam_state"), marks), edges)
    return centre, columns, steady


def _moves(channel: Channel | None, marks: np.ndarray) -> Channel | None:
    """The changes of a knob or state; those at one of the rising ``marks`` are moved exactly onto it."""
    return None if channel is None else replace(channel, time_h=snapped(channel.time_h, marks))


def _held(channel: Channel | None, hours: np.ndarray) -> np.ndarray:
    return np.full(hours.size, np.nan) if channel is None else channel.at(hours)


def _filled(bins: Bins, centre: np.ndarray) -> np.ndarray:
    """Means; in bins without a sample, interpolated between the neighbouring samples, held at the ends."""
    means, there = bins.mean[1:-1], np.isfinite(bins.first_h)
    if not there.any():
        return means
    hours = np.stack([bins.first_h[there], bins.last_h[there]], axis=1).ravel()
    values = np.stack([bins.first[there], bins.last[there]], axis=1).ravel()
    return np.where(np.isnan(means), np.interp(centre, hours, values), means)


def _steady(knobs: list[Channel | None], state: Channel | None, edges: np.ndarray) -> np.ndarray:
    """Mask [T] of bins in which no recorded knob changed (its first record counts) and beam was stored throughout.

    All false if no sample of some recorded knob is usable.
    """
    steady = np.ones(edges.size - 1, bool)
    for knob in knobs:
        steady &= knob is not None and ~_any_inside(knob.time_h, edges) & np.isfinite(knob.at(edges[:-1]))
    if state is not None:
        steady &= (state.at(edges[:-1]) == STORED) & ~_any_inside(state.time_h[state.value != STORED], edges)
    return steady


def _any_inside(hours: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Whether any of the (rising) ``hours`` lies inside each bin, edges excluded."""
    first = np.searchsorted(hours, edges[:-1], side="right")
    return np.searchsorted(hours, edges[1:], side="left") > first

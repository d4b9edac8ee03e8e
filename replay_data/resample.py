"""Resample a log to a common clock: statistics of every channel in even bins, and the hours of fault per bin."""

from typing import TYPE_CHECKING

import numpy as np

from replay_data.bins import Bins, holding, sampled
from replay_data.clean import stretches
from replay_data.record import Channel, Log
from twin.errors import UserError

if TYPE_CHECKING:
    import xarray as xr

STATISTICS = ("last", "mean", "min", "max", "count")


def resample(log: Log, every_h: float, names: list[str] | None = None, judged: bool = False) -> "xr.Dataset":
    """A Dataset of channels over ``statistic`` [5] and ``time`` [T] (bin centres), and hours of fault.

    ``last``: the last value; in a bin without one, the value held from before. ``mean``, ``min``, ``max``: of
    the samples; the mean of setpoints and states is weighted by the hours that values hold. ``count``: number
    of samples. NaN where unknown. The last bin is left out if the log does not fill it.

    Samples are read and cleaned block by block and not kept. Unusable stamps and values are always left out;
    stuck sensors and spikes if ``judged``. ``fault_h`` [P, T]: hours of fault of each process in each bin; a
    fault without end lasts to the end of the log.
    """
    import xarray as xr

    edges = even_edges(log, every_h)
    data = {}
    for name in log.names if names is None else names:
        bins, channel = gathered(log, name, edges, judged)
        inner = slice(1, -1)
        rows = [bins.held, bins.mean, np.where(bins.weight > 0, bins.least, np.nan)]
        rows += [np.where(bins.weight > 0, bins.most, np.nan), bins.count.astype(float)]
        attrs = {"units": channel.unit, "role": channel.role, "title": channel.title}
        data[name] = (("statistic", "time"), np.stack([row[inner] for row in rows]), attrs)
    processes, hours = fault_hours(log, edges)
    data["fault_h"] = (("process", "time"), hours, {"units": "h", "title": "Hours of fault"})
    time = ("time", (edges[:-1] + edges[1:]) / 2, {"units": "h", "title": "Time since the start"})
    coords = {"statistic": list(STATISTICS), "process": processes, "time": time}
    return xr.Dataset(data, coords, {"facility": log.facility, "start": log.start})


def even_edges(log: Log, every_h: float) -> np.ndarray:
    """Edges [T + 1] of the bins of ``every_h`` hours that the log fills; UserError if it fills none."""
    bins = int(np.floor(log.hours / every_h + 1e-9))
    if bins < 1:
        raise UserError(f"the log lasts {log.hours:g} h, less than a bin of {every_h:g} h; shorten the bins")
    return np.arange(bins + 1) * every_h


def gathered(log: Log, name: str, edges: np.ndarray, judged: bool) -> tuple[Bins, Channel]:
    """The statistics of a channel in bins, and the channel without its samples."""
    bare = log.bare(name)
    parts = (part for part, _ in stretches(log, name, judged))
    return (holding if bare.held else sampled)(parts, edges), bare


def fault_hours(log: Log, edges: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The processes of a log's faults, and the hours of fault [P, T] of each in each bin.

    A fault without end lasts to the log's end; it is ignored if another fault of its process follows.
    """
    table = log.table("faults")
    processes = sorted({str(process) for process in table["process"]})
    hours = np.zeros((len(processes), edges.size - 1))
    for row, process in zip(hours, processes, strict=True):
        mine = (table["process"] == process) & np.isfinite(table["start_h"])
        start, end = table["start_h"][mine], table["end_h"][mine]
        lasts = np.isnan(end) & (start == start.max(initial=-np.inf))
        row[:] = np.diff(covered(start, np.where(lasts, log.hours, end), edges))
    return processes, hours


def covered(start_h: np.ndarray, end_h: np.ndarray, at_h: np.ndarray) -> np.ndarray:
    """The hours before each ``at_h`` inside any of the spans; overlaps count once."""
    valid = end_h > start_h  # without a start, or with an end not after it, a span has no hours
    order = np.argsort(start_h[valid], kind="stable")
    start, end = start_h[valid][order], end_h[valid][order]
    if not start.size:
        return np.zeros(at_h.size)
    reached = np.concatenate([[-np.inf], np.maximum.accumulate(end)[:-1]])
    start = np.maximum(start, reached)
    end = np.maximum(end, start)
    total = np.concatenate([[0.0], np.cumsum(end - start)])
    i = np.searchsorted(start, at_h, side="right")
    inside = np.clip(at_h - start[np.maximum(i - 1, 0)], 0.0, (end - start)[np.maximum(i - 1, 0)])
    return np.where(i > 0, total[np.maximum(i - 1, 0)] + inside, 0.0)

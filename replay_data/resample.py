"""A log on a common clock: statistics of every channel in even bins, and the faults in each bin."""

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

    ``last``: the last value, held from before the bin where it has none. ``mean``: of the samples; of
    setpoints and states, of the values weighed by how long they held. ``min``, ``max`` alike.
    ``count``: samples. NaN where nothing is known. The last bin is left out if the log does not fill it.

    Samples are read, cleaned and forgotten block by block. Unusable stamps and values are always left
    out, stuck sensors and spikes if ``judged``. ``fault_h`` [P, T]: hours in each bin in which a fault of
    a process lasted; one without end lasts to the log's.
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
    """Edges [T + 1] of the bins of ``every_h`` hours that the log fills; a UserError if it fills none."""
    bins = int(np.floor(log.hours / every_h + 1e-9))
    if bins < 1:
        raise UserError(f"the log lasts {log.hours:g} h, less than a bin of {every_h:g} h; shorten the bins")
    return np.arange(bins + 1) * every_h


def gathered(log: Log, name: str, edges: np.ndarray, judged: bool) -> tuple[Bins, Channel]:
    """The filled bins of a channel, and the channel without its samples."""
    bare = log.bare(name)
    parts = (part for part, _ in stretches(log, name, judged))
    return (holding if bare.held else sampled)(parts, edges), bare


def fault_hours(log: Log, edges: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The processes of a log's faults, and the hours [P, T] of each bin in which a fault of each lasted."""
    table = log.table("faults")
    end = np.where(np.isnan(table["end_h"]), log.hours, table["end_h"])
    processes = sorted({str(process) for process in table["process"]})
    hours = np.zeros((len(processes), edges.size - 1))
    for row, process in zip(hours, processes, strict=True):
        mine = table["process"] == process
        row[:] = np.diff(covered(table["start_h"][mine], end[mine], edges))
    return processes, hours


def covered(start_h: np.ndarray, end_h: np.ndarray, at_h: np.ndarray) -> np.ndarray:
    """Hours before each ``at_h`` that lie within any of the spans; overlapping ones count once."""
    sound = end_h > start_h  # of no length, upside down or without a start: no hours
    order = np.argsort(start_h[sound], kind="stable")
    start, end = start_h[sound][order], end_h[sound][order]
    if not start.size:
        return np.zeros(at_h.size)
    reached = np.concatenate([[-np.inf], np.maximum.accumulate(end)[:-1]])
    start = np.maximum(start, reached)
    end = np.maximum(end, start)
    total = np.concatenate([[0.0], np.cumsum(end - start)])
    i = np.searchsorted(start, at_h, side="right")
    inside = np.clip(at_h - start[np.maximum(i - 1, 0)], 0.0, (end - start)[np.maximum(i - 1, 0)])
    return np.where(i > 0, total[np.maximum(i - 1, 0)] + inside, 0.0)

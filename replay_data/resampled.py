"""A log resampled to a common clock, channel by channel: written as a run-log, or as a CSV or Parquet table."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from replay_data.record import ByChannel, Channel, Log, instant
from replay_data.resample import even_edges, fault_hours, gathered
from replay_data.store import whole, write
from twin.errors import UserError, unknown
from twin.types import Progress, silent

SUFFIXES = (".h5", ".csv", ".parquet")

STATISTICS = {
    "mean": lambda bins: bins.mean,
    "last": lambda bins: bins.last,
    "min": lambda bins: np.where(bins.weight > 0, bins.least, np.nan),
    "max": lambda bins: np.where(bins.weight > 0, bins.most, np.nan),
}
SENSORS = ("condition", "quantity", "readback")
"""Roles whose mean is meaningful (a mean of settings, states or counters is not a value of theirs), and which have no
value in a bin without samples."""


@dataclass(frozen=True)
class Account:
    """The account of one channel: samples read, samples in a bin, and bins without a known value."""

    name: str
    statistic: str
    read: int
    used: int
    empty: int


@dataclass
class Resampled(ByChannel):
    """A log whose channels have at most one sample per bin of ``every_h``, at its centre; tables are unchanged.

    ``how``: mean, last, min or max of the samples in the bin. With ``mean``, setpoints, states and counters
    have ``last``, which holds through bins without a sample. Unknown bins have no sample; nor do bins in which a
    setpoint or state does not change. A channel is read on request, block by block, and entered in
    ``accounts``; one channel is in memory at a time.
    """

    log: Log
    every_h: float
    how: str
    judged: bool = False
    progress: Progress = silent
    accounts: dict[str, Account] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.how not in STATISTICS:
            raise unknown("statistic", self.how, list(STATISTICS))
        if self.log.tabular:
            raise UserError("each stamp of a tabular log is one evaluation: there is nothing to resample")
        self.edges = even_edges(self.log, self.every_h)
        self.facility, self.start, self.hours = self.log.facility, self.log.start, self.log.hours
        self.tabular, self.names, self.table_names = False, self.log.names, self.log.table_names
        self._last: Channel | None = None

    @property
    def time_h(self) -> np.ndarray:
        """The centres [T] of the bins, hours since the start."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    def values(self, name: str) -> np.ndarray:
        """The values [T] of a channel, NaN where unknown."""
        bins, bare = gathered(self.log, name, self.edges, self.judged)
        sensor = bare.role in SENSORS
        how = self.how if self.how != "mean" or sensor else "last"
        values = bins.held if how == "last" and not sensor else STATISTICS[how](bins)
        values = np.asarray(values, float)[1:-1]
        used, empty = int(bins.count[1:-1].sum()), int(np.isnan(values).sum())
        self.accounts[name] = Account(name, how, self.log.samples(name), used, empty)
        self.progress("resampling", len(self.accounts) / len(self.names))
        return values

    def channel(self, name: str) -> Channel:
        if self._last is None or self._last.name != name:
            self._last = self._thinned(name)
        return self._last

    def _thinned(self, name: str) -> Channel:
        values, bare = self.values(name), self.log.bare(name)
        keep = ~np.isnan(values)
        if bare.held:
            keep[1:] &= values[1:] != values[:-1]
        return Channel(name, self.time_h[keep], values[keep], bare.unit, bare.role, bare.pv, bare.title)

    def table(self, name: str) -> dict[str, np.ndarray]:
        return self.log.table(name)


def save(log: Resampled, path: str | Path) -> None:
    """Write a resampled log, whole or not at all: ``.h5`` as a run-log, ``.csv`` or ``.parquet`` as one table.

    The table has one row per bin: its centre in UTC, each channel, and the hours of fault of each process.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise UserError(
            f"{path}: {path.suffix or 'no suffix'!r} is not an output format; use one of {', '.join(SUFFIXES)}"
        )
    if path.suffix == ".h5":
        write(log, path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as part:
        _write_table(log, part, path.suffix)


def _write_table(log: Resampled, path: Path, suffix: str) -> None:
    import pyarrow as pa
    from pyarrow import csv, parquet

    start = np.datetime64(instant(log.start).replace(tzinfo=None), "us")
    stamps = start + np.round(log.time_h * 3.6e9).astype("m8[us]")
    time = np.strings.add(np.datetime_as_string(stamps), "Z") if suffix == ".csv" else stamps
    kind = pa.string() if suffix == ".csv" else pa.timestamp("us", "UTC")
    fields, arrays = [pa.field("time", kind)], [pa.array(time).cast(kind)]
    for name, unit, values in _columns(log):
        fields.append(pa.field(name, pa.float64(), metadata={"units": unit}))
        arrays.append(pa.array(values, from_pandas=True))  # NaN becomes an empty cell
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    (csv.write_csv if suffix == ".csv" else parquet.write_table)(table, path)


def _columns(log: Resampled) -> Iterator[tuple[str, str, np.ndarray]]:
    """(name, unit, values [T]) of every channel and of the hours of fault of every process."""
    for name in log.names:
        yield name, log.log.bare(name).unit, log.values(name)
    for process, hours in zip(*fault_hours(log.log, log.edges), strict=True):
        yield f"fault_h {process}", "h", hours

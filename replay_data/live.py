"""Live run-logs: others can read the file while it is written, and flushed samples survive if the writer is killed."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike

from replay_data.record import KEYS, TABLES, Channel, Log
from replay_data.runlog import open_log
from replay_data.store import fill, start_channel, start_entry, whole, write, write_table
from twin.errors import unknown

GROWING = {"shape": (0,), "maxshape": (None,), "chunks": (8192,)}
"""Storage of growing datasets. Not compressed: a chunk would be compressed and moved at every write."""

TEXT_BYTES = 1024  # of a text cell; HDF5 cannot write text of variable length while others read


class LiveLog:
    """A run-log that is being written while others may read it. Use it in a ``with``.

    It begins with the content of ``log``: an empty Record that defines the channels, or a log to continue.
    Samples are in the log after the next ``flush``. Stamps are written after values, so a sample whose stamp
    is in the file is complete. HDF5's single-writer mode keeps the file readable even if the writer is killed.
    Leaving the ``with`` without an error compresses the file.
    """

    def __init__(self, path: str | Path, log: Log) -> None:
        self.path = Path(path)
        with whole(self.path) as part:
            self._file = h5py.File(part, "w", libver=("v110", "v110"))
            try:
                self._begin(log)
            except BaseException:
                self._file.close()
                raise
        self._waiting: dict[str, list[Channel]] = defaultdict(list)

    def _begin(self, log: Log) -> None:
        entry: Any = start_entry(self._file, log)
        entry.attrs["live"] = True
        self._bare = {name: log.bare(name) for name in log.names}
        self._channels = {name: start_channel(entry, log, name, GROWING) for name in log.names}
        self._tables = {name: _start_table(entry, name, columns) for name, columns in TABLES.items()}
        for name in set(log.table_names) - set(TABLES):
            write_table(entry, log, name)
        self._duration = entry.create_dataset("duration", data=float(log.hours) * 3600.0)
        self._duration.attrs["units"] = "s"
        self._file.swmr_mode = True
        for name in log.names:
            for block in log.blocks(name):
                self._write(name, block)
        for name in TABLES:
            columns = log.table(name)
            for row in zip(*columns.values(), strict=True):
                self.add(name, dict(zip(columns, row, strict=True)))
        self._file.flush()

    def __enter__(self) -> "LiveLog":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.flush()
        self._file.close()
        if kind is None:
            with open_log(self.path) as log:
                write(log, self.path)

    def append(
        self, name: str, time_h: ArrayLike, value: ArrayLike, severity: ArrayLike | None = None
    ) -> None:
        """Add samples [N] to a channel; they are in the file after the next ``flush``."""
        if name not in self._channels:
            raise unknown("channel", name, list(self._channels))
        bare, time_h, value = self._bare[name], np.asarray(time_h, float), np.asarray(value, float)
        severity = None if severity is None else np.asarray(severity, np.int8)
        if not np.isfinite(time_h).all():
            raise ValueError(f"channel {name!r}: a stamp is not finite; leave such samples out")
        if (severity is None) != (bare.severity is None):
            has = "has" if severity is None else "has no"
            raise ValueError(
                f"channel {name!r} {has} severities; they must be given for all samples or for none"
            )
        sizes = {len(part) for part in (time_h, value, severity) if part is not None}
        if len(sizes) > 1:
            raise ValueError(
                f"channel {name!r}: stamps, values and severities differ in length: {sorted(sizes)}"
            )
        self._waiting[name].append(Channel(name, time_h, value, "", bare.role, severity=severity))

    def flush(self, until_h: float = 0.0) -> None:
        """Write all added samples to the file; the log then ends at the latest sample, or at ``until_h`` if later."""
        last_s = max(float(self._duration[()]), until_h * 3600.0)
        for name, parts in self._waiting.items():
            for part in parts:
                self._write(name, part)
                last_s = max(last_s, 3600.0 * float(part.time_h.max(initial=0.0)))
        self._waiting.clear()
        self._duration[()] = last_s
        self._duration.flush()

    def _write(self, name: str, block: Channel) -> None:
        parts = self._channels[name]
        first = parts["time"].shape[0]
        for dataset in parts.values():
            dataset.resize((first + block.value.size,))
        values = {key: dataset for key, dataset in parts.items() if key != "time"}
        fill(values, first, block)
        for dataset in values.values():
            dataset.flush()
        fill({"time": parts["time"]}, first, block)
        parts["time"].flush()

    def add(self, table: str, row: dict[str, Any]) -> int:
        """Add a row to a table of the log and return its number, for ``amend``. Missing cells are blank."""
        if table not in self._tables:
            raise unknown("table", table, list(self._tables))
        columns = self._tables[table]
        place = columns[KEYS[table]].shape[0]
        cells = {name: row.get(name, "" if kind == "U" else np.nan) for name, kind in TABLES[table].items()}
        key = cells.pop(KEYS[table])
        for dataset in columns.values():
            dataset.resize((place + 1,))
        self.amend(table, place, cells)
        self.amend(table, place, {KEYS[table]: key})
        return place

    def amend(self, table: str, row: int, cells: dict[str, Any]) -> None:
        """Overwrite some cells of a row, such as the end of a fault or its cause."""
        for name, cell in cells.items():
            if isinstance(cell, str) and len(cell.encode()) > TEXT_BYTES:
                raise ValueError(
                    f"table {table!r}: {name} has more than {TEXT_BYTES} bytes: {cell[:40]!r}..."
                )
            self._tables[table][name][row] = str(cell) if isinstance(cell, str) else float(cell)
            self._tables[table][name].flush()


def _start_table(entry: Any, name: str, columns: dict[str, str]) -> dict[str, Any]:
    table = entry.create_group(name)
    table.attrs.update(NX_class="NXcollection", order=np.array(list(columns), dtype=h5py.string_dtype()))
    text = h5py.string_dtype("utf-8", TEXT_BYTES)
    words = {"shape": (0,), "maxshape": (None,), "chunks": (64,), "dtype": text}
    number = {**GROWING, "dtype": float, "fillvalue": np.nan}
    return {
        column: table.create_dataset(column, **(words if kind == "U" else number))
        for column, kind in columns.items()
    }

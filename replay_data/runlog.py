"""The run-log: an HDF5 file of NeXus NXlog channels and tables, written at once and read lazily."""

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import h5py
import numpy as np

from replay_data.frames import frame
from replay_data.record import ROLES, Channel, Record, complete, instant
from twin.errors import UserError, unknown

__all__ = ["Channel", "Record", "RunLog", "frame", "open_log", "write"]

FORMAT = 1
CHUNK = 65536


def write(record: Record, path: str | Path) -> None:
    """Write a record as a run-log; the file appears whole or not at all.

    Equal records give equal bytes (no time of writing is stored).
    """
    _check(record)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        with h5py.File(part, "w") as file:
            _write_entry(record, file)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _check(record: Record) -> None:
    instant(record.start, "record.start")
    defects = []
    for name, channel in record.channels.items():
        if name != channel.name or "/" in name or not name:
            defects.append(f"channel {name!r}: calls itself {channel.name!r}; they must agree, without '/'")
        if channel.role not in ROLES:
            defects.append(f"channel {name!r}: role {channel.role!r} is none of: {', '.join(ROLES)}")
        if len(channel.time_h) != len(channel.value):
            defects.append(f"channel {name!r}: {len(channel.time_h)} stamps for {len(channel.value)} values")
    for name, columns in record.tables.items():
        if name == "channels" or "/" in name or not name:
            defects.append(f"table {name!r}: choose another name, without '/'")
        if len({len(column) for column in columns.values()}) > 1:
            defects.append(f"table {name!r}: columns differ in length")
    if defects:
        raise ValueError("; ".join(defects))


def _write_entry(record: Record, file: h5py.File) -> None:
    file.attrs["default"] = "entry"
    entry = _group(file, "entry", "NXentry")
    entry.attrs.update(
        facility=record.facility, start=record.start, hours=float(record.hours),
        tabular=record.tabular, beamtwin_format=FORMAT,
    )  # fmt: skip
    channels = _group(entry, "channels", "NXcollection")
    channels.attrs["order"] = np.array(list(record.channels), dtype=h5py.string_dtype())
    for name, channel in record.channels.items():
        log = _group(channels, name, "NXlog")
        log.attrs.update(pv=channel.pv, role=channel.role, title=channel.title)
        time = _column(log, "time", np.asarray(channel.time_h, float) * 3600.0)
        time.attrs.update(start=record.start, units="s")
        _column(log, "value", channel.value).attrs["units"] = channel.unit
    for name, columns in record.tables.items():
        table = _group(entry, name, "NXcollection")
        table.attrs["order"] = np.array(list(columns), dtype=h5py.string_dtype())
        for column, values in columns.items():
            _column(table, column, values)


def _group(parent: h5py.Group, name: str, nexus_class: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nexus_class
    return group


def _column(group: h5py.Group, name: str, values: Any) -> h5py.Dataset:
    """One dataset; chunked and compressed where that pays (an empty or short one is stored plainly)."""
    values = np.asarray(values)
    dtype = values.dtype if values.dtype.kind in "biuf" else h5py.string_dtype()
    how: dict[str, Any] = {}
    if values.size > 64:
        how = {"chunks": (min(CHUNK, values.size),), "compression": "gzip", "shuffle": True}
    data = values if dtype == values.dtype else values.astype(object)
    return group.create_dataset(name, data=data, dtype=dtype, **how)


def open_log(path: str | Path) -> "RunLog":
    """Open a run-log for reading; use it in a ``with``."""
    return RunLog(path)


class RunLog:
    """A run-log in a file: its span at once, channels and tables when asked for."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = _open(self.path)
        try:
            self._entry = _entry(self._file, self.path)
            self.facility: str = str(self._entry.attrs["facility"])
            self.start: str = str(self._entry.attrs["start"])
            self.hours: float = float(self._entry.attrs["hours"])
            self.tabular: bool = bool(self._entry.attrs.get("tabular", False))
            instant(self.start, f"{self.path}: start")
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    @cached_property
    def sha256(self) -> str:
        """The hash of the file's bytes, by which evidence names the log."""
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def names(self) -> list[str]:
        """Names of the channels, in the order in which they were written."""
        return _order(self._entry["channels"]) if "channels" in self._entry else []

    def channel(self, name: str) -> Channel:
        """One channel, as recorded: nothing is cleaned here."""
        if name not in self.names:
            raise UserError(f"{self.path}: {unknown('channel', name, self.names)}")
        try:
            log = self._entry["channels"][name]
            time, value, notes = log["time"], log["value"], log.attrs
            return Channel(
                name, time[()] / 3600.0, value[()], str(value.attrs.get("units", "")),
                str(notes["role"]), str(notes.get("pv", "")), str(notes.get("title", "")),
            )  # fmt: skip
        except (KeyError, OSError) as error:
            raise UserError(
                f"{self.path}: channel {name!r} cannot be read ({error}); write it again"
            ) from None

    def table(self, name: str) -> dict[str, np.ndarray]:
        """A table as columns; a known table that the log lacks has its columns, empty."""
        table = self._entry[name] if name in self.table_names else {}
        return complete(name, {column: _values(table[column]) for column in (_order(table) if table else [])})

    @property
    def table_names(self) -> list[str]:
        """Names of the tables in the file."""
        return [name for name in self._entry if name != "channels"]


def _order(group: Any) -> list[str]:
    """Member names as written; a file of another writer without ``order`` lists them alphabetically."""
    return [str(name) for name in group.attrs.get("order", list(group)) if name in group]


def _values(dataset: Any) -> np.ndarray:
    if h5py.check_string_dtype(dataset.dtype) is None:
        return dataset[()]
    return np.asarray(dataset.asstr()[()], dtype=str)


def _open(path: Path) -> h5py.File:
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the path of a run-log (.h5)")
    if not h5py.is_hdf5(path):
        raise UserError(f"{path}: not an HDF5 file; turn a CSV into a run-log with `beamtwin import`")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{path}: HDF5 cannot open it ({error}); copy or write it again") from None


def _entry(file: Any, path: Path) -> Any:
    entry = file.get("entry")
    if not isinstance(entry, h5py.Group) or "beamtwin_format" not in entry.attrs:
        mend = f"beamtwin import {path} -o LOG --map MAP"
        raise UserError(f"{path}: HDF5, but not a beamtwin run-log; import it first: `{mend}`")
    attrs: Any = entry.attrs
    version = int(attrs["beamtwin_format"])
    if version > FORMAT:
        raise UserError(
            f"{path}: beamtwin_format = {version}, this one reads up to {FORMAT}; use a newer beamtwin"
        )
    missing = [key for key in ("facility", "start", "hours") if key not in entry.attrs]
    if missing:
        raise UserError(f"{path}: /entry lacks {', '.join(missing)}; write the log again")
    return entry


def is_runlog(path: str | Path) -> bool:
    """Whether a file is a beamtwin run-log, of whatever version."""
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return "beamtwin_format" in getattr(file.get("entry"), "attrs", {})

"""The run-log: an HDF5 file of NeXus NXlog channels and tables, read lazily."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from replay_data.record import BLOCK, KEYS, Channel, Record, complete, instant
from replay_data.store import CHUNK, FORMAT, write
from twin.errors import UserError, unknown

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Channel", "Record", "RunLog", "open_log", "write"]


def open_log(path: str | Path) -> "RunLog":
    """Open a run-log for reading; use it in a ``with``."""
    return RunLog(path)


class RunLog:
    """A run-log in a file: the span is read at once, channels and tables on request."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = _open(self.path)
        try:
            self._entry = _entry(self._file, self.path)
            self.facility: str = str(self._entry.attrs["facility"])
            self.start: str = str(self._entry.attrs["start"])
            self.live: bool = (
                "live" in self._entry.attrs
            )  # being written, or left by a writer that was killed
            self.hours: float = _hours(self._entry)
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
        """The hash of the file's bytes, which identifies the log as evidence."""
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def names(self) -> list[str]:
        """Names of the channels, in the order in which they were written."""
        return list(self._known)

    def samples(self, name: str) -> int:
        """How many samples of a channel the file holds; of a live log, how many are complete."""
        return self._opened(name)[2]

    def channel(self, name: str) -> Channel:
        """One channel as recorded, without cleaning."""
        log, parts, size = self._opened(name)
        return self._read(log, parts, name, slice(0, size))

    def bare(self, name: str) -> Channel:
        """A channel without its samples: unit, role and names."""
        log, parts, _ = self._opened(name)
        return self._read(log, parts, name, slice(0, 0))

    def blocks(self, name: str) -> Iterator[Channel]:
        """One channel in blocks of ``BLOCK`` samples; an empty channel gives one empty block."""
        log, parts, size = self._opened(name)
        for first in range(0, max(size, 1), BLOCK):
            yield self._read(log, parts, name, slice(first, min(first + BLOCK, size)))

    @property
    def data(self) -> "xr.DataTree":
        """Every channel as a Dataset over its own stamps; samples are read on access.

        A node ``NAME`` holds ``value`` and, where known, ``severity`` over ``sample``, with the
        coordinate ``time`` (hours since the start).
        """
        import xarray as xr

        return xr.DataTree.from_dict({name: self._lazy(name) for name in self.names}, name=self.facility)

    def _lazy(self, name: str) -> "xr.Dataset":
        import xarray as xr

        from replay_data.lazy import array

        log, parts, size = self._opened(name)
        notes = {key: str(log.attrs.get(key, "")) for key in ("pv", "role", "title")}
        units = str(parts["value"].attrs.get("units", ""))
        data = {"value": array(parts["value"], size, {"units": units, **notes})}
        if "severity" in parts:
            data["severity"] = array(parts["severity"], size, {"title": "Alarm severity, 0 ... 3"})
        time = array(parts["time"], size, {"units": "h", "title": "Time since the start"}, 1.0 / 3600.0)
        return xr.Dataset(data, coords={"time": time})

    def _opened(self, name: str) -> tuple[Any, dict[str, Any], int]:
        """A channel's group, its datasets, and their number of samples."""
        if name not in self._known:
            raise UserError(f"{self.path}: {unknown('channel', name, self.names)}")
        with self._readable(name):
            log = self._channels[name]
            parts = {key: log[key] for key in ("time", "value")}
            if "severity" in log:
                parts["severity"] = log["severity"]
            sizes = {dataset.shape[0] for dataset in parts.values()}
            if self.live:
                return log, parts, _written(parts["time"], min(sizes))
            if len(sizes) > 1:
                raise KeyError(f"{sorted(sizes)} stamps, values and severities")
            return log, parts, sizes.pop()

    @cached_property
    def _channels(self) -> Any:
        return self._entry["channels"]

    @cached_property
    def _known(self) -> dict[str, None]:
        return dict.fromkeys(_order(self._channels) if "channels" in self._entry else [])

    def _read(self, log: Any, parts: dict[str, Any], name: str, part: slice) -> Channel:
        with self._readable(name):
            notes, value = log.attrs, parts["value"]
            return Channel(
                name, _part(parts["time"], part) / 3600.0, _part(value, part), str(value.attrs.get("units", "")),
                str(notes["role"]), str(notes.get("pv", "")), str(notes.get("title", "")),
                _part(parts["severity"], part) if "severity" in parts else None,
            )  # fmt: skip

    @contextmanager
    def _readable(self, name: str) -> Iterator[None]:
        try:
            yield
        except (KeyError, OSError) as error:
            raise UserError(
                f"{self.path}: channel {name!r} cannot be read ({error}); write it again"
            ) from None

    def table(self, name: str) -> dict[str, np.ndarray]:
        """A table as columns; a table of ``TABLES`` that the log lacks has empty columns."""
        table = self._entry[name] if name in self.table_names else {}
        columns = _order(table) if table else []
        rows = _rows(table, name) if self.live and name in KEYS else None
        return complete(name, {column: _values(table[column])[:rows] for column in columns})

    @property
    def table_names(self) -> list[str]:
        """Names of the tables in the file."""
        return [name for name, item in self._entry.items() if name != "channels" and hasattr(item, "keys")]


def _order(group: Any) -> list[str]:
    """Member names in the order of writing; alphabetically in a file without ``order``."""
    return [str(name) for name in group.attrs.get("order", list(group)) if name in group]


def _hours(entry: Any) -> float:
    """The log's span [h]: of a live log from a dataset, which can be changed while the file is open."""
    return float(entry["duration"][()]) / 3600.0 if "live" in entry.attrs else float(entry.attrs["hours"])


def _written(stamps: Any, size: int) -> int:
    """How many of the first ``size`` samples are complete: the stamp of a sample is written last."""
    while size:
        first = max(size - CHUNK, 0)
        there = np.flatnonzero(np.isfinite(stamps[first:size]))
        if there.size:
            return first + int(there[-1]) + 1
        size = first
    return 0


def _rows(table: Any, name: str) -> int:
    """How many rows of a live table are complete: the key of a row is written last."""
    return _written(table[KEYS[name]], min(table[column].shape[0] for column in table))


def _part(dataset: Any, part: slice) -> np.ndarray:
    """A part of a dataset, read directly into a new array."""
    values = np.empty(part.stop - part.start, dataset.dtype)
    if values.size:
        dataset.read_direct(values, np.s_[part.start : part.stop])
    return values


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
    except OSError:
        pass  # a live log can only be opened with swmr=True
    try:
        return h5py.File(path, "r", swmr=True)
    except OSError as error:
        raise UserError(f"{path}: HDF5 cannot open it ({error}); copy or write it again") from None


def _entry(file: Any, path: Path) -> Any:
    entry = file.get("entry")
    if not isinstance(entry, h5py.Group) or "beamtwin_format" not in entry.attrs:
        command = f"beamtwin import {path} -o LOG --map MAP"
        raise UserError(f"{path}: HDF5, but not a beamtwin run-log; import it first: `{command}`")
    attrs: Any = entry.attrs
    version = int(attrs["beamtwin_format"])
    if version > FORMAT:
        raise UserError(
            f"{path}: beamtwin_format = {version}, this beamtwin reads up to {FORMAT}; use a newer beamtwin"
        )
    missing = [key for key in ("facility", "start", "hours") if key not in entry.attrs]
    if missing:
        raise UserError(f"{path}: /entry lacks {', '.join(missing)}; write the log again")
    return entry


def is_runlog(path: str | Path) -> bool:
    """Whether a file is a beamtwin run-log, of any version."""
    if not h5py.is_hdf5(path):
        return False
    with _open(Path(path)) as file:
        return "beamtwin_format" in getattr(file.get("entry"), "attrs", {})

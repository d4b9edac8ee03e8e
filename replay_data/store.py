"""Writing run-logs: whole or not at all, block by block, compressed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import h5py
import numpy as np

from replay_data.record import ROLES, Channel, Log, Record, instant

FORMAT = 2
CHUNK = 65536
PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
"""How datasets are stored; measured in docs/decisions/0010-log-storage.md."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path next to ``path`` for a file or folder: renamed to ``path`` on success, else removed."""
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        yield part
        os.replace(part, path)
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        part.unlink(missing_ok=True)


def write(log: Log, path: str | Path) -> None:
    """Write a record as a run-log, or copy a run-log; the file appears whole or not at all.

    Equal records give equal bytes (no time of writing is stored). A run-log is copied block by block;
    a live one becomes a compressed one.
    """
    if isinstance(log, Record):
        _check(log)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as part, h5py.File(part, "w") as file:
        _write_entry(log, file)


def _check(record: Record) -> None:
    instant(record.start, "record.start")
    defects = []
    for name, channel in record.channels.items():
        if name != channel.name or "/" in name or not name:
            defects.append(
                f"channel {name!r}: its own name is {channel.name!r}; both must be equal, not empty, without '/'"
            )
        if channel.role not in ROLES:
            defects.append(f"channel {name!r}: role {channel.role!r} is not one of: {', '.join(ROLES)}")
        if len(channel.time_h) != len(channel.value):
            defects.append(f"channel {name!r}: {len(channel.time_h)} stamps for {len(channel.value)} values")
        if channel.severity is not None and len(channel.severity) != len(channel.value):
            defects.append(
                f"channel {name!r}: {len(channel.severity)} severities for {len(channel.value)} values"
            )
    for name, columns in record.tables.items():
        if name == "channels" or "/" in name or not name:
            defects.append(f"table {name!r}: choose another name, without '/'")
        if len({len(column) for column in columns.values()}) > 1:
            defects.append(f"table {name!r}: columns differ in length")
    if defects:
        raise ValueError("; ".join(defects))


def _write_entry(log: Log, file: h5py.File) -> None:
    entry = start_entry(file, log)
    for name in log.names:
        parts = start_channel(entry, log, name, _room(log.samples(name)))
        first = 0
        for block in log.blocks(name):
            fill(parts, first, block)
            first += block.value.size
    for name in log.table_names:
        write_table(entry, log, name)


def start_entry(file: h5py.File, log: Log) -> h5py.Group:
    """The entry of a new file, with the attributes of the whole log."""
    file.attrs["default"] = "entry"
    entry = _group(file, "entry", "NXentry")
    entry.attrs.update(
        facility=log.facility, start=log.start, hours=float(log.hours),
        tabular=log.tabular, beamtwin_format=FORMAT,
    )  # fmt: skip
    channels = _group(entry, "channels", "NXcollection")
    channels.attrs["order"] = np.array(log.names, dtype=h5py.string_dtype())
    return entry


def start_channel(entry: Any, log: Log, name: str, how: dict[str, Any]) -> dict[str, Any]:
    """Create the group of a channel and its datasets, with the storage options ``how``; no samples yet."""
    channel = log.bare(name)
    group = _group(entry["channels"], name, "NXlog")
    group.attrs.update(pv=channel.pv, role=channel.role, title=channel.title)
    parts = {
        "time": group.create_dataset("time", dtype=float, fillvalue=np.nan, **how),
        "value": group.create_dataset("value", dtype=channel.value.dtype, **how),
    }
    if channel.severity is not None:
        parts["severity"] = group.create_dataset("severity", dtype=np.int8, **how)
    parts["time"].attrs.update(start=log.start, units="s")
    parts["value"].attrs["units"] = channel.unit
    return parts


def write_table(entry: Any, log: Log, name: str) -> None:
    """Write a table of a log, one dataset per column."""
    table, columns = _group(entry, name, "NXcollection"), log.table(name)
    table.attrs["order"] = np.array(list(columns), dtype=h5py.string_dtype())
    for column, values in columns.items():
        values = np.asarray(values)
        plain = values.dtype.kind in "biuf"
        data, dtype = (values, values.dtype) if plain else (values.astype(object), h5py.string_dtype())
        table.create_dataset(column, data=data, dtype=dtype, **_room(values.size))


def fill(parts: dict[str, Any], first: int, block: Channel) -> None:
    """Write a block of a channel's samples into the given datasets, from index ``first`` on."""
    for key, dataset in parts.items():
        values = np.asarray(block.time_h, float) * 3600.0 if key == "time" else getattr(block, key)
        if values.size:
            dataset[first : first + values.size] = values


def _room(size: int) -> dict[str, Any]:
    """Storage options of a dataset of ``size`` elements: compressed if it is large enough."""
    packed = {"chunks": (min(CHUNK, size),), **PACKED} if size > 64 else {}
    return {"shape": (size,), **packed}


def _group(parent: h5py.Group, name: str, nexus_class: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nexus_class
    return group

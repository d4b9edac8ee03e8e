"""Exports: write a run-log as plain tables (CSV or Parquet) or as a NeXus file of NXlog groups, whole or not at all."""

from datetime import timedelta
from pathlib import Path

import h5py
import numpy as np

from replay_data.formats import package
from replay_data.record import Channel, instant
from replay_data.runlog import RunLog
from replay_data.store import whole
from twin.errors import UserError, unknown

EXPORTS = ("nxlog", *package.KINDS)


def export(log: RunLog, out: str | Path, kind: str) -> None:
    """Write a run-log as ``kind``: ``nxlog`` (a file), ``csv`` or ``parquet`` (folders); all can be imported again."""
    out = Path(out)
    if kind not in EXPORTS:
        raise unknown("export", kind, EXPORTS)
    if out.exists() and (out.is_dir() or out.resolve() == log.path.resolve()):
        raise UserError(f"{out}: already exists; choose another name, or remove it")
    tables = {name: log.table(name) for name in log.table_names if name != "import"}
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole(out) as part:
        if kind == "nxlog":
            _nxlog(log, tables, part)
        else:
            part.mkdir()
            package.write(log, tables, part, kind)


def _nxlog(log: RunLog, tables: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """Write an NXentry with one NXlog per channel, as the base class requires, and the tables as NXcollections."""
    end = instant(log.start) + timedelta(hours=log.hours)
    with h5py.File(path, "w") as file:
        file.attrs.update(NX_class="NXroot", default="entry")
        entry = _group(file, "entry", "NXentry")
        entry.attrs.update(
            beamtwin_export=1,
            facility=log.facility,
            start=log.start,
            hours=float(log.hours),
            tabular=bool(log.tabular),
        )
        entry["start_time"], entry["end_time"] = log.start, end.isoformat().replace("+00:00", "Z")
        entry["title"] = f"Log of {log.facility}"
        channels = _group(entry, "channels", "NXcollection")
        channels.attrs["order"] = np.array(log.names, dtype=h5py.string_dtype())
        for name in log.names:
            _log(_group(channels, name, "NXlog"), log.channel(name), log.start)
        for name, columns in tables.items():
            _table(_group(entry, name, "NXcollection"), columns)


def _table(group: h5py.Group, columns: dict[str, np.ndarray]) -> None:
    """Write one dataset per column, text as UTF-8; the attribute ``order`` keeps their order."""
    group.attrs["order"] = np.array(list(columns), dtype=h5py.string_dtype())
    for column, cells in columns.items():
        if cells.dtype.kind in "biuf":
            group.create_dataset(column, data=cells)
        else:
            group.create_dataset(column, data=cells.astype(object), dtype=h5py.string_dtype())


def _group(parent: h5py.Group, name: str, nexus_class: str) -> h5py.Group:
    group = parent.create_group(name, track_order=True)  # names are listed in the order of writing
    group.attrs["NX_class"] = nexus_class
    return group


def _log(group: h5py.Group, channel: Channel, start: str) -> None:
    """Write the fields of the NXlog definition, and the mean, minimum and maximum of the finite values."""
    group.attrs.update(pv=channel.pv, role=channel.role, title=channel.title, signal="value", axes="time")
    packed = (
        {"compression": "gzip", "compression_opts": 1, "shuffle": True} if channel.value.size > 64 else {}
    )
    time = group.create_dataset("time", data=channel.time_h * 3600.0, **packed)
    time.attrs.update(start=start, units="s")
    group.create_dataset("value", data=channel.value, **packed).attrs["units"] = channel.unit
    if channel.severity is not None:
        group.create_dataset("severity", data=channel.severity, **packed)
    finite = channel.value[np.isfinite(channel.value)].astype(float)
    if finite.size:
        with np.errstate(over="ignore"):  # the sum of the largest floats may overflow
            average = finite.mean()
        for name, value in (
            ("average_value", average),
            ("minimum_value", finite.min()),
            ("maximum_value", finite.max()),
        ):
            group.create_dataset(name, data=value).attrs["units"] = channel.unit

"""A run-log as a folder of plain tables: ``datapackage.json`` and one CSV or Parquet file per channel and table.

The descriptor follows the Frictionless Data Package, so other tools can also open the folder.
"""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from replay_data.formats.protocol import Channels
from replay_data.mapping import ImportMap
from replay_data.record import instant
from replay_data.runlog import RunLog
from replay_data.sources import Signal, Signals, all_there, file_error
from twin.errors import UserError

DESCRIPTOR = "datapackage.json"
KINDS = ("csv", "parquet")
VERSION = 1


def write(log: RunLog, tables: dict[str, dict[str, np.ndarray]], folder: Path, kind: str) -> None:
    """Write all channels and tables of a log into an empty folder."""
    resources = []
    for i, name in enumerate(log.names):
        channel = log.channel(name)
        columns = {"time_s": channel.time_h * 3600.0, "value": channel.value}
        if channel.severity is not None:
            columns["severity"] = channel.severity
        about = {"channel": name, "pv": channel.pv, "role": channel.role, "title": channel.title}
        resources.append(
            _write_file(
                folder, f"channel_{i:04d}", columns, kind, {"time_s": "s", "value": channel.unit}, about
            )
        )
    for i, (name, columns) in enumerate(tables.items()):
        resources.append(_write_file(folder, f"table_{i:04d}", columns, kind, {}, {"table": name}))
    about = {"version": VERSION, "facility": log.facility, "start": log.start, "hours": float(log.hours).hex(),
             "tabular": bool(log.tabular)}  # fmt: skip
    text = json.dumps({"name": "beamtwin-log", "beamtwin": about, "resources": resources}, indent=1)
    (folder / DESCRIPTOR).write_text(text + "\n", encoding="utf-8")


def _write_file(
    folder: Path, stem: str, columns: dict[str, np.ndarray], kind: str, units: dict[str, str], about
) -> dict:
    """Write one file; return its entry in the descriptor."""
    path = folder / f"{stem}.{kind}"
    columns = {name: np.asarray(cells) for name, cells in columns.items()}
    if kind == "csv":
        with open(path, "w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(columns)
            rows.writerows(zip(*(_texts(cells) for cells in columns.values()), strict=True))
    else:
        _write_parquet(path, columns, units)
    fields = [
        {"name": n, "type": _type(c), "dtype": _dtype(c), "unit": units.get(n, "")}
        for n, c in columns.items()
    ]
    return {"name": stem, "path": path.name, "format": kind, "beamtwin": about, "schema": {"fields": fields}}


def _write_parquet(path: Path, columns: dict[str, np.ndarray], units: dict[str, str]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    arrays = [pa.array(c if c.dtype.kind in "biuf" else c.astype(str).tolist()) for c in columns.values()]
    fields = [
        pa.field(name, array.type, metadata={"units": units[name]} if name in units else None)
        for name, array in zip(columns, arrays, strict=True)
    ]
    parquet.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path)


def _texts(cells: np.ndarray) -> list[str]:
    """Cells as text that reads back to the same bits (repr of a float is exact)."""
    return [repr(c) for c in cells.tolist()] if cells.dtype.kind in "biuf" else cells.astype(str).tolist()


def _dtype(cells: np.ndarray) -> str:
    return cells.dtype.newbyteorder("<").str if cells.dtype.kind in "biuf" else "str"


def _type(cells: np.ndarray) -> str:
    return {"f": "number", "i": "integer", "u": "integer", "b": "boolean"}.get(cells.dtype.kind, "string")


def read(path: Path, wanted: list[str] | None, layout: ImportMap | None) -> Signals:
    """The log of a folder, channel by channel, as it was exported."""
    try:
        found = json.loads((path / DESCRIPTOR).read_text(encoding="utf-8"))
        about, resources = found["beamtwin"], found["resources"]
        by_channel = {r["beamtwin"]["channel"]: r for r in resources if "channel" in r["beamtwin"]}
        by_table = {r["beamtwin"]["table"]: r for r in resources if "table" in r["beamtwin"]}
        hours = float.fromhex(about["hours"])
    except (ValueError, KeyError, TypeError) as error:
        remedy = "only folders that `beamtwin export` wrote can be imported"
        raise UserError(f"{path / DESCRIPTOR}: not the descriptor of a log ({error!r}); {remedy}") from None
    if about["version"] > VERSION:
        raise UserError(
            f"{path}: version {about['version']}, this beamtwin reads up to {VERSION}; use a newer beamtwin"
        )
    names = list(by_channel) if wanted is None else wanted
    all_there(path, names, list(by_channel), "channel")
    origin = instant(about["start"], f"{path}: start")
    signals = [_signal(path, by_channel[name], origin) for name in names]
    tables = {name: _get(path, resource) for name, resource in by_table.items()}
    return Signals(signals, about["facility"], about["start"], hours, about["tabular"], tables)


def _signal(folder: Path, resource: dict[str, Any], origin) -> Signal:
    columns, about = _get(folder, resource), resource["beamtwin"]
    unit = resource["schema"]["fields"][1]["unit"]
    return Signal(about["channel"], origin, columns["time_s"], columns["value"], unit, columns.get("severity"),
                  role=about["role"], title=about["title"], pv=about["pv"], channel=about["channel"])  # fmt: skip


def _get(folder: Path, resource: dict[str, Any]) -> dict[str, np.ndarray]:
    """The columns of one file, each with the type in which it was written."""
    path = folder / resource["path"]
    fields = resource["schema"]["fields"]
    try:
        if resource["format"] == "parquet":
            from pyarrow import parquet

            table = parquet.read_table(path)
            cells = {f["name"]: _plain(table[f["name"]], f["dtype"]) for f in fields}
        else:
            with open(path, newline="", encoding="utf-8") as file:
                rows = list(csv.reader(file))[1:]
            cells = {f["name"]: _parsed([row[i] for row in rows], f["dtype"]) for i, f in enumerate(fields)}
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise file_error(path, f"the file that {DESCRIPTOR} describes", error) from None
    return cells


def _plain(column: Any, dtype: str) -> np.ndarray:
    return np.array(column.to_pylist(), dtype=str) if dtype == "str" else column.to_numpy().astype(dtype)


def _parsed(cells: list[str], dtype: str) -> np.ndarray:
    if dtype == "str":
        return np.array(cells, dtype=str)
    kind = np.dtype(dtype).kind
    read_one = {"b": lambda c: c == "True", "f": float}.get(kind, int)
    return np.array([read_one(cell) for cell in cells], dtype=dtype)


def accepts(path: Path) -> bool:
    """Whether a folder holds the descriptor."""
    return (path / DESCRIPTOR).is_file()


PACKAGE = Channels("beamtwin's own export", (), read, accepts, folder=True)

"""The columns of a source: their numbers, hours and units, and the roles and titles that the source gives."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from replay_data import formats
from replay_data.draft import clock, headers
from replay_data.formats.columnar import COLUMNAR
from replay_data.formats.csv_rows import CSV
from replay_data.formats.parquet import PARQUET
from replay_data.formats.protocol import Channels, Rows
from replay_data.mapping import ImportMap
from replay_data.record import Log
from replay_data.sources import Columns, Signals
from twin.errors import UserError

IN_NAME = "written in the name"
TRAINS = {"unit": "trains", "start": clock.PLACEHOLDER, "every_s": 0.1}
STUB = ImportMap.model_validate(
    {"facility": "stub", "time": TRAINS, "channel": [{"name": "stub", "column": "stub", "role": "readback"}]}
)


@dataclass(frozen=True)
class Column:
    """One column or signal: N numbers at N hours, and the properties that the source gives."""

    name: str
    hours: np.ndarray  # [N]
    value: np.ndarray  # [N], finite
    unit: str = ""
    unit_why: str = ""  # empty: the file gives it
    role: str = ""  # empty: the file does not give it
    title: str = ""
    channel: str = ""  # the run-log's name, where known
    text: bool = False


@dataclass(frozen=True)
class Source:
    """All columns of a source, and the first tables of its map."""

    columns: list[Column]
    head: dict[str, str | bool] = field(default_factory=dict)  # table, tabular
    head_why: dict[str, str] = field(default_factory=dict)
    time: dict[str, str | float] | None = None
    time_why: dict[str, str] = field(default_factory=dict)
    where: list[dict[str, str | float]] = field(default_factory=list)
    faults: dict[str, np.ndarray] = field(default_factory=dict)
    hours: float = 0.0
    facility: str = ""

    @property
    def tabular(self) -> bool:
        return bool(self.head.get("tabular", False))


def read_source(source: Path, table: str | None = None) -> Source:
    """Read the columns of a foreign file (of a folder: of its first file)."""
    path = formats.files_of(source)[0]
    kind = formats.find(path, table)
    if isinstance(kind, Channels):
        return _signals(kind, path)
    return _rows(kind, path, table)


def read_log(log: Log) -> Source:
    """Read the channels of a run-log, whose roles and units are known."""
    found = [log.channel(name) for name in log.names]
    columns = [
        _column(c.name, c.time_h, c.value, unit=c.unit, role=c.role, title=c.title, channel=c.name)
        for c in found
    ]
    head = {"tabular": True} if log.tabular else {}
    return Source(columns, dict(head), faults=log.table("faults"), hours=log.hours, facility=log.facility)


def _column(name: str, hours: np.ndarray, value: np.ndarray, **known) -> Column:
    value = value.astype(float) if value.dtype.kind in "biuf" else np.full(value.shape, np.nan)
    kept = np.isfinite(value) & np.isfinite(hours)
    order = np.argsort(hours[kept], kind="stable")
    text = bool(value.size) and not kept.any()
    return Column(name, hours[kept][order], value[kept][order], text=text, **known)


def _rows(kind: Rows, path: Path, table: str | None) -> Source:
    if kind.deduce is not None:
        return _deduced(kind, path)
    names, head, why = _names(kind, path, table)
    columns = kind.read(path, names, head.get("table"))
    if not columns.rows:
        raise UserError(f"{path}: holds no rows; nothing can be drafted from it")
    when = clock.guess(columns, names)
    others = [name for name in names if name != when.of]
    found = [_cells(columns, name, when.hours) for name in others]
    more: dict[str, str | bool] = dict(head)
    if not when.of:
        more["tabular"] = True
        why["tabular"] = (
            "no clock: each row is taken as one evaluation, not as a moment of continuous running"
        )
    return Source(found, more, why, when.keys, when.why, hours=float(np.nanmax(when.hours, initial=0.0)))


def _names(kind: Rows, path: Path, table: str | None) -> tuple[list[str], dict[str, str], dict[str, str]]:
    if kind is COLUMNAR:
        found = headers.hdf5_tables(path)
        chosen = table.strip("/") if table else next(iter(found))
        if chosen not in found:
            raise UserError(f"{path}: no table {table!r}; give --table one of: {', '.join(found)}")
        others = ", ".join(name for name in found if name != chosen)
        why = {"table": f"it has the most rows; others are {others}"} if others and not table else {}
        return found[chosen], {"table": chosen}, why
    if table is not None:
        raise UserError(f"{path}: has no tables; leave out --table")
    return {CSV.name: headers.csv_columns, PARQUET.name: headers.parquet_columns}[kind.name](path), {}, {}


def _cells(columns: Columns, name: str, hours: np.ndarray) -> Column:
    in_file = columns.units.get(name, "")
    bare, written = headers.unit_in(name)
    value = columns.numbers(name)
    why = "" if in_file else IN_NAME if written else "the file gives none"
    title = bare.replace("_", " ").strip()
    return _column(name, hours, value, unit=in_file or written or "1", unit_why=why, title=title)


def _deduced(kind: Rows, path: Path) -> Source:
    """The columns of a format that describes them itself."""
    assert kind.deduce is not None
    layout = kind.deduce(path, "draft")
    assert layout.time is not None
    columns = kind.read(path, layout.columns, layout.table)
    hours = clock.stamps_of(columns, layout.time)[0] / 3600.0
    found = []
    for item in layout.channel:
        one = _cells(columns, item.columns[0], hours)
        unit = item.unit or one.unit
        found.append(
            Column(one.name, one.hours, one.value, unit, "" if item.unit else one.unit_why,
                   "" if item.role == "readback" else item.role, item.title or one.title, item.name, one.text)
        )  # fmt: skip
    time = layout.time.model_dump(exclude_none=True)
    head: dict[str, str | bool] = {"tabular": True} if layout.tabular else {}
    head |= {"table": layout.table} if layout.table else {}
    where = [w.model_dump(exclude_none=True) for w in layout.where]
    return Source(found, head, time=time, where=where, hours=float(np.nanmax(hours, initial=0.0)))


def _signals(kind: Channels, path: Path) -> Source:
    """The signals of a file; trains at 10 Hz are assumed if it has no clock."""
    try:
        found, trains = kind.read(path, None, None), False
    except UserError:
        if not kind.takes_clock:
            raise
        found, trains = kind.read(path, None, STUB), True
    first = [s.origin for s in found.signals if s.value.size]
    if not first:
        raise UserError(f"{path}: holds no samples of numbers; nothing can be drafted from it")
    columns = []
    for s in found.signals:
        hours = (s.stamp_s + (s.origin - min(first)).total_seconds()) / 3600.0
        unit, why = (s.unit, "") if s.unit else ("1", "the file gives none")
        role = s.role if s.channel or s.role != "readback" else ""
        columns.append(
            _column(
                s.name, hours, s.value, unit=unit, unit_why=why, role=role, title=s.title, channel=s.channel
            )
        )
    why = {"start": "not in the data", "every_s": "trains at 10 Hz"} if trains else {}
    return Source(
        columns, {"tabular": True} if found.tabular else {}, {}, TRAINS if trains else None, why,
        faults=found.tables.get("faults", {}), hours=_span(found, columns), facility=found.facility,
    )  # fmt: skip


def _span(found: Signals, columns: list[Column]) -> float:
    if found.hours:
        return found.hours
    ends = [c.hours[-1] for c in columns if c.hours.size]
    return float(max(ends) - min(c.hours[0] for c in columns if c.hours.size)) if ends else 0.0

"""Imports: a foreign file and a map become a run-log, with an account of every row."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from replay_data.clean import Defect
from replay_data.mapping import ImportMap, Mapped, load_map
from replay_data.record import HELD, Channel, Record
from replay_data.rows import Rows
from replay_data.runlog import write
from replay_data.sources import Columns, read
from twin.errors import UserError

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class ImportedChannel:
    """What became of a channel's cells in the rows used: cells = samples + missing + repeats."""

    name: str
    samples: int
    missing: int  # blank, not a number, or not finite after the map's formula
    filled: int  # of the samples: blanks filled with the last (or first) value
    repeats: int  # held values that did not change, so no record is needed


@dataclass(frozen=True)
class Imported:
    """The account of an import: rows_read = rows_used + those skipped in ``defects``."""

    path: Path
    facility: str
    start: str
    hours: float
    rows_read: int
    rows_used: int
    channels: list[ImportedChannel]
    defects: list[Defect]


def import_log(
    source: str | Path, out: str | Path, map_path: str | Path | None = None, progress: Progress | None = None
) -> Imported:
    """Write the run-log ``out`` from a CSV or HDF5 file, as the map says.

    ``progress(share done, what is done now)`` is called a few times.
    """
    say = progress or (lambda share, what: None)
    source, out = Path(source), Path(out)
    if map_path is None:
        raise UserError(
            f"{source}: an import needs a map of its columns, --map MAP; docs/run-log.md says how, "
            "examples/fermi/map.toml is one"
        )
    layout = load_map(Path(map_path))
    if out.resolve() == source.resolve():
        raise UserError(f"{out}: the output would replace the source; choose another name")
    say(0.0, f"reading {source.name}")
    columns = read(source, layout.columns, layout.table)
    say(0.5, "building channels")
    values = {channel.name: _computed(columns, channel) for channel in layout.channel}
    rows = Rows.of(columns, layout, values, source)
    record, channels = _record(values, layout, rows)
    record.tables["import"] = _provenance(source, Path(map_path), columns, rows)
    say(0.8, f"writing {out.name}")
    write(record, out)
    say(1.0, "done")
    read_rows = columns.rows + columns.ragged
    used = int(rows.chosen.sum())
    defects = rows.defects + [
        Defect("warning", f"column {name}", "not a number", count, "dropped")
        for name, count in columns.not_numbers.items()
        if count
    ]
    return Imported(out, layout.facility, record.start, record.hours, read_rows, used, channels, defects)


def _computed(columns: Columns, channel: Mapped) -> np.ndarray:
    """scale * product ** power + offset [R]; NaN where that has no finite value."""
    with np.errstate(all="ignore"):
        product = np.prod([columns.numbers(c) for c in channel.columns], axis=0)
        value = channel.scale * (product if channel.power == 1.0 else product**channel.power) + channel.offset
    return np.where(np.isfinite(value), value, np.nan)


def _record(
    values: dict[str, np.ndarray], layout: ImportMap, rows: Rows
) -> tuple[Record, list[ImportedChannel]]:
    stamps = rows.stamp_s[rows.chosen]
    late_s = 0.0 if layout.time.start else float(np.floor(stamps[0]))  # a given start stays
    start, stamps = rows.start + timedelta(seconds=late_s), stamps - late_s
    channels, accounts = {}, []
    for item in layout.channel:
        raw = values[item.name][rows.ordered]
        value = _filled(raw, item.fill)[rows.chosen]
        there = np.isfinite(value)
        record = there & _changes(value, there) if item.role in HELD and not layout.tabular else there
        filled = int(np.sum(record & ~np.isfinite(raw[rows.chosen])))
        names = (item.unit, item.role, item.pv or item.columns[0], item.title)
        channels[item.name] = Channel(item.name, stamps[record] / 3600.0, value[record], *names)
        missing, repeats = int(np.sum(~there)), int(np.sum(there & ~record))
        accounts.append(ImportedChannel(item.name, int(record.sum()), missing, filled, repeats))
    usual = float(np.median(np.diff(stamps))) if stamps.size > 1 else 1.0
    hours = (float(stamps[-1]) + usual) / 3600.0
    when = start.isoformat().replace("+00:00", "Z")
    return Record(layout.facility, when, hours, channels, {}, layout.tabular), accounts


def _filled(value: np.ndarray, how: str) -> np.ndarray:
    """Blanks take the last value before them ("forward"), and those before the first take it ("both")."""
    there = np.isfinite(value)
    if how == "no" or not there.any():
        return value
    last = np.maximum.accumulate(np.where(there, np.arange(value.size), -1))
    if how == "both":
        last = np.where(last < 0, np.argmax(there), last)
    return np.where(last >= 0, value[last], np.nan)


def _changes(value: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Mask of the values that differ from the last one present before them."""
    known = value[there]
    mask = np.zeros(value.size, bool)
    mask[there] = np.insert(np.diff(known) != 0, 0, True)[: known.size]
    return mask


def _provenance(source: Path, map_path: Path, columns: Columns, rows: Rows) -> dict[str, np.ndarray]:
    """One row: from which bytes, by which map, the log was made."""
    with open(source, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "source": np.array([source.name]),
        "sha256": np.array([digest]),
        "map": np.array([map_path.read_text()]),
        "rows_read": np.array([columns.rows + columns.ragged]),
        "rows_used": np.array([int(rows.chosen.sum())]),
    }

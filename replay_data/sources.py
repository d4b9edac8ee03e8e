"""Foreign files as columns: CSV, and HDF5 with a group per table and a dataset per column."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from replay_data.runlog import is_runlog
from twin.errors import UserError


@dataclass(frozen=True)
class Columns:
    """Columns of R rows: numbers, or text that may hold numbers. ``ragged``: rows left out as malformed."""

    values: dict[str, np.ndarray]  # [R] each
    rows: int
    ragged: int = 0
    not_numbers: dict[str, int] = field(default_factory=dict)  # cells that numbers() cannot read
    _parsed: dict[str, np.ndarray] = field(default_factory=dict)

    def numbers(self, column: str) -> np.ndarray:
        """A column as floats [R], NaN where blank or not a number; text is parsed once."""
        if column not in self._parsed:
            raw = self.values[column]
            if raw.dtype.kind not in "biuf":
                parsed = [_number(cell) for cell in raw.tolist()]
                self.not_numbers[column] = parsed.count(None)
                raw = np.array([np.nan if p is None else p for p in parsed], float)
            self._parsed[column] = raw.astype(float)
        return self._parsed[column]

    def text(self, column: str) -> np.ndarray:
        """A column as text [R], without blanks around it."""
        return np.char.strip(self.values[column].astype(str))


def _number(cell: str) -> float | None:
    try:
        return float(cell) if cell.strip() else np.nan
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(cell.strip().lower())


def read(path: Path, wanted: list[str], table: str | None) -> Columns:
    """The wanted columns of a file; a UserError lists all that are missing."""
    if not path.is_file():
        raise UserError(f"{path}: no such file to import")
    if path.suffix.lower() in READERS:
        return READERS[path.suffix.lower()](path, wanted, table)
    what = path.suffix or "files without a suffix"
    raise UserError(f"{path}: no importer for {what}; known are: {', '.join(READERS)}")


def _csv(path: Path, wanted: list[str], table: str | None) -> Columns:
    if table is not None:
        raise UserError(f"{path}: a CSV has no tables; remove table = {table!r} from the map")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = [name.strip() for name in next(rows, [])]
            _all_there(path, wanted, header)
            place = [header.index(name) for name in wanted]
            cells, ragged = [], 0
            for row in rows:
                if len(row) == len(header):
                    cells.append([row[i] for i in place])
                else:
                    ragged += bool(row)  # a blank line is no row
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV in UTF-8: {error}") from None
    table_of = np.array(cells, dtype=object).reshape(len(cells), len(wanted))
    return Columns({name: table_of[:, i] for i, name in enumerate(wanted)}, len(cells), ragged)


def _hdf5(path: Path, wanted: list[str], table: str | None) -> Columns:
    if not h5py.is_hdf5(path):
        raise UserError(f"{path}: not an HDF5 file, though its name says so")
    if is_runlog(path):
        raise UserError(f"{path}: already a beamtwin run-log; use it as it is, no import is needed")
    with h5py.File(path, "r") as file:
        tables = _tables(file)
        if table is None or table.strip("/") not in tables:
            said = "the map names no table" if table is None else f"no table {table!r}"
            raise UserError(f"{path}: {said}; give table = one of: {', '.join(tables) or '(none)'}")
        group: Any = file[table]
        _all_there(path, wanted, [n for n, d in group.items() if isinstance(d, h5py.Dataset) and d.ndim == 1])
        values = {name: _values(group[name]) for name in wanted}
    sizes = {len(v) for v in values.values()}
    if len(sizes) > 1:
        raise UserError(f"{path}: columns of table {table!r} differ in length: {sorted(sizes)}")
    return Columns(values, sizes.pop())


def _values(dataset: Any) -> np.ndarray:
    if h5py.check_string_dtype(dataset.dtype) is not None:
        return np.asarray(dataset.asstr()[()], dtype=object)
    return dataset[()]


def _tables(file: h5py.File) -> list[str]:
    """Paths of the groups that hold one-dimensional datasets."""
    found: dict[str, None] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 1 and "/" in name:
            found[name.rsplit("/", 1)[0]] = None

    file.visititems(note)
    return list(found)


def _all_there(path: Path, wanted: list[str], known: list[str]) -> None:
    missing = [name for name in wanted if name not in known]
    if missing:
        shown = ", ".join(known[:40]) + (f", ... ({len(known)} in all)" if len(known) > 40 else "")
        raise UserError(f"{path}: lacks column {', '.join(map(repr, missing))}; it has: {shown or '(none)'}")


READERS: dict[str, Callable[[Path, list[str], str | None], Columns]] = {
    ".csv": _csv,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
}

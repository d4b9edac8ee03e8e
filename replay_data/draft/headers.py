"""Names of the columns of a foreign file, and the units that are written in such names."""

import csv
import re
from pathlib import Path
from typing import Any

from replay_data.formats.columnar import tables
from replay_data.formats.hdf5 import opened
from replay_data.sources import file_error
from replay_data.units import parse
from twin.errors import UserError

BRACKETS = re.compile(
    r"^(?P<name>.*\S)\s*(?:\[(?P<square>[^\]]+)\]|\((?P<round>[^)]+)\)|/\s+(?P<per>\S+))\s*$"
)
SUFFIX = re.compile(r"^(?P<name>.+)_(?P<unit>[A-Za-z%]{2,4})$")
NO_SUFFIX = {"min", "ph", "pH"}  # x_min is a minimum, not minutes
PERCENT = {"pct", "percent"}
TRY = ";\t|"


def csv_columns(path: Path) -> list[str]:
    """The header of a CSV; UserError if the importer could not use it."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            header = [name.strip() for name in next(csv.reader(file), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV in UTF-8: {error}; save it as UTF-8") from None
    if len(header) == 1 and any(sign in header[0] for sign in TRY):
        raise UserError(
            f"{path}: its header is one column, {header[0]!r}; save it with commas between columns"
        )
    if header and all(_is_number(name) for name in header):
        raise UserError(f"{path}: its first line holds numbers, not names; write a header line above it")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UserError(
            f"{path}: column {', '.join(map(repr, twice))} appears twice in the header; rename one"
        )
    return [name for name in header if name]


def parquet_columns(path: Path) -> list[str]:
    """The columns of a Parquet file."""
    from pyarrow import ArrowException, parquet

    try:
        return list(parquet.read_schema(path).names)
    except (ArrowException, OSError) as error:
        raise file_error(path, "a Parquet file", error) from None


def hdf5_tables(path: Path) -> dict[str, list[str]]:
    """The columns of each table of a columnar HDF5 file (those of the most common length), longest table first."""
    with opened(path) as file:
        found: dict[str, list[str]] = {}
        rows: dict[str, int] = {}
        for name in tables(file):
            group: Any = file[name]
            sizes = {n: d.shape[0] for n, d in group.items() if getattr(d, "ndim", 0) == 1}
            rows[name] = max(sizes.values(), key=list(sizes.values()).count)
            found[name] = [n for n, size in sizes.items() if size == rows[name]]
    if not found:
        raise UserError(
            f"{path}: none of its groups is a table, that is a group of one-dimensional datasets of numbers"
        )
    return dict(sorted(found.items(), key=lambda item: -rows[item[0]]))


def unit_in(name: str) -> tuple[str, str]:
    """A column's name without its unit, and the unit, of ``current [mA]``, ``current (mA)`` or ``current_mA``."""
    match = BRACKETS.match(name)
    if match:
        unit = (match["square"] or match["round"] or match["per"]).strip()
        if match["square"] or parse(unit) is not None:
            return match["name"], unit
    match = SUFFIX.match(name)
    if match and match["unit"] in PERCENT:
        return match["name"], "%"
    if match and match["unit"] not in NO_SUFFIX and parse(match["unit"]) is not None:
        return match["name"], match["unit"]
    return name, ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

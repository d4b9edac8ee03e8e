"""Columnar HDF5: each group is a table, each one-dimensional dataset a column."""

from pathlib import Path
from typing import Any

import numpy as np

from replay_data.formats.hdf5 import SUFFIXES, attribute, column, datasets, opened
from replay_data.formats.protocol import Rows
from replay_data.sources import Columns, Each, all_there
from twin.errors import UserError


def read(path: Path, wanted: list[str], table: str | None) -> Columns:
    """The wanted columns of the group ``table``."""
    with opened(path) as file:
        known = tables(file)
        if table is None or table.strip("/") not in known:
            defect = "the map names no table" if table is None else f"no table {table!r}"
            raise UserError(f"{path}: {defect}; give table = one of: {', '.join(known) or '(none)'}")
        group: Any = file[table]
        all_there(path, wanted, [n for n, d in group.items() if getattr(d, "ndim", 0) == 1])
        sizes = {group[name].shape[0] for name in wanted}
        units = {name: attribute(group[name], "units") for name in wanted if "units" in group[name].attrs}
    if len(sizes) > 1:
        raise UserError(f"{path}: columns of table {table!r} differ in length: {sorted(sizes)}")
    return Columns(Each(wanted, lambda name: _column(path, f"{table}/{name}")), sizes.pop(), units=units)


def _column(path: Path, name: str) -> np.ndarray:
    with opened(path) as file:
        return column(file[name])


def tables(file: Any) -> list[str]:
    """Paths of the groups that hold one-dimensional datasets."""
    found = {
        name.rsplit("/", 1)[0]: None for name, d in datasets(file).items() if d.ndim == 1 and "/" in name
    }
    return list(found)


COLUMNAR = Rows("columnar HDF5", SUFFIXES, read)

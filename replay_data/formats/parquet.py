"""Parquet: a table of rows, read column by column with pyarrow."""

from pathlib import Path

import numpy as np

from replay_data.formats.protocol import Rows
from replay_data.sources import Columns, Each, all_there, file_error
from twin.errors import UserError


def read(path: Path, wanted: list[str], table: str | None) -> Columns:
    """The wanted columns; the unit of a column is the metadata ``units`` of its field, where given."""
    from pyarrow import ArrowException, parquet

    if table is not None:
        raise UserError(f"{path}: a Parquet file has no tables; remove table = {table!r} from the map")
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            all_there(path, wanted, schema.names)
            rows = file.metadata.num_rows
    except (ArrowException, OSError) as error:
        raise file_error(path, "a Parquet file", error) from None
    units = {n: (schema.field(n).metadata or {}).get(b"units", b"").decode() for n in wanted}
    values = Each(wanted, lambda name: _column(path, name))
    return Columns(values, rows, units={name: unit for name, unit in units.items() if unit})


def _column(path: Path, name: str) -> np.ndarray:
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path) as file:
            return plain(file.read(columns=[name])[name])
    except (ArrowException, OSError) as error:
        raise file_error(path, "a Parquet file", error) from None


def plain(array) -> np.ndarray:
    """An Arrow column as numbers; times as ISO 8601 text (so that no digit is lost); else text as objects."""
    from pyarrow import types

    kind = array.type
    if types.is_dictionary(kind):
        array = array.cast(kind.value_type)
        kind = array.type
    if types.is_timestamp(kind):
        stamps = array.to_numpy()
        return np.where(np.isnat(stamps), "", np.datetime_as_string(stamps)).astype(object)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        numbers = array.to_numpy()
        return numbers if numbers.dtype.kind in "biuf" else np.array([_cell(v) for v in numbers], float)
    return np.array(["" if v is None else str(v) for v in array.to_pylist()], dtype=object)


def _cell(value: object) -> float:
    return np.nan if value is None else float(value)  # type: ignore[arg-type]


PARQUET = Rows("Parquet", (".parquet", ".pq"), read)

"""SDDS (Argonne's self-describing data sets): columns of all pages, parameters repeated in each row of a page."""

from pathlib import Path

import numpy as np

from replay_data.formats.protocol import Rows
from replay_data.mapping import ImportMap
from replay_data.sources import Columns, all_there, file_error
from twin.errors import UserError

OLDEST_S = 631152000.0  # 1990 as seconds since 1970


def read(path: Path, wanted: list[str], table: str | None) -> Columns:
    """The wanted columns and parameters, page after page."""
    if table is not None:
        raise UserError(f"{path}: SDDS has pages, no tables; remove table = {table!r} from the map")
    file = _open(path)
    columns = {str(c.name): c for c in file.columns}
    parameters = {str(p.name): p for p in file.parameters}
    all_there(path, wanted, [*columns, *parameters])
    lengths = _lengths(file)
    values = {}
    for name in wanted:
        if name in columns:
            values[name] = np.concatenate([np.asarray(page) for page in columns[name].data] or [np.zeros(0)])
        else:
            values[name] = np.repeat(np.array(list(parameters[name].data or [])), lengths)
    units = {name: str((columns.get(name) or parameters[name]).nm.get("units", "")) for name in wanted}
    return Columns(values, sum(lengths), units={name: unit for name, unit in units.items() if unit})


def _open(path: Path):
    import pysdds

    try:
        return pysdds.read(path)
    except Exception as error:  # the library has no common type of error for a damaged file
        raise file_error(path, "a readable SDDS file", error) from None


def _lengths(file) -> list[int]:
    pages = file.columns[0].data if file.columns else []
    return [len(page) for page in pages]


def deduce(path: Path, facility: str) -> ImportMap:
    """A map with every numeric column as a readback, and the column ``Time`` (seconds since 1970) as the clock."""
    from replay_data.formats.names import channel_names

    file = _open(path)
    columns = {str(c.name): c for c in file.columns}
    stamps = [t for page in columns["Time"].data for t in page[:1]] if "Time" in columns else []
    if not stamps or not min(stamps) > OLDEST_S:
        raise UserError(
            f"{path}: no column 'Time' in seconds since 1970; a map must name the clock (--map MAP)"
        )
    numeric = [n for n, c in columns.items() if n != "Time" and c.type not in ("string", "character")]
    channels = [
        {"name": name, "column": column, "role": "readback", "unit": columns[column].nm.get("units", ""),
         "title": columns[column].nm.get("description", "")}
        for name, column in zip(channel_names(numeric), numeric, strict=True)
    ]  # fmt: skip
    time = {"unit": "unix_s", "column": "Time"}
    return ImportMap.model_validate({"facility": facility, "time": time, "channel": channels})


SDDS = Rows("SDDS", (".sdds", ".sdds.gz"), read, deduce=deduce)

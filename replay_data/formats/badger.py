"""Badger and Xopt: a YAML file of an optimisation run, with evaluations in ``data`` and variables in ``vocs``."""

from pathlib import Path
from typing import Any

import numpy as np

from replay_data.formats.names import channel_names
from replay_data.formats.protocol import Rows
from replay_data.mapping import ImportMap
from replay_data.sources import Columns, all_there, file_error
from twin.errors import UserError

ROLES = {
    "variables": "setpoint",
    "objectives": "quantity",
    "constraints": "quantity",
    "observables": "quantity",
}
"""The role in a run-log of each part of the vocs; constants are equal in every row and do not become channels."""


def read(path: Path, wanted: list[str], table: str | None) -> Columns:
    """The wanted columns of the data table, one row per evaluation, in the order of evaluation."""
    if table is not None:
        raise UserError(f"{path}: a run file has one table; remove table = {table!r} from the map")
    data = _run(path)["data"]
    all_there(path, wanted, list(data))
    columns = {name: _column(data[name]) for name in wanted}
    sizes = {len(column) for column in columns.values()}
    if len(sizes) > 1:
        raise UserError(f"{path}: columns of data differ in length: {sorted(sizes)}")
    return Columns(columns, sizes.pop() if sizes else 0)


def _run(path: Path) -> dict[str, Any]:
    """The file as nested dictionaries, with ``data`` and ``vocs``."""
    import yaml

    try:
        with open(path, encoding="utf-8") as file:
            run = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise file_error(path, "YAML", error) from None
    if not isinstance(run, dict) or not isinstance(run.get("vocs"), dict):
        raise UserError(f"{path}: YAML, but not a run of Badger or Xopt: it lacks 'vocs'")
    if not isinstance(run.get("data"), dict) or not run["data"]:
        raise UserError(f"{path}: this run has no 'data': nothing was evaluated, or it was stored elsewhere")
    return run


def _column(cells: Any) -> np.ndarray:
    """Convert a list, or a dictionary from row number to cell (as pandas writes it, in any order), to an array."""
    if isinstance(cells, dict):
        cells = [cells[key] for key in sorted(cells, key=lambda k: float(k))]
    found = np.array(["" if cell is None else cell for cell in cells], dtype=object)
    kinds = {type(cell) for cell in cells}
    if kinds <= {int, float}:
        return found.astype(float) if float in kinds else found.astype(np.int64)
    return np.array([str(cell) for cell in found], dtype=object)


def deduce(path: Path, facility: str) -> ImportMap:
    """A map in which variables are setpoints and other outputs quantities; failed evaluations are left out."""
    run = _run(path)
    data, vocs = run["data"], run["vocs"]
    if "timestamp" not in data:
        raise UserError(
            f"{path}: data has no 'timestamp'; a map must name the clock (--map MAP, unit = \"rows\")"
        )
    named = {name: role for part, role in ROLES.items() for name in vocs.get(part) or [] if name in data}
    channels = [
        {"name": name, "column": column, "role": named[column], "unit": ""}
        for name, column in zip(channel_names(list(named)), named, strict=True)
    ]
    failed = [{"column": "xopt_error", "equals": 0.0}] if "xopt_error" in data else []
    time = {"unit": "unix_s", "column": "timestamp"}
    return ImportMap.model_validate(
        {"facility": facility, "tabular": True, "time": time, "where": failed, "channel": channels}
    )


BADGER = Rows("Badger/Xopt", (".yaml", ".yml"), read, deduce=deduce)

"""A file of Xopt as plain rows: the document, its table of data, and notes on unusual data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from controllers.exchange.vocs import EXTRAS, SCORE, Problem, column
from twin.errors import UserError

KEPT_BY_XOPT = {"xopt_error", "xopt_runtime", "xopt_error_str"}  # columns that Xopt adds


def document(path: Path) -> dict[str, Any]:
    """The content of the YAML file; UserError if it is no file of Xopt."""
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"no YAML that can be read ({str(error).splitlines()[0]})") from error
    if not isinstance(found, dict) or not isinstance(found.get("generator"), dict):
        raise UserError("no file of Xopt: it has no table `generator`")
    return found


def table(data: Any) -> list[dict[str, Any]]:
    """The rows of a data table, in the order of their row numbers."""
    if not data:
        return []
    if not isinstance(data, dict) or not all(isinstance(part, dict) for part in data.values()):
        raise UserError("`data` is no table of columns, each from row number to value")
    try:
        numbers = sorted({int(number) for part in data.values() for number in part})
        columns = {
            name: {int(number): value for number, value in part.items()} for name, part in data.items()
        }
    except (TypeError, ValueError) as error:
        raise UserError(f"`data` has a row that is no whole number ({error})") from error
    return [{name: part.get(number) for name, part in columns.items()} for number in numbers]


def odd(problem: Problem, data: list[dict], evaluated: Mapping, own: bool) -> list[str]:
    """Notes of unusual data: columns without meaning here, rows beyond the limits, and scores that were filled in.

    ``own``: the file was written by ``to_yaml``.
    """
    space, notes = problem.space, []
    meaningful = {
        *space.names,
        *problem.readings,
        SCORE,
        *(output.name for output in problem.objectives + problem.margins),
    }
    meaningful |= KEPT_BY_XOPT | (set(EXTRAS) if own else set())
    spare = sorted({name for row in data for name in row} - meaningful - set(problem.constants))
    if problem.constants:
        notes.append(f"{len(problem.constants)} constant(s) ({', '.join(problem.constants)}) are left out")
    if spare:
        notes.append(f"{len(spare)} column(s) ({', '.join(spare)}) are left out")
    beyond = int(
        (~((evaluated["settings"] >= space.low) & (evaluated["settings"] <= space.high)).all(1)).sum()
    )
    if beyond:
        notes.append(f"{beyond} row(s) lie beyond the limits; they are kept as evaluated")
    filled = int(np.isnan(column(data, SCORE)).sum()) if len(problem.objectives) > 1 else 0
    if filled:
        notes.append(f"{filled} row(s) of several objectives have no score: the first objective is used")
    return notes

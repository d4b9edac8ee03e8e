"""What-if scenario files: cases that change settings, crews or failure modes of one facility."""

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from twin.errors import UserError, unknown
from twin.facility import Facility, load
from twin.facility.table import Name, Positive, Table
from twin.space import Space
from twin.tomlfile import in_words, validated


class ModeChange(Table):
    """New values of a failure mode; absent keys are unchanged."""

    mtbf_h: Positive | None = None
    repair_median_h: Positive | None = None


class CaseTable(Table):
    """One case: knobs set, crews resized, modes changed, and anything else of the facility file.

    ``change`` gives any key by its path, tables of a list by name or index: ``"spare.klystron.stock" = 2``,
    ``"crew.rf.shift" = { from_h = 8, to_h = 20, days = 7 }``, ``"schedule.block.0.hours" = 24``.
    """

    name: str = Field(min_length=1)
    set: dict[Name, float] = {}
    crew: dict[Name, int] = {}
    mode: dict[str, ModeChange] = {}
    change: dict[str, Any] = {}


class WhatIf(Table):
    """A scenario file: the facility, the horizon, the number of runs, and the cases to compare with the present."""

    facility: str
    days: Positive = 28.0
    runs: int = Field(default=256, ge=16, le=100_000)
    seed: int = 0
    case: list[CaseTable] = Field(min_length=1)


def read(path: str | Path) -> WhatIf:
    """A scenario from a TOML file; UserError names the file, the key and the correction."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"scenario {str(path)!r} is not a file")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not TOML: {error}") from None
    return validated(WhatIf, text, path, "scenario")


def facility_of(scenario: WhatIf, path: str | Path) -> Facility:
    """The scenario's facility: built in, or a file named relative to the scenario's folder."""
    beside = Path(path).parent / scenario.facility
    return load(beside if beside.is_file() else scenario.facility)


def changed(facility: Facility, case: CaseTable) -> tuple[Facility, np.ndarray]:
    """The facility and the settings [K] of a case; UserError for unknown names and values beyond limits."""
    space = Space.of(facility)
    try:
        settings = space.override(space.present, case.set)
    except UserError as error:
        raise UserError(f"case {case.name!r}: {error}") from None
    sizes = {c.name: c.size for c in facility.crew}
    for name, size in case.crew.items():
        if name not in sizes:
            raise UserError(f"case {case.name!r}: {unknown('crew', name, list(sizes))}")
        if size < 1:
            raise UserError(
                f"case {case.name!r}: crew {name} = {size} is below 1; a crew has at least one member"
            )
    modes = facility.mode_names
    for name in case.mode:
        if name not in modes:
            raise UserError(f"case {case.name!r}: {unknown('mode', name, modes)}")
    data = facility.model_dump()
    for crew in data["crew"]:
        crew["size"] = case.crew.get(crew["name"], crew["size"])
    for subsystem in data["subsystem"]:
        for mode in subsystem["mode"]:
            _change(mode, case.mode.get(f"{subsystem['name']}.{mode['name']}"))
    for key, value in case.change.items():
        _put(data, key, value, case.name)
    try:
        return Facility.model_validate(data), settings
    except ValidationError as error:
        raise UserError(f"case {case.name!r}: {in_words(error, 'facility')}") from None


def _put(data: dict[str, Any], key: str, value: Any, case: str) -> None:
    """Set the key at a path such as ``subsystem.rf.units``; tables of a list are found by name or by index."""
    table: Any = data
    *path, last = key.split(".")
    for i, step in enumerate(path):
        listed = isinstance(table, list)
        known = [row.get("name", str(n)) for n, row in enumerate(table)] if listed else list(table)
        if step not in known:
            where = ".".join(path[:i]) or "the facility"
            raise UserError(f"case {case!r}: change {key!r}: {unknown(f'key of {where}', step, known)}")
        table = table[known.index(step)] if listed else table[step]
    table[last] = value


def _change(mode: dict[str, Any], change: ModeChange | None) -> None:
    if change and change.mtbf_h:
        mode["mtbf_h"] = change.mtbf_h
    if change and change.repair_median_h:
        mode["repair"]["median_h"] = change.repair_median_h

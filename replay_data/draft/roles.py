"""The role of a column, guessed from its name, its unit and the course of its values."""

import re
from dataclasses import dataclass

import numpy as np

from replay_data.draft.clock import SECONDS
from replay_data.draft.source import Column

SET = {
    "set", "setpoint", "setpt", "sp", "sel", "cmd", "command", "demand", "request", "target", "bctrl", "bdes", "ades",
    "pdes",
}  # fmt: skip
STATE = {
    "state",
    "mode",
    "status",
    "flag",
    "valid",
    "ok",
    "alarm",
    "enabled",
    "done",
    "open",
    "shutter",
    "interlock",
}
AROUND = {
    "temp", "temperature", "humidity", "pressure", "weather", "air", "water", "outside", "outdoor", "ambient", "hall",
    "tunnel", "mains", "tide",
}  # fmt: skip
AROUND_UNITS = {"degC", "°C", "C", "degF", "hPa", "mbar", "%RH"}
KEPT = 0.66  # share of rows that repeat the value before, above which a column is a setpoint
REPEATED = 0.5  # distinct values per row, below which a column is a setpoint
RARE = 0.1  # samples relative to the column with the most, below which only changes are recorded
FEW, CODES, COMPARED = 8, 16, 2000
NEAR, ALIKE = 0.05, 0.9  # a readback: largest distance relative to the setpoint's range; least correlation


@dataclass(frozen=True)
class Guess:
    """A column with its role. ``why`` is empty if the source gives the role; ``role`` is empty if it is left out."""

    column: Column
    role: str
    why: str


def guess(columns: list[Column]) -> list[Guess]:
    """The role of every column, with at least one setpoint and one quantity if two columns can have these roles."""
    most = max((c.value.size for c in columns), default=0)
    first = [Guess(c, *_own(c, most)) for c in columns]
    setpoints = [g.column for g in first if g.role == "setpoint"]
    followed = [_followed(g, setpoints) for g in first]
    return _complete(followed)


def _words(name: str) -> set[str]:
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return set(re.split(r"[^a-z]+", split.lower())) - {""}


def _own(column: Column, most: int) -> tuple[str, str]:
    """The role of a column, without regard to the others, and why."""
    value = column.value
    if not value.size:
        return "", "text" if column.text else "no numbers"
    if column.role:
        return column.role, ""
    distinct, words = np.unique(value).size, _words(column.name)
    whole = bool((value == np.round(value)).all())
    if distinct == 1:
        return "readback", f"it is {value[0]:g} throughout"
    if SECONDS[0] < value.min() and value.max() < SECONDS[1] and (np.diff(value) >= 0).all():
        return "", "a second clock"
    if whole and distinct <= CODES and (words & STATE or set(value.tolist()) == {0.0, 1.0}):
        return "state", f"it is one of {distinct} whole numbers"
    if whole and distinct > FEW and (np.diff(value) >= 0).all():
        return "counter", "whole numbers that only rise"
    if words & AROUND or column.unit in AROUND_UNITS:
        return "condition", "its name or unit is typical of a condition"
    return _moves(column, words, distinct, most)


def _moves(column: Column, words: set[str], distinct: int, most: int) -> tuple[str, str]:
    """Setpoint or quantity, by its name and by how often its value changes."""
    value = column.value
    if words & SET:
        return "setpoint", "its name"
    kept = float((np.diff(value) == 0).mean()) if value.size > 1 else 0.0
    if value.size >= FEW and kept > KEPT:
        return "setpoint", f"it keeps its value from one row to the next {100 * kept:.0f} % of the time"
    if value.size < RARE * most:
        return "setpoint", f"it was recorded {value.size} times, others up to {most} times"
    if value.size >= FEW and distinct < REPEATED * value.size:
        return "setpoint", f"it takes {distinct} values in {value.size} rows"
    return "quantity", f"it takes {distinct} values in {value.size} rows"


def _followed(found: Guess, setpoints: list[Column]) -> Guess:
    """The guess changed to a readback if the column follows a setpoint."""
    column = found.column
    if found.role not in ("quantity", "condition") or not found.why or column.value.size < FEW:
        return found
    some = np.unique(np.linspace(0, column.value.size - 1, COMPARED).astype(int))
    hours, value = column.hours[some], column.value[some]
    for setpoint in setpoints:
        if "1" not in (column.unit, setpoint.unit) and column.unit != setpoint.unit:
            continue
        held = setpoint.value[np.maximum(np.searchsorted(setpoint.hours, hours, side="right") - 1, 0)]
        width = float(np.ptp(held))
        if not width > 0 or not np.ptp(value) > 0:
            continue
        near = float(np.median(np.abs(value - held)))
        if near < NEAR * width and np.corrcoef(held, value)[0, 1] > ALIKE:
            return Guess(
                column, "readback", f"it follows {setpoint.name!r}, within {near:.3g} most of the time"
            )
    return found


def _complete(found: list[Guess]) -> list[Guess]:
    """Add a setpoint and a quantity if they are missing and enough columns can have these roles."""

    def share(g: Guess) -> float:
        return np.unique(g.column.value).size / g.column.value.size

    def turned(role: str, from_role: str, why: str, pick) -> None:
        others = [i for i, g in enumerate(found) if g.role == from_role and g.why]
        if not any(g.role == role for g in found) and len(others) > 1:
            i = pick(others, key=lambda i: share(found[i]))
            found[i] = Guess(found[i].column, role, why)

    found = list(found)
    turned(
        "setpoint",
        "quantity",
        "no column looks like a setting; this one has the fewest different values",
        min,
    )
    turned(
        "quantity", "setpoint", "no column looks like a reading; this one has the most different values", max
    )
    return found

"""Diagnosis of a change between a model and the machine: its start, its size and its kind."""

from typing import NamedTuple

import numpy as np

FEWEST_AFTER = 3

INPUT_PARAMETERS = 6
"""Parameters counted for the effect of an input: two, and a surplus for the choice among many inputs."""


class Pieces(NamedTuple):
    """S pieces of new time of one quantity, in its own unit."""

    time_h: np.ndarray  # [S]
    error: np.ndarray  # [S] measured minus predicted
    predicted: np.ndarray  # [S]
    inputs: np.ndarray  # [S, I]
    typical: np.ndarray  # [S] the usual error of the model

    def cut(self, rows) -> "Pieces":
        """Some of the pieces."""
        return Pieces(*(part[rows] for part in self))


class Change(NamedTuple):
    """The best description of the errors after ``since_h``."""

    kind: str  # offset, ramp, gain, input or scatter
    since_h: float
    size: float  # offset [unit], ramp [unit/day], input [unit per unit of the input], gain [share] or scatter [factor]
    which: int  # of the inputs; -1 for none
    error: float  # median error after it


def change(new: Pieces) -> Change:
    """The change that explains errors best by the Bayes information criterion, relative to the usual errors."""
    late = new.cut(slice(_since(new.error / new.typical), None))
    since_h, one = float(late.time_h[0]), np.ones(len(late.error))
    columns: list[tuple[str, int, np.ndarray]] = [
        ("offset", -1, one[:, None]),
        ("gain", -1, late.predicted[:, None]),
        ("ramp", -1, (late.time_h - since_h)[:, None] / 24.0),
    ]
    for i, column in enumerate(late.inputs.T):
        if np.ptp(column) > 0:
            columns.append(("input", i, np.stack([column - column.mean(), one], 1)))
    z = late.error / late.typical
    candidates = [("scatter", -1, float(np.sqrt((z**2).mean())), _criterion(z, 0))]
    for kind, which, column in columns:
        weighed = column / late.typical[:, None]
        size = np.abs(weighed).max(0) + 1e-300  # a quantity of 1e12 and an offset of 1 are in one fit
        fit, *_ = np.linalg.lstsq(weighed / size, z, rcond=None)
        price = INPUT_PARAMETERS if kind == "input" else 1
        candidates.append((kind, which, float(fit[0] / size[0]), _criterion(z - weighed / size @ fit, price)))
    kind, which, amount, _ = min(candidates, key=lambda row: row[3])
    return Change(kind, since_h, amount, which, float(np.median(late.error)))


def _since(z: np.ndarray) -> int:
    """Index at which errors began to differ: the split after which another mean or spread explains them best."""
    n = len(z) - FEWEST_AFTER + 1
    if n < 1:
        return 0
    z, count = z[::-1], np.arange(len(z), 0, -1)
    shifted = np.cumsum(z)[::-1] ** 2 / count
    square = np.maximum(np.cumsum(z**2)[::-1] / count, 1.0)
    wider = count * (square - 1.0 - np.log(square))
    best = max((shifted[:n], wider[:n]), key=np.max)
    return int(np.argmax(best))


def _criterion(left: np.ndarray, parameters: int) -> float:
    n = len(left)
    return n * np.log((left**2).mean() + 1e-3) + parameters * np.log(max(n, 2))


def describe(found: Change, name: str, unit: str, names: list[str], units: list[str], date: str) -> str:
    """A change in words; ``date`` is its start."""
    way = "higher" if found.error > 0 else "lower"
    if found.kind == "scatter":
        return f"{name} scatters {found.size:.2g} times as much about the model as before, since about {date}"
    if found.kind == "ramp":
        return (
            f"{name} moves away from the model by {found.size:+.3g} {unit} a day, since about {date} (a ramp)"
        )
    if found.kind == "gain":
        return f"{name} reads {1 + found.size:.3g} times the value of the model, since about {date} (a gain)"
    shifted = f"{name} reads {abs(found.error):.3g} {unit} {way} than the model, since about {date}"
    if found.kind == "offset":
        return f"{shifted} (an offset)"
    one = f"1 {units[found.which]} of {names[found.which]}"
    return f"{shifted}, and {found.size:+.3g} {unit} more for each {one} (its effect changed)"

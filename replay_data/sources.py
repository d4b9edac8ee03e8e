"""The two shapes of foreign logs: rows that share one clock, or signals with their own clocks."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from replay_data.stamps import OLDEST
from twin.errors import UserError

TEXT, WAVEFORM = "text, not a number", "a waveform: name one element like PV[3]"


@dataclass(frozen=True)
class Each(Mapping[str, Any]):
    """Values of a file by name, read on each access and not kept."""

    names: list[str]
    read: Callable[[str], Any]

    def __getitem__(self, name: str) -> Any:
        if name not in self.names:
            raise KeyError(name)
        return self.read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Columns:
    """Columns of R rows: numbers, or text that may hold numbers. ``ragged``: malformed rows that were left out."""

    values: Mapping[str, np.ndarray]  # [R] each; an ``Each`` reads it on every access
    rows: int
    ragged: int = 0
    units: dict[str, str] = field(default_factory=dict)  # of columns whose unit is in the file
    not_numbers: dict[str, int] = field(default_factory=dict)  # cells that numbers() cannot read
    _parsed: dict[str, np.ndarray] = field(default_factory=dict)

    def numbers(self, column: str) -> np.ndarray:
        """A column as floats [R], NaN where blank or not a number; text is parsed once."""
        if column in self._parsed:
            return self._parsed[column]
        raw = self.values[column]
        if raw.dtype.kind in "biuf":
            return raw.astype(float, copy=False)
        parsed = [_number(cell) for cell in raw.tolist()]
        self.not_numbers[column] = parsed.count(None)
        self._parsed[column] = np.array([np.nan if p is None else p for p in parsed], float)
        return self._parsed[column]

    def text(self, column: str) -> np.ndarray:
        """A column as text [R], without blanks around it."""
        return np.char.strip(self.values[column].astype(str))


def _number(cell: object) -> float | None:
    """A cell as a number: NaN if blank, None if it is not a number."""
    if cell is None:
        return np.nan
    if not isinstance(cell, str):
        return float(cell) if isinstance(cell, (int, float, np.number)) else None
    try:
        return float(cell) if cell.strip() else np.nan
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(cell.strip().lower())


@dataclass(frozen=True)
class Signal:
    """One channel as the source recorded it: N stamps (seconds since ``origin``) and N values.

    Samples read = N + those in ``skipped``.
    """

    name: str  # in the source: a PV, a path in the file
    origin: datetime
    stamp_s: np.ndarray  # [N]
    value: np.ndarray  # [N] numbers, as recorded
    unit: str = ""
    severity: np.ndarray | None = None  # [N] EPICS: 0 none, 1 minor, 2 major, 3 invalid
    role: str = "readback"
    title: str = ""
    pv: str = ""
    channel: str = ""  # its name in the run-log, where the source gives one
    skipped: dict[str, int] = field(default_factory=dict)  # why: how many

    def keep(self, mask: np.ndarray, why: str) -> "Signal":
        """The samples where ``mask`` [N] is true; the others are counted as skipped with the reason ``why``."""
        if mask.all():
            return self
        skipped = {**self.skipped, why: self.skipped.get(why, 0) + int(np.sum(~mask))}
        severity = None if self.severity is None else self.severity[mask]
        return replace(
            self, stamp_s=self.stamp_s[mask], value=self.value[mask], severity=severity, skipped=skipped
        )

    @property
    def read(self) -> int:
        """How many samples of it the source holds."""
        return self.value.size + sum(self.skipped.values())


@dataclass(frozen=True)
class EachSignal(Sequence[Signal]):
    """The signals of a file, each read on access and not kept."""

    names: list[str]
    read: Callable[[str], Signal]

    def __getitem__(self, i: Any) -> Any:
        return self.read(self.names[i])

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Signals:
    """A foreign log of signals, with the facility, span and tables that it gives."""

    signals: Sequence[Signal]
    facility: str = ""
    start: str | None = None  # ISO 8601: start of the requested range, or of the log
    hours: float | None = None
    tabular: bool = False
    tables: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


def element_of(name: str) -> tuple[str, int | None]:
    """``"PV[3]"`` as ``("PV", 3)``, any other name as itself and None."""
    match = re.fullmatch(r"(.+)\[(\d+)\]", name)
    return (match[1], int(match[2])) if match else (name, None)


def joined(parts: list[Signal]) -> Signal:
    """Join the parts of one signal (files of a folder, chunks of a range) in order of time.

    Where parts overlap, a sample with the stamp and value of the sample before it is dropped and counted.
    """
    if len(parts) == 1:
        return parts[0]
    origin = min(part.origin for part in parts)
    stamp = np.concatenate([part.stamp_s + (part.origin - origin).total_seconds() for part in parts])
    value = np.concatenate([part.value for part in parts])
    order = np.argsort(stamp, kind="stable")
    stamp, value = stamp[order], value[order]
    known = all(part.severity is not None for part in parts)
    severity = np.concatenate([part.severity for part in parts])[order] if known else None  # type: ignore[list-item]
    skipped: dict[str, int] = {}
    for part in parts:
        for why, count in part.skipped.items():
            skipped[why] = skipped.get(why, 0) + count
    whole = replace(parts[0], origin=origin, stamp_s=stamp, value=value, severity=severity, skipped=skipped)
    again = np.zeros(stamp.size, bool)
    again[1:] = (np.diff(stamp) == 0) & (value[1:] == value[:-1])
    return whole.keep(~again, "in two files")


def origin_of(seconds: np.ndarray) -> datetime:
    """The earliest of some times [s since 1970], rounded down to a second: stamps counted from it lose no digits.

    Times at or before the EPICS epoch are invalid and do not count.
    """
    real = seconds[np.isfinite(seconds) & (seconds > OLDEST.timestamp())]
    return datetime.fromtimestamp(int(np.floor(real.min())) if real.size else 0, UTC)


def all_there(path: object, wanted: Iterable[str], known: list[str], what: str = "column") -> None:
    """Raise a UserError that lists every wanted name that the source lacks, and the names it has."""
    missing = [name for name in wanted if name not in known]
    if missing:
        shown = ", ".join(known[:40]) + (f", ... ({len(known)} in all)" if len(known) > 40 else "")
        raise UserError(f"{path}: lacks {what} {', '.join(map(repr, missing))}; it has: {shown or '(none)'}")


def file_error(path: Path, what: str, error: Exception) -> UserError:
    """A library's error about a file as a UserError of one line."""
    return UserError(
        f"{path}: not {what}: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    )

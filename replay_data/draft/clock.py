"""The clock of a table: the column with the times, their format and their time zone."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from replay_data.mapping import Time
from replay_data.rows import stamps_of
from replay_data.sources import Columns

NAMED = re.compile(
    r"(^|[^a-z])(time|timestamp|date|datetime|stamp|epoch|utc|when|unix)([^a-z]|$)|^t$|^t[ _]?\[?s\]?$"
)
FORMS = (
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S.%f", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f",
    "%Y/%m/%d %H:%M", "%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M:%S.%f", "%d %b %Y %H:%M:%S", "%a %b %d %H:%M:%S %Y",
)  # fmt: skip
EXAMINED = 400  # cells of a column
SECONDS = (631152000.0, 4102444800.0)  # 1990 ... 2100
FINER = {1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}
EVEN = 0.02  # largest deviation of evenly spaced rows, relative to the usual interval
PLACEHOLDER = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Clock:
    """The table [time] of a map, the reasons for the guesses, and the hours [R] of the rows since the first."""

    keys: dict[str, str | float]
    why: dict[str, str]  # of some keys
    hours: np.ndarray
    of: str = ""  # the column with the times


def guess(columns: Columns, names: list[str]) -> Clock:
    """The clock of the rows: a column with times, else evenly spaced rows."""
    named = [name for name in names if NAMED.search(name.lower())]
    for name in [*named, *(n for n in names if n not in named)]:
        found = _of_text(columns, name) or _of_numbers(columns, name, name in named)
        if found is not None:
            return _apart(found, columns)
    keys = {"unit": "rows", "start": PLACEHOLDER, "every_s": 1.0}
    why = {"unit": "no column holds times", "start": "not in the data", "every_s": "not in the data"}
    return Clock(keys, why, _rows(columns))


def _rows(columns: Columns, every_s: float = 1.0) -> np.ndarray:
    return np.arange(columns.rows) * every_s / 3600.0


def _of_text(columns: Columns, name: str) -> Clock | None:
    """The clock of a text column, in ISO 8601 or one of ``FORMS``; None if it does not hold times."""
    if columns.values[name].dtype.kind not in "OUS":
        return None
    cells = [cell for cell in columns.text(name)[:EXAMINED].tolist() if cell]
    if not cells or any(cell.replace(".", "", 1).lstrip("-").isdigit() for cell in cells):
        return None
    fits = [form for form in (None, *FORMS) if all(_reads(cell, form) for cell in cells)]
    if not fits:
        return None
    keys: dict[str, str | float] = {"column": name, "unit": "iso8601"}
    why = {"column": "its cells are times"}
    if fits[0] is not None:
        keys["format"] = fits[0]
        also = f"; {fits[1]} would fit too" if len(fits) > 1 else ""
        why["format"] = f"it fits the cells, such as {cells[0]!r}{also}"
    if not _zoned(cells[0], fits[0]):
        why["unit"] = "no time zone is given, so it is read as UTC; local time must be converted first"
    return Clock(keys, why, _hours(columns, keys), name)


def _reads(cell: str, form: str | None) -> bool:
    try:
        _ = datetime.strptime(cell, form) if form else datetime.fromisoformat(cell)
    except ValueError:
        return False
    return True


def _zoned(cell: str, form: str | None) -> bool:
    return form is None and datetime.fromisoformat(cell).tzinfo is not None


def _of_numbers(columns: Columns, name: str, named: bool) -> Clock | None:
    """The clock of a column of seconds since 1970 or, if its name means time, of other units or another start."""
    value = columns.numbers(name)
    known = value[np.isfinite(value)]
    if known.size < 0.5 * max(columns.rows, 1) or not known.size:
        return None
    middle, rises = (
        float(np.median(known)),
        bool((np.diff(known) >= 0).mean() > 0.9) if known.size > 1 else True,
    )
    if SECONDS[0] < middle < SECONDS[1] and (named or rises):
        keys: dict[str, str | float] = {"column": name, "unit": "unix_s"}
        why = {"column": "its numbers are seconds since 1970", "unit": "seconds since 1970 are UTC"}
        return Clock(keys, why, _hours(columns, keys), name)
    if not named:
        return None
    for times, words in FINER.items():
        if SECONDS[0] < middle / times < SECONDS[1]:
            start = datetime.fromtimestamp(float(known[0]) / times, UTC).isoformat()
            return _even(
                columns, name, value, times, words + " since 1970, which the importer does not read", start
            )
    if rises and re.search(r"hour|\[h\]|_h$", name.lower()):
        keys = {"column": name, "unit": "hours", "start": PLACEHOLDER}
        return Clock(keys, {"unit": "its name", "start": "not in the data"}, value - known[0], name)
    return _even(columns, name, value, 1.0, "seconds since an unknown start", PLACEHOLDER) if rises else None


def _even(columns: Columns, name: str, value: np.ndarray, times: float, what: str, start: str) -> Clock:
    """Evenly spaced rows, at the usual interval of a column that the importer cannot read; ``times`` units are 1 s."""
    gaps = np.diff(value[np.isfinite(value)]) / times
    gaps = gaps[gaps > 0]
    usual = float(np.median(gaps)) if gaps.size else 1.0
    uneven = gaps.size and float(np.max(np.abs(gaps - usual))) > EVEN * usual
    doubt = (
        f", though not all are: convert {name!r} to seconds since 1970 to keep its times" if uneven else ""
    )
    why = {
        "unit": f"{name!r} counts {what}; its rows are taken as evenly spaced{doubt}",
        "every_s": "the usual interval",
    }
    every_s = float(f"{usual:.9g}")
    return Clock({"unit": "rows", "start": start, "every_s": every_s}, why, _rows(columns, every_s), name)


def _hours(columns: Columns, keys: dict[str, str | float]) -> np.ndarray:
    return stamps_of(columns, Time.model_validate(keys))[0] / 3600.0


def _apart(clock: Clock, columns: Columns) -> Clock:
    """The same clock, with a step for rows that share a stamp."""
    known = np.sort(clock.hours[np.isfinite(clock.hours)])
    gaps = np.diff(known)
    if clock.keys["unit"] == "rows" or not (gaps == 0).any():
        return clock
    _, counts = np.unique(known, return_counts=True)
    least_s = 3600.0 * float(gaps[gaps > 0].min()) if (gaps > 0).any() else 1.0
    step_s = float(f"{min(least_s / (counts.max() + 1), 1.0):.3g}")
    if step_s <= 0:
        return clock
    why = clock.why | {"step_s": f"up to {counts.max()} rows share a stamp; they are placed this far apart"}
    return Clock(clock.keys | {"step_s": step_s}, why, clock.hours, clock.of)

"""NeXus: every NXlog group of a file is a signal, with its own ``time`` (``start``, ``units``, ``scaling_factor``)."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from replay_data.formats.hdf5 import SUFFIXES, attribute, column, groups, is_text, numbers, opened
from replay_data.formats.protocol import Channels
from replay_data.mapping import ImportMap
from replay_data.record import ROLES, instant
from replay_data.sources import EachSignal, Signal, Signals, all_there, element_of, origin_of
from twin.errors import UserError

SECONDS = {
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6, "ns": 1e-9, "nanosecond": 1e-9, "nanoseconds": 1e-9,
    "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip
"""Units of time in NeXus files; the default is seconds."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def accepts(path: Path) -> bool:
    """Whether the file has an NXlog group, or is an export of a log without channels."""
    with opened(path) as file:
        return any(_is_log(group) for group in groups(file).values()) or _exported(file)


def read(path: Path, wanted: list[str] | None, layout: ImportMap | None) -> Signals:
    """The wanted groups (by path, without the leading slash); all of them if ``wanted`` is None.

    A file that ``beamtwin export`` wrote also provides its facility, span, roles and tables.
    """
    with opened(path) as file:
        found = {name: group for name, group in groups(file).items() if _is_log(group)}
        if not _exported(file):
            wanted = list(found) if wanted is None else wanted
            return Signals(_signals(list(found), wanted, path))
        entry: Any = file["entry"]
        if wanted is None:
            wanted = [f"entry/channels/{name}" for name in entry["channels"].attrs["order"]]
        signals = _signals(list(found), wanted, path)
        tables = {
            name: {str(c): _cells(group[c]) for c in group.attrs["order"]}
            for name, group in entry.items()
            if attribute(group, "NX_class") == "NXcollection" and name != "channels"
        }
        attrs = entry.attrs
        return Signals(signals, str(attrs["facility"]), str(attrs["start"]), float(attrs["hours"]),
                       bool(attrs["tabular"]), tables)  # fmt: skip


def _exported(file: Any) -> bool:
    return "entry" in file and "beamtwin_export" in file["entry"].attrs


def _signals(found: list[str], wanted: list[str], path: Path) -> EachSignal:
    all_there(path, [element_of(name.strip("/"))[0] for name in wanted], found, "NXlog")

    def one(name: str) -> Signal:
        with opened(path) as file:
            return _signal(file[element_of(name.strip("/"))[0]], name, path)

    return EachSignal(wanted, one)


def _cells(dataset: Any) -> np.ndarray:
    values = column(dataset)
    return values.astype(str) if is_text(dataset) else values


def _is_log(group: Any) -> bool:
    return attribute(group, "NX_class") == "NXlog" and "time" in group


def _signal(group: Any, name: str, path: Path) -> Signal:
    """The signal of ``value``, else of ``raw_value``; ``cue_*`` (indices) and averages are not read."""
    which = "value" if "value" in group else "raw_value"
    origin, stamp = _stamps(group["time"], f"{path}: NXlog {name!r}")
    mine, role = attribute(group, "role"), attribute(group, "role", "readback")
    value, why = numbers(group[which], element_of(name)[1]) if which in group else (np.zeros(0), "")
    both = min(len(stamp), len(value))
    signal = Signal(
        name, origin, stamp[:both], value[:both], attribute(group[which], "units") if which in group else "",
        _severity(group, stamp[:both]), role if role in ROLES else "readback", _title(group),
        attribute(group, "pv", name), group.name.rsplit("/", 1)[1] if mine else "",
        {k: n for k, n in (("no value", len(stamp) - both), ("no stamp", len(value) - both)) if n},
    )  # fmt: skip
    return signal.keep(np.full(both, not why), why)


def _stamps(time: Any, where: str) -> tuple[datetime, np.ndarray]:
    """Origin and seconds since then [N] = time * scaling_factor, in its units."""
    unit = attribute(time, "units", "s").strip() or "s"
    if unit not in SECONDS:
        raise UserError(f"{where}: time has the unknown unit {unit!r}; known are: {', '.join(SECONDS)}")
    start = attribute(time, "start")
    origin = instant(start, f"{where}: time/start") if start else EPOCH
    raw = np.atleast_1d(time[()])
    factor = SECONDS[unit] * float(np.ravel(time.attrs.get("scaling_factor", 1.0))[0])
    stamp = raw.astype(float) if factor == 1.0 else raw * factor
    if not start and stamp.size:  # times since 1970 lose no digits when counted from the first one
        origin = origin_of(raw * factor)
        first = int(origin.timestamp())
        stamp = (raw - first / factor) * factor if raw.dtype.kind == "f" else _whole(raw, first, factor)
    return origin, stamp


def _whole(raw: np.ndarray, first_s: int, factor: float) -> np.ndarray:
    """Seconds since ``first_s`` of integer ticks: subtracted as integers, so that nothing is rounded first."""
    ticks = round(1.0 / factor) if factor < 1.0 else 0
    return (raw.astype(np.int64) - first_s * ticks) / ticks if ticks else raw * factor - first_s


def _severity(group: Any, stamp: np.ndarray) -> np.ndarray | None:
    """The alarm severity of each sample: ``severity``, else the last ``alarm_severity`` by ``alarm_time``."""
    if "severity" in group and len(group["severity"]) == len(stamp):
        return group["severity"][()].astype(np.int8)
    if "alarm_severity" not in group or is_text(group["alarm_severity"]):
        return None
    levels = np.atleast_1d(group["alarm_severity"][()])
    if "alarm_time" not in group or len(levels) == 0:
        return levels.astype(np.int8) if len(levels) == len(stamp) else None
    _, when = _stamps(group["alarm_time"], group.name)
    at = np.searchsorted(when[: len(levels)], stamp, side="right") - 1
    return np.where(at >= 0, levels[np.maximum(at, 0)], 0).astype(np.int8)


def _title(group: Any) -> str:
    """The title attribute, else the ``description`` field."""
    if "description" in group and not attribute(group, "title"):
        cell = np.ravel(column(group["description"]))
        return str(cell[0]) if cell.size else ""
    return attribute(group, "title")


NXLOG = Channels("NeXus NXlog", SUFFIXES, read, accepts)

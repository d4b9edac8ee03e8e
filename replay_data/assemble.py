"""Convert signals to a record: names, units and roles from a map or the source itself, and one common span."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from replay_data.clean import OLDEST, Defect
from replay_data.formats.names import channel_names
from replay_data.mapping import ImportMap, Mapped
from replay_data.record import HELD, Channel, Streamed, instant
from replay_data.sources import Signal, Signals
from twin.errors import UserError


@dataclass(frozen=True)
class ImportedChannel:
    """The account of a channel's cells: cells = samples + missing + repeats (a signal has no repeats)."""

    name: str
    samples: int
    missing: int  # blank, not a number, or otherwise unusable
    filled: int = 0  # of the samples: blanks filled with the last (or first) value
    repeats: int = 0  # held values that did not change, so no record is needed


def refuse_row_keys(layout: ImportMap, where: object, clock: bool) -> None:
    """Raise a UserError that lists every key of a map that does not apply to signals with their own clocks."""
    wrong = ["[[where]]"] if layout.where else []
    wrong += ["table"] if layout.table else []
    wrong += ["[time]"] if layout.time and not clock else []
    wrong += [f"channel {c.name}: fill" for c in layout.channel if c.fill != "no"]
    wrong += [f"channel {c.name}: several columns" for c in layout.channel if len(c.columns) > 1]
    if wrong:
        reason = "each channel of this file has its own clock, so there are no rows"
        raise UserError(f"{where}: remove from the map: {', '.join(wrong)}; {reason}")


@dataclass(frozen=True)
class _Summary:
    """A signal without its samples, and what the log's span needs of them; kept after the first reading."""

    bare: Signal
    size: int
    ends_s: tuple[float, float]  # first and last stamp; infinite without samples
    usual_s: float  # the usual interval between stamps
    moved: int  # samples out of time order

    @classmethod
    def of(cls, signal: Signal, moved: int) -> "_Summary":
        none = replace(signal, stamp_s=np.zeros(0), value=np.zeros(0), severity=None)
        stamps = signal.stamp_s if moved == 0 else np.sort(signal.stamp_s)
        steps = np.diff(np.sort(stamps))
        usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
        ends = (float(stamps.min()), float(stamps.max())) if stamps.size else (np.inf, -np.inf)
        return cls(none, stamps.size, ends, usual, moved)


def assemble(
    found: Signals, layout: ImportMap | None, facility: str, where: object
) -> tuple[Streamed, list[ImportedChannel], list[Defect]]:
    """The log, an account of each channel's samples, and a Defect for each reason why some were skipped or repaired.

    Every signal is read twice: for the span of the log, and when its channel is written.
    """
    maps: list[Mapped | None] = [None] * len(found.signals) if layout is None else [*layout.channel]
    summaries = [_Summary.of(*_prepared(found, i, mapped)) for i, mapped in enumerate(maps)]
    names = _named([s.bare for s in summaries]) if layout is None else [c.name for c in layout.channel]
    defects = [
        Defect("warning", name, why, n, "dropped")
        for name, s in zip(names, summaries, strict=True)
        for why, n in s.bare.skipped.items()
        if n
    ]
    start, hours = _span(found, summaries, where)
    accounts = []
    for name, s, mapped in zip(names, summaries, maps, strict=True):
        if s.moved:
            defects.append(Defect("note", name, "out of time order: sorted", s.moved, "repaired"))
        defects += _unit_defects(name, s, mapped)
        _unit(name, s.bare, mapped, where)
        accounts.append(ImportedChannel(name, s.size, sum(s.bare.skipped.values())))
    # A signal without samples becomes a channel only if a map or an exported log names it.
    kept = {n: i for i, n in enumerate(names) if maps[i] or summaries[i].bare.channel or summaries[i].size}

    def make(name: str) -> Channel:
        i = kept[name]
        return _channel(name, _prepared(found, i, maps[i])[0], maps[i], start, where)

    tabular = found.tabular if layout is None else layout.tabular
    stamp = found.start or start.isoformat().replace("+00:00", "Z")
    return Streamed(facility, stamp, hours, list(kept), make, dict(found.tables), tabular), accounts, defects


def _prepared(found: Signals, i: int, mapped: Mapped | None) -> tuple[Signal, int]:
    """A signal's usable samples in order of time, and how many were out of order."""
    return _in_order(_usable(found.signals[i], found.start, mapped))


def _named(signals: list[Signal]) -> list[str]:
    """The channels' names: as the source gives them, else made from the names of the signals."""
    made = iter(channel_names([signal.name for signal in signals if not signal.channel]))
    return [signal.channel or next(made) for signal in signals]


def _usable(signal: Signal, start: str | None, mapped: Mapped | None) -> Signal:
    """The samples with a stamp since 1990 and, if a range was requested, inside it.

    A setpoint or state recorded before the range still holds in it, so it is kept. An exported log is
    imported unchanged, including its defects.
    """
    if signal.channel:
        return signal
    signal = signal.keep(np.isfinite(signal.stamp_s), "no time stamp")
    oldest = (OLDEST - signal.origin).total_seconds()
    signal = signal.keep(signal.stamp_s > oldest, "stamp before 1990-01-01")
    role = mapped.role if mapped else signal.role
    if start is None or role in HELD:
        return signal
    begins = (instant(start) - signal.origin).total_seconds()
    return signal.keep(signal.stamp_s >= begins, "stamp before the requested range")


def _span(found: Signals, summaries: list[_Summary], where: object) -> tuple[datetime, float]:
    """Start and hours: the source's, else from the first whole second to one interval after the last sample."""
    full = [s for s in summaries if s.size]
    if not full and not found.facility:  # an exported log may be empty
        reasons: dict[str, int] = {}
        for s in summaries:
            for why, count in s.bare.skipped.items():
                reasons[why] = reasons.get(why, 0) + count
        listed = "; ".join(f"{why}: {count}" for why, count in reasons.items())
        read = sum(reasons.values())
        raise UserError(f"{where}: none of {read} samples can be used ({listed or 'it is empty'})")
    if found.start is not None and found.hours is not None:
        return instant(found.start), found.hours
    start = min(s.bare.origin + timedelta(seconds=float(np.floor(s.ends_s[0]))) for s in full)
    last = max(((s.bare.origin - start).total_seconds() + s.ends_s[1], i) for i, s in enumerate(full))
    return start, (last[0] + full[last[1]].usual_s) / 3600.0


def _in_order(signal: Signal) -> tuple[Signal, int]:
    """The samples in order of time (of an export: unchanged), and how many were out of order."""
    if signal.channel or np.all(np.diff(signal.stamp_s) >= 0):
        return signal, 0
    order = np.argsort(signal.stamp_s, kind="stable")
    severity = None if signal.severity is None else signal.severity[order]
    moved = int(np.sum(order != np.arange(order.size)))
    return replace(signal, stamp_s=signal.stamp_s[order], value=signal.value[order], severity=severity), moved


def _channel(name: str, signal: Signal, mapped: Mapped | None, start: datetime, where: object) -> Channel:
    """The channel of a signal; without a conversion its values are kept bit for bit."""
    late_s = (signal.origin - start).total_seconds()
    time_h = (signal.stamp_s + late_s if late_s else signal.stamp_s) / 3600.0
    if mapped is None:
        return Channel(
            name, time_h, signal.value, signal.unit, signal.role, signal.pv, signal.title, signal.severity
        )
    unit, value = _unit(name, signal, mapped, where), signal.value
    if not _plain(mapped):
        with np.errstate(all="ignore"):
            value = mapped.scale * value.astype(float) ** mapped.power + mapped.offset
    return Channel(
        name,
        time_h,
        value,
        unit,
        mapped.role,
        mapped.pv or signal.pv,
        mapped.title or signal.title,
        signal.severity,
    )


def _unit(name: str, signal: Signal, mapped: Mapped | None, where: object) -> str:
    """A channel's unit: the map's, else the file's; a UserError if neither the map nor the file gives one."""
    if mapped is None or mapped.unit is not None:
        return signal.unit if mapped is None or mapped.unit is None else mapped.unit
    if not signal.unit:
        raise UserError(f'{where}: channel {name}: the file gives no unit; write unit = "..." in the map')
    return signal.unit


def _plain(mapped: Mapped) -> bool:
    return (mapped.scale, mapped.power, mapped.offset) == (1.0, 1.0, 0.0)


def _unit_defects(name: str, found: _Summary, mapped: Mapped | None) -> Iterator[Defect]:
    """A Defect if the units of the file and the map differ although the map does not convert values."""
    unit = found.bare.unit
    if mapped and mapped.unit is not None and unit and _plain(mapped) and mapped.unit != unit:
        detail = f"{unit!r} in the file, {mapped.unit!r} in the map, and no scale"
        yield Defect("warning", name, "unit differs from the file's", found.size, "kept", detail)

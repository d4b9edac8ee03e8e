"""Convert rows that share one clock to a record: their order, stamps and channels, and the reasons for skipped rows."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from replay_data.assemble import ImportedChannel
from replay_data.clean import OLDEST, Defect
from replay_data.mapping import ImportMap, Mapped, Time, Where
from replay_data.record import HELD, Channel, Streamed, instant
from replay_data.sources import Columns
from twin.errors import UserError


@dataclass(frozen=True)
class Rows:
    """The rows to use, in order of time, and their stamps."""

    ordered: np.ndarray  # [T] rows with a stamp, in order of time
    chosen: np.ndarray  # [T] whether to use them
    stamp_s: np.ndarray  # [T] seconds since start
    start: datetime
    defects: list[Defect]

    @classmethod
    def of(cls, columns: Columns, layout: ImportMap, source: Path) -> "Rows":
        """Choose the rows to use; channels are read one by one until every row is known to have a value."""
        defects: list[Defect] = []

        def skip(what: str, count: Any) -> None:
            if count:
                defects.append(Defect("warning", "rows", what, int(count), "dropped"))

        skip("wrong number of fields", columns.ragged)
        assert layout.time is not None
        stamp_s, start = stamps_of(columns, layout.time)
        timed = np.isfinite(stamp_s)
        skip("no time stamp", np.sum(~timed))
        old = timed & (stamp_s <= (OLDEST - start).total_seconds())
        skip("stamp before 1990-01-01", np.sum(old))
        ordered = np.flatnonzero(timed & ~old)
        recorded, ordered = ordered, ordered[np.argsort(stamp_s[ordered], kind="stable")]
        moved = int(np.sum(recorded != ordered))
        if moved:
            defects.append(Defect("note", "rows", "out of time order: sorted", moved, "repaired"))
        chosen = np.ones(ordered.size, bool)
        for where in layout.where:
            passes = _passes(columns, where)[ordered]
            skip(f"not {where.text}", np.sum(chosen & ~passes))
            chosen &= passes
        blank = np.ones(ordered.size, bool)
        for channel in layout.channel:
            if blank.any():
                blank &= ~np.isfinite(computed(columns, channel)[ordered])
        skip("no recorded value in any channel", np.sum(chosen & blank))
        chosen &= ~blank
        if not chosen.any():
            reasons = "; ".join(f"{d.what}: {d.samples}" for d in defects)
            read = columns.rows + columns.ragged
            raise UserError(f"{source}: none of {read} rows can be used ({reasons or 'it is empty'})")
        stamps = _apart(stamp_s[ordered], layout.time.step_s)
        shared = int(np.sum(np.diff(stamps[chosen]) == 0))
        if shared:
            detail = "only one row per stamp is used; give step_s in [time]"
            defects.append(Defect("warning", "rows", "stamp shared with another row", shared, "kept", detail))
        return cls(ordered, chosen, stamps, start, defects)

    def log(self, columns: Columns, layout: ImportMap) -> tuple[Streamed, dict[str, ImportedChannel]]:
        """The log of the rows to use, and the account of each channel's cells, filled in as channels are made."""
        stamps = self.stamp_s[self.chosen]
        assert layout.time is not None
        late_s = 0.0 if layout.time.start else float(np.floor(stamps[0]))  # keep a given start
        start, stamps = self.start + timedelta(seconds=late_s), stamps - late_s
        accounts: dict[str, ImportedChannel] = {}
        items = {item.name: item for item in layout.channel}
        stamps_h = stamps / 3600.0

        def make(name: str) -> Channel:
            values = computed(columns, items[name])
            channel, accounts[name] = self._channel(items[name], values, stamps_h, layout.tabular)
            return channel

        usual = float(np.median(np.diff(stamps))) if stamps.size > 1 else 1.0
        hours = (float(stamps[-1]) + usual) / 3600.0
        when = start.isoformat().replace("+00:00", "Z")
        return Streamed(layout.facility, when, hours, list(items), make, {}, layout.tabular), accounts

    def _channel(
        self, item: Mapped, values: np.ndarray, stamps_h: np.ndarray, tabular: bool
    ) -> tuple[Channel, ImportedChannel]:
        raw = values[self.ordered]
        value = _filled(raw, item.fill)[self.chosen]
        there = np.isfinite(value)
        record = there & _changes(value, there) if item.role in HELD and not tabular else there
        filled = int(np.sum(record & ~np.isfinite(raw[self.chosen])))
        names = (item.unit or "", item.role, item.pv or item.columns[0], item.title)
        channel = Channel(item.name, stamps_h[record], value[record], *names)
        missing, repeats = int(np.sum(~there)), int(np.sum(there & ~record))
        return channel, ImportedChannel(item.name, int(record.sum()), missing, filled, repeats)


def computed(columns: Columns, channel: Mapped) -> np.ndarray:
    """scale * product ** power + offset [R]; NaN where that is not finite."""
    with np.errstate(all="ignore"):
        product = np.prod([columns.numbers(c) for c in channel.columns], axis=0)
        value = channel.scale * (product if channel.power == 1.0 else product**channel.power) + channel.offset
    return np.where(np.isfinite(value), value, np.nan)


def _filled(value: np.ndarray, how: str) -> np.ndarray:
    """Fill blanks with the last value before them ("forward"), and those before the first value with it ("both")."""
    there = np.isfinite(value)
    if how == "no" or not there.any():
        return value
    last = np.maximum.accumulate(np.where(there, np.arange(value.size), -1))
    if how == "both":
        last = np.where(last < 0, np.argmax(there), last)
    return np.where(last >= 0, value[last], np.nan)


def _changes(value: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Mask of the values that differ from the last known value before them."""
    known = value[there]
    mask = np.zeros(value.size, bool)
    mask[there] = np.insert(np.diff(known) != 0, 0, True)[: known.size]
    return mask


def stamps_of(columns: Columns, time: Time) -> tuple[np.ndarray, datetime]:
    """Seconds [R] since a start (NaN where unreadable), and that start."""
    if time.unit == "rows":
        assert time.every_s is not None and time.start is not None
        return np.arange(columns.rows) * time.every_s, instant(time.start)
    assert time.column is not None
    if time.unit == "hours":
        assert time.start is not None
        return columns.numbers(time.column) * 3600.0, instant(time.start)
    if time.unit == "iso8601":
        unix = np.array([_unix(cell, time.format) for cell in columns.text(time.column).tolist()], float)
    else:
        unix = columns.numbers(time.column)
    recent = unix[np.isfinite(unix) & (unix > OLDEST.timestamp())]
    start = np.floor(recent.min()) if recent.size else 0.0
    return unix - start, datetime.fromtimestamp(start, UTC)


def _unix(cell: str, form: str | None) -> float:
    try:
        when = datetime.strptime(cell, form) if form else datetime.fromisoformat(cell)
    except ValueError:
        return np.nan
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _apart(stamp_s: np.ndarray, step_s: float | None) -> np.ndarray:
    """Rising stamps: rows with equal stamps are moved ``step_s`` apart, in their order."""
    if step_s is None or not stamp_s.size:
        return stamp_s
    first = np.flatnonzero(np.insert(np.diff(stamp_s) != 0, 0, True))
    place = np.arange(stamp_s.size) - np.repeat(first, np.diff(np.append(first, stamp_s.size)))
    moved = stamp_s + place * step_s
    if np.any(np.diff(moved) <= 0):
        raise UserError(
            f"time.step_s = {step_s:g} s moves rows with equal stamps past the next stamp; shorten it"
        )
    return moved


def _passes(columns: Columns, where: Where) -> np.ndarray:
    if isinstance(where.equals, str):
        return columns.text(where.column) == where.equals
    value = columns.numbers(where.column)
    good = np.isfinite(value)
    with np.errstate(invalid="ignore"):
        good &= value == where.equals if where.equals is not None else True
        good &= value >= where.low if where.low is not None else True
        good &= value <= where.high if where.high is not None else True
    return good

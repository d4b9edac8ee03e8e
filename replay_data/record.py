"""The content of a run-log in memory: channels, tables and the span of time they cover."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol

import numpy as np

from twin.errors import UserError, unknown

ROLES = ("setpoint", "condition", "quantity", "readback", "state", "counter")
HELD = ("setpoint", "state")
"""Roles that record changes: a value holds until the next record."""

BLOCK = 1 << 20
"""Samples of a channel in one block when it is read block by block: 16 MB."""

NO_ALARM, MINOR, MAJOR, INVALID = range(4)
"""Alarm severities as EPICS numbers them."""

TABLES: Mapping[str, dict[str, str]] = MappingProxyType(
    {
        "faults": {
            "process": "U", "start_h": "f8", "repair_start_h": "f8", "end_h": "f8",
            "cause": "U", "comment": "U",
        },
        "schedule": {"start_h": "f8", "end_h": "f8", "phase": "U", "beamlines": "U"},
        "experiments": {"beamline": "U", "arrive_h": "f8", "samples": "f8"},
        "actions": {"time_h": "f8", "knob": "U", "before": "f8", "after": "f8"},
    }
)  # fmt: skip
"""The tables that every log has, with their columns (a table may be empty); a log may hold others."""

KEYS = {"faults": "start_h", "schedule": "start_h", "experiments": "arrive_h", "actions": "time_h"}
"""The column of each table that is filled in every row."""


@dataclass(frozen=True)
class Channel:
    """One recorded signal: N stamps (hours since the log's start) and N values in ``unit``."""

    name: str
    time_h: np.ndarray  # [N]
    value: np.ndarray  # [N]
    unit: str
    role: str
    pv: str = ""
    title: str = ""
    severity: np.ndarray | None = None  # [N] alarm severity of each sample, where known

    @property
    def held(self) -> bool:
        """Whether the channel records changes, each value holding until the next."""
        return self.role in HELD

    def keep(self, mask: np.ndarray | slice) -> "Channel":
        """The samples where ``mask`` [N] is true (or those at the given indices)."""
        severity = None if self.severity is None else self.severity[mask]
        return replace(self, time_h=self.time_h[mask], value=self.value[mask], severity=severity)

    def at(self, hours: np.ndarray, side: str = "right") -> np.ndarray:
        """The value held at ``hours`` (stamps must rise); NaN before the first record."""
        i = np.searchsorted(self.time_h, hours, side=side) - 1  # type: ignore[call-overload]
        held = np.where(i >= 0, self.value[np.maximum(i, 0)] if self.value.size else np.nan, np.nan)
        return held.astype(float)


class Log(Protocol):
    """The interface of all logs: a Record in memory, a RunLog in a file and others."""

    @property
    def facility(self) -> str: ...
    @property
    def start(self) -> str: ...
    @property
    def hours(self) -> float: ...
    @property
    def tabular(self) -> bool: ...
    @property
    def names(self) -> list[str]: ...
    def channel(self, name: str) -> Channel: ...
    def samples(self, name: str) -> int: ...
    def bare(self, name: str) -> Channel: ...
    def blocks(self, name: str) -> Iterator[Channel]: ...
    @property
    def table_names(self) -> list[str]: ...
    def table(self, name: str) -> dict[str, np.ndarray]: ...


class ByChannel:
    """Base class of logs whose ``channel`` returns whole channels in memory: provides the other readers of channels."""

    def channel(self, name: str) -> Channel:
        raise NotImplementedError

    def samples(self, name: str) -> int:
        """How many samples a channel has."""
        return self.channel(name).value.size

    def bare(self, name: str) -> Channel:
        """A channel without its samples: unit, role and names."""
        return self.channel(name).keep(slice(0))

    def blocks(self, name: str) -> Iterator[Channel]:
        """A channel in blocks of ``BLOCK`` samples; an empty channel gives one empty block."""
        channel = self.channel(name)
        for first in range(0, max(channel.value.size, 1), BLOCK):
            yield channel.keep(slice(first, first + BLOCK))


@dataclass(frozen=True)
class Record(ByChannel):
    """A whole log in memory, ready to be written. ``start`` is ISO 8601 (UTC unless it has another zone).

    ``tabular``: each stamp is one evaluation (a scan point, an optimiser's step) rather than a
    moment of continuous running, so its frame has one row per stamp.
    """

    facility: str
    start: str
    hours: float
    channels: dict[str, Channel]
    tables: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    tabular: bool = False

    @property
    def names(self) -> list[str]:
        return list(self.channels)

    def channel(self, name: str) -> Channel:
        if name not in self.channels:
            raise unknown("channel", name, self.names)
        return self.channels[name]

    @property
    def table_names(self) -> list[str]:
        """Names of the tables that the record holds."""
        return list(self.tables)

    def table(self, name: str) -> dict[str, np.ndarray]:
        return complete(name, self.tables.get(name, {}))


@dataclass
class Streamed(ByChannel):
    """A log whose channels are made on request; only the last one is kept in memory."""

    facility: str
    start: str
    hours: float
    names: list[str]
    make: Callable[[str], Channel]
    tables: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    tabular: bool = False
    _last: Channel | None = field(default=None, init=False)

    def channel(self, name: str) -> Channel:
        if self._last is None or self._last.name != name:
            self._last = None  # before the next one is made
            self._last = self.make(name)
        return self._last

    @property
    def table_names(self) -> list[str]:
        """Names of the tables that the log holds."""
        return list(self.tables)

    def table(self, name: str) -> dict[str, np.ndarray]:
        return complete(name, self.tables.get(name, {}))


def complete(name: str, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A table with every column that ``TABLES`` defines: missing ones are empty text or NaN.

    A table of another name is returned unchanged.
    """
    rows = len(next(iter(columns.values()))) if columns else 0
    blank = {"U": "", "f8": np.nan}
    lacking = {c: np.full(rows, blank[kind]) for c, kind in TABLES.get(name, {}).items() if c not in columns}
    return {**columns, **lacking}


def instant(start: str, where: str = "start") -> datetime:
    """A log's start as a time in UTC; a start without a zone is UTC."""
    try:
        when = datetime.fromisoformat(start)
    except ValueError:
        raise UserError(f"{where} = {start!r} is not ISO 8601; write it like 2026-01-31T08:00:00Z") from None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)

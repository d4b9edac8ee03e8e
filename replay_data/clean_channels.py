"""The cleaned channels of a log: each is read once and cached, or read block by block and not kept."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from replay_data.clean import stretches
from replay_data.record import HELD, Channel, Log


class CleanChannels:
    """Cleaned channels of a log by name; None for one that is not recorded or has no usable sample.

    Cached arrays are shared by all callers, so they are read-only.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self._whole: dict[str, Channel | None] = {}
        self._held: dict[str, Channel | None] = {}

    def parts(self, name: str) -> Iterator[Channel]:
        """The samples of a channel in order, in parts: read block by block, or from the cache."""
        kept = self._whole.get(name)
        if kept is not None:
            return iter([kept])
        return (part for part, _ in stretches(self.log, name)) if name in self.log.names else iter(())

    def whole(self, name: str) -> Channel | None:
        """All samples of a channel; cached."""
        if name not in self._whole:
            self._whole[name] = self._joined(name, list(self.parts(name)))
        return self._whole[name]

    def held(self, name: str) -> Channel | None:
        """The records of a channel that differ from the one before; cached. Knobs and states need no others."""
        if name not in self._held:
            self._held[name] = self._joined(name, list(_changes(self.parts(name))))
        return self._held[name]

    def recorded(self, name: str) -> Channel | None:
        """Of a setpoint or state the records that differ, else all samples; cached."""
        if name not in self.log.names:
            return None
        return self.held(name) if self.log.bare(name).role in HELD else self.whole(name)

    def tail(self, name: str, from_h: float) -> Channel | None:
        """The samples from ``from_h`` on, and the last one before; not cached."""
        late: list[Channel] = []
        for part in self.parts(name):
            if part.value.size:
                first = max(int(np.searchsorted(part.time_h, from_h, side="right")) - 1, 0)
                late = [part.keep(slice(first, None))] if part.time_h[first] <= from_h else [*late, part]
        return self._joined(name, late)

    def _joined(self, name: str, parts: list[Channel]) -> Channel | None:
        if not sum(part.value.size for part in parts):
            return None
        time_h, value = (np.concatenate([getattr(p, key) for p in parts]) for key in ("time_h", "value"))
        time_h.flags.writeable = value.flags.writeable = False
        return replace(parts[0], time_h=time_h, value=value, severity=None)


def _changes(parts: Iterator[Channel]) -> Iterator[Channel]:
    """The parts of a channel without the records that repeat the one before."""
    last = np.array([np.nan])
    for part in parts:
        yield part.keep(np.diff(part.value, prepend=last) != 0)
        last = part.value[-1:] if part.value.size else last

"""One channel of a log, read once and block by block: what was lost of it, where it is silent, its range."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from replay_data.clean import stretches
from replay_data.record import Channel, Log
from replay_data.sensors import saturated

GAP_FACTOR = 10.0  # a gap is this many times longer than the usual interval


@dataclass
class Survey:
    """What was counted in a channel. ``gaps``: (start, hours) of each stretch without samples."""

    channel: Channel  # without its samples
    read: int
    kept: int = 0
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)  # samples by (what, action)
    beyond: int = 0  # samples kept, outside the limits
    low: float = np.inf
    high: float = -np.inf
    saturated: int = 0
    usual_h: float | None = None  # the usual interval between samples, where that means something
    gaps: list[tuple[float, float]] = field(default_factory=list)

    @property
    def longest_gap_h(self) -> float:
        return max((hours for _, hours in self.gaps), default=0.0)


def survey(log: Log, name: str, low: float = -np.inf, high: float = np.inf) -> Survey:
    """Read a channel of a log; ``low`` and ``high`` are the limits that its values should keep."""
    seen = Survey(log.bare(name), log.samples(name))
    slack = 1e-9 * (high - low) if np.isfinite(high - low) else 0.0
    last_h = 0.0
    for part, defects in stretches(log, name):
        seen.kept += part.value.size
        for defect in defects:
            seen.lost[defect.what, defect.action] += defect.samples
        if part.value.size:
            seen.low, seen.high = min(seen.low, part.value.min()), max(seen.high, part.value.max())
            seen.beyond += int(np.sum((part.value < low - slack) | (part.value > high + slack)))
        if not log.tabular:
            seen.saturated += int(saturated(part).sum())
            last_h = _silence(seen, part, last_h)
    if seen.usual_h is not None:
        _silence(seen, seen.channel, last_h, log.hours)
    return seen


def _silence(seen: Survey, part: Channel, last_h: float, *end_h: float) -> float:
    """Note the gaps among the stamps of a part; the last stamp. Held values are never silent."""
    if seen.usual_h is None and part.time_h.size >= 3 and not part.held:
        seen.usual_h = float(np.median(np.diff(part.time_h)))
    stamps = np.concatenate([[last_h], part.time_h[part.time_h >= 0], end_h])
    if seen.usual_h is not None:
        quiet = np.diff(stamps)
        at = np.flatnonzero(quiet > GAP_FACTOR * seen.usual_h)
        seen.gaps += list(zip(stamps[at].tolist(), quiet[at].tolist(), strict=True))
    return float(stamps[-1])

"""Survey of one channel of a log, read once, block by block: dropped samples, gaps and range."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from replay_data.clean import stretches
from replay_data.record import Channel, Log
from replay_data.sensors import saturated

GAP_FACTOR = 10.0  # a gap is this many times longer than the usual interval


@dataclass
class Survey:
    """Counts of one channel. ``gaps``: (start, hours) of each stretch without samples."""

    channel: Channel  # without its samples
    read: int
    kept: int = 0
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)  # samples by (defect, action)
    beyond: int = 0  # samples kept that lie outside the limits
    low: float = np.inf
    high: float = -np.inf
    saturated: int = 0
    usual_h: float | None = None  # the usual interval between samples; None where it is undefined
    gaps: list[tuple[float, float]] = field(default_factory=list)

    @property
    def longest_gap_h(self) -> float:
        return max((hours for _, hours in self.gaps), default=0.0)


def survey(log: Log, name: str, low: float = -np.inf, high: float = np.inf) -> Survey:
    """Read a channel of a log; ``low`` and ``high`` are the limits of its values."""
    found = Survey(log.bare(name), log.samples(name))
    slack = 1e-9 * (high - low) if np.isfinite(high - low) else 0.0
    last_h = 0.0
    for part, defects in stretches(log, name):
        found.kept += part.value.size
        for defect in defects:
            found.lost[defect.what, defect.action] += defect.samples
        if part.value.size:
            found.low, found.high = min(found.low, part.value.min()), max(found.high, part.value.max())
            found.beyond += int(np.sum((part.value < low - slack) | (part.value > high + slack)))
        if not log.tabular:
            found.saturated += int(saturated(part).sum())
            last_h = _add_gaps(found, part, last_h)
    if found.usual_h is not None:
        _add_gaps(found, found.channel, last_h, log.hours)
    return found


def _add_gaps(found: Survey, part: Channel, last_h: float, *end_h: float) -> float:
    """Add the gaps between the stamps of a part; return the last stamp. Channels of held values have no gaps."""
    if found.usual_h is None and part.time_h.size >= 3 and not part.held:
        found.usual_h = float(np.median(np.diff(part.time_h)))
    stamps = np.concatenate([[last_h], part.time_h[part.time_h >= 0], end_h])
    if found.usual_h is not None:
        intervals = np.diff(stamps)
        at = np.flatnonzero(intervals > GAP_FACTOR * found.usual_h)
        found.gaps += list(zip(stamps[at].tolist(), intervals[at].tolist(), strict=True))
    return float(stamps[-1])

"""Statistics of a channel in bins of time, gathered part by part in bounded memory."""

from collections.abc import Iterable

import numpy as np

from replay_data.record import Channel

SLACK_H = 0.5e-6 / 3600.0
"""Half a microsecond: a stamp closer than this to an edge counts as on it, so that rounding of stamps in a file
(in a log of ten years: 0.1 microseconds) has no effect."""


class Bins:
    """Count, sum, extremes, first and last sample in each of B bins [edge, next edge), edges to ``SLACK_H``.

    Two outer bins hold the samples before the first and after the last edge, so arrays are [B + 2].
    """

    def __init__(self, edges: np.ndarray) -> None:
        self.edges = np.concatenate([[-np.inf], edges - SLACK_H, [np.inf]])  # [B + 3]
        bins = edges.size + 1
        self.count = np.zeros(bins, int)
        self.weight, self.total = np.zeros(bins), np.zeros(bins)
        self.least, self.most = np.full(bins, np.inf), np.full(bins, -np.inf)
        self.first_h, self.first = np.full(bins, np.nan), np.full(bins, np.nan)
        self.last_h, self.last = np.full(bins, np.nan), np.full(bins, np.nan)

    def add(self, time_h: np.ndarray, value: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Add samples [N] with rising stamps, later than all before; ``weight`` [N] is 1 if not given."""
        if not value.size:
            return
        which, first, end = self.segments(time_h)
        counts = np.diff(np.append(first, end))
        self.count[which] += counts
        weighed = value if weight is None else value * weight
        self.weight[which] += counts if weight is None else np.add.reduceat(weight, first)
        self.total[which] += np.add.reduceat(weighed, first, dtype=float)
        self.least[which] = np.minimum(self.least[which], np.minimum.reduceat(value, first))
        self.most[which] = np.maximum(self.most[which], np.maximum.reduceat(value, first))
        new = np.isnan(self.first_h[which])
        self.first_h[which[new]], self.first[which[new]] = time_h[first[new]], value[first[new]]
        last = np.append(first[1:], end) - 1
        self.last_h[which], self.last[which] = time_h[last], value[last]

    def segments(self, time_h: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """The bins [M] that have samples, the index [M] of the first sample of each, and the end of the last one."""
        low, high = np.searchsorted(self.edges, time_h[[0, -1]], side="right") - 1
        place = np.searchsorted(time_h, self.edges[low : high + 2])
        filled = np.flatnonzero(np.diff(place))
        return low + filled, place[filled], int(place[-1])

    @property
    def mean(self) -> np.ndarray:
        """The mean [B + 2] of the samples in each bin, NaN without samples."""
        return np.where(self.weight > 0, self.total / np.where(self.weight > 0, self.weight, 1.0), np.nan)

    @property
    def held(self) -> np.ndarray:
        """The value [B + 2] at the end of each bin, held through bins without samples."""
        known = np.where(np.isfinite(self.last_h), np.arange(self.last.size), 0)
        return self.last[np.maximum.accumulate(known)]


def sampled(stretches: Iterable[Channel], edges: np.ndarray) -> Bins:
    """The bins of a channel of samples, all with equal weight."""
    bins = Bins(edges)
    for part in stretches:
        bins.add(part.time_h, part.value)
    return bins


def holding(stretches: Iterable[Channel], edges: np.ndarray) -> Bins:
    """The bins of a channel whose values hold until the next record, weighted by the hours that they hold.

    The last value holds to the last edge. Counts are of all records, also of those that change nothing.
    """
    bins = Bins(edges)
    count = np.zeros_like(bins.count)
    time_h, value = np.zeros(0), np.zeros(0)
    for part in stretches:
        if not part.value.size:
            continue
        which, first, end = bins.segments(part.time_h)
        count[which] += np.diff(np.append(first, end))
        new = np.ones(part.value.size, bool)
        new[1:] = part.value[1:] != part.value[:-1]
        time_h = np.concatenate([time_h[-1:], snapped(part.time_h[new], edges)])
        value = np.concatenate([value[-1:], part.value[new]])
        bins.add(*_pieces(time_h, value, edges))
    if time_h.size and time_h[-1] < edges[-1]:
        end_h, end = np.array([time_h[-1], edges[-1]]), value[[-1, -1]]
        bins.add(*_pieces(end_h, end, edges))
    bins.count = count
    return bins


def snapped(time_h: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Stamps [N], where stamps closer than ``SLACK_H`` to an edge are moved exactly onto it."""
    near = edges[np.minimum(np.searchsorted(edges, time_h - SLACK_H), edges.size - 1)]
    return np.where(np.abs(time_h - near) <= SLACK_H, near, time_h)


def _pieces(time_h: np.ndarray, value: np.ndarray, edges: np.ndarray):
    """(start [M], value [M], hours [M]) of a held value between its first and last stamp, cut at the edges."""
    if time_h.size < 2:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    low, high = np.searchsorted(edges, time_h[0], side="right"), np.searchsorted(edges, time_h[-1])
    cuts = edges[low:high]
    at = np.searchsorted(time_h, cuts, side="right")
    start, value = np.insert(time_h, at, cuts), np.insert(value, at, value[at - 1])
    return start[:-1], value[:-1], np.diff(start)

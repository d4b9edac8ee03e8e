"""Defects of time stamps: the EPICS epoch, repeated stamps, a clock set back, a missing hour."""

from bisect import bisect_left
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from replay_data.record import Channel, instant

OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
"""The EPICS epoch: a channel that never connected has a stamp at or before it."""

EPICS_H = (OLDEST - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() / 3600.0
"""Hours from the Unix epoch to the EPICS epoch: EPICS seconds read as Unix seconds are too early by this much."""

CLOCK_LEAST = 3  # so many samples out of order together come from a clock that was set back
ORDINARY_H = 0.1  # with longer sampling intervals a missing hour cannot be detected
CHANGES = (3, 4, 9, 10, 11)  # months in which clocks change somewhere


def repair_epoch(channel: Channel, hours: float | None) -> tuple[Channel, int]:
    """The channel with corrected stamps where EPICS seconds were read as Unix seconds, and how many they were.

    Those are the stamps that lie ``EPICS_H`` (20 years) before the span of the log.
    """
    if hours is None or not channel.time_h.size or np.nanmin(channel.time_h) > -EPICS_H + hours:
        return channel, 0
    with np.errstate(invalid="ignore"):
        early = (channel.time_h >= -EPICS_H) & (channel.time_h <= -EPICS_H + hours)
    if not early.any():
        return channel, 0
    return replace(channel, time_h=channel.time_h + EPICS_H * early), int(early.sum())


def epoch(channel: Channel, start: str) -> np.ndarray:
    """Stamps [N] at or before the EPICS epoch."""
    return channel.time_h <= (OLDEST - instant(start)).total_seconds() / 3600.0


def twice(channel: Channel) -> np.ndarray:
    """Mask [N] of repeated stamps to drop: of equal neighbours the last stays where values are held, else the first."""
    same = np.diff(channel.time_h) == 0
    return np.append(same, False) if channel.held else np.insert(same, 0, False)


def clock_set_back(time: np.ndarray, dropped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two masks of the stamps [N] that were ``dropped`` (not rising) because the clock was set back.

    A run of ``CLOCK_LEAST`` dropped neighbours or more is attributed to the clock. Second mask: the clock
    went back by an hour (to two usual intervals), as local time does when daylight saving ends. First
    mask: all other runs.
    """
    clock, hour = np.zeros(time.size, bool), np.zeros(time.size, bool)
    usual = float(np.median(np.abs(np.diff(time))))
    for first, last in _runs(dropped):
        if last - first >= CLOCK_LEAST:
            back = -np.diff(time[max(first - 1, 0) : last + 1]).min()
            is_hour = usual <= ORDINARY_H and abs(back - 1.0) <= 2.0 * usual
            (hour if is_hour else clock)[first:last] = True
    return clock, hour


def hour_missing(start: str, gap_start_h: float, gap_h: float, usual_h: float) -> bool:
    """Whether a gap is the hour that is missing from local time when daylight saving begins.

    The gap lasts an hour (to two usual intervals), on a Sunday night of a month in which clocks change.
    """
    if usual_h > ORDINARY_H or abs(gap_h - 1.0 - usual_h) > 2.0 * usual_h:
        return False
    when = instant(start) + timedelta(hours=gap_start_h)
    return when.weekday() == 6 and when.hour < 4 and when.month in CHANGES


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """(first, last + 1) of each run of true elements."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def longest_rise(time: np.ndarray) -> np.ndarray:
    """Mask [N] of a longest strictly rising subsequence, so that the fewest stamps are dropped.

    One stamp in the far future costs one sample, not all that follow it.
    """
    if np.all(time[1:] > time[:-1]):
        return np.ones(time.size, bool)
    tails: list[float] = []
    ends: list[int] = []
    before = np.full(time.size, -1)
    for i, t in enumerate(time.tolist()):
        place = bisect_left(tails, t)
        before[i] = ends[place - 1] if place else -1
        if place == len(tails):
            tails.append(t)
            ends.append(i)
        else:
            tails[place], ends[place] = t, i
    mask, i = np.zeros(time.size, bool), ends[-1]
    while i >= 0:
        mask[i], i = True, before[i]
    return mask

"""What is dropped from a channel or from the fault table before anyone computes with it, and why."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from scipy.ndimage import median_filter

from replay_data.record import Channel, instant
from twin.facility import Facility

OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Earlier stamps are the EPICS epoch of a channel that never connected."""

STUCK_RUN = 30  # fewer equal values in a row are never called stuck
STUCK_FACTOR = 10.0  # and a stuck run is this many times longer than 99 % of the others
SPIKE_WINDOW = 11  # samples in the running median
SPIKE_SIGMA = 15.0  # robust standard deviations from it
SPIKE_FACTOR = 3.0  # and this many times farther than 99 % of the samples
SPIKE_LEAST = 50  # samples needed to know what is normal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Defect:
    """One row of a report: what is wrong where, in how many samples, and what was done about it."""

    severity: Severity
    where: str
    what: str
    samples: int
    action: str  # dropped | kept | repaired | stop
    detail: str = ""


def clean(
    channel: Channel, start: str | None = None, hours: float | None = None, tabular: bool = False
) -> tuple[Channel, list[Defect]]:
    """The samples that can be trusted, and one Defect per reason for which others were dropped.

    Each sample read is either kept or counted in exactly one Defect. ``start`` and ``hours`` (of the
    log) are needed to know stamps before 1990 and after the log's end. Sensors are judged (stuck,
    spikes) only in quantities and conditions, and not in ``tabular`` logs, whose values jump by intent.
    """
    defects: list[Defect] = []
    for what, bad in _tests(start, hours, tabular):
        wrong = bad(channel) if channel.value.size else np.zeros(0, bool)
        if wrong.any():
            defects.append(Defect("warning", channel.name, what, int(wrong.sum()), "dropped"))
            channel = channel.keep(~wrong)
    return channel, defects


def _tests(start, hours, tabular):
    """(name, test) in order; each test sees what the earlier ones left and marks what it drops."""
    yield "value not finite", _not_finite
    if start is not None:
        oldest_h = (OLDEST - instant(start)).total_seconds() / 3600.0
        yield "stamp before 1990-01-01", lambda c: c.time_h < oldest_h
    if hours is not None:
        yield "stamp after the end of the log", lambda c: c.time_h > hours * (1.0 + 1e-9) + 1e-9
    yield "stamp twice", _twice
    yield "stamp not rising", lambda c: ~_longest_rise(c.time_h)
    if not tabular:
        yield "stuck sensor", _stuck
        yield "spike", _spikes


def _not_finite(channel: Channel) -> np.ndarray:
    return ~(np.isfinite(channel.time_h) & np.isfinite(channel.value))


def _twice(channel: Channel) -> np.ndarray:
    """Neighbours with one stamp: the last of them counts where values are held, else the first."""
    same = np.diff(channel.time_h) == 0
    return np.append(same, False) if channel.held else np.insert(same, 0, False)


def _longest_rise(time: np.ndarray) -> np.ndarray:
    """Mask [N] of a longest strictly rising subsequence: the fewest stamps are given up.

    So one stamp in the far future costs one sample, not all that follow it.
    """
    if np.all(np.diff(time) > 0):
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


def _sensed(channel: Channel) -> bool:
    return channel.role in ("quantity", "condition")


def _resting(channel: Channel) -> np.ndarray:
    """Exact zeros of a quantity: no beam, not a defect."""
    return (channel.value == 0) & (channel.role == "quantity")


def _stuck(channel: Channel) -> np.ndarray:
    """All but the first of each run of equal values that is too long for this channel.

    Too long: ``STUCK_RUN`` samples or more, and ``STUCK_FACTOR`` times what 99 % of the runs (the longest
    left out) stay within; with noise, chance gives that less than once in 1e15 runs. So a coarsely
    rounded or slow channel is left alone, and one that never moves is not judged.
    """
    wrong = np.zeros(channel.value.size, bool)
    starts = np.flatnonzero(np.insert(np.diff(channel.value) != 0, 0, True))
    if not _sensed(channel) or starts.size < 2:
        return wrong
    lengths = np.diff(np.append(starts, wrong.size))
    usual = np.quantile(np.sort(lengths)[:-1], 0.99, method="lower")
    for i in np.flatnonzero(lengths >= max(STUCK_RUN, STUCK_FACTOR * usual)):
        wrong[starts[i] + 1 : starts[i] + lengths[i]] = True
    return wrong & ~_resting(channel)


def _spikes(channel: Channel) -> np.ndarray:
    """Samples far away from the running median of their neighbours, by two measures at once.

    ``SPIKE_SIGMA`` robust standard deviations: 1.4826 times the median deviation (MAD) or, where that
    is 0 (rounded or smooth values), the median step between unequal neighbours. And ``SPIKE_FACTOR``
    times what 99 % of the samples stay within (all but 3, if few), for noise that is not the same
    all the time. A step that lasts moves the median along, so it is none.
    """
    value = channel.value.astype(float)
    if not _sensed(channel) or value.size < SPIKE_LEAST:
        return np.zeros(value.size, bool)
    away = np.abs(value - median_filter(value, SPIKE_WINDOW, mode="nearest"))
    sigma = 1.4826 * np.median(away)
    if sigma == 0:
        steps = np.abs(np.diff(value))
        sigma = np.median(steps[steps > 0]) if steps.any() else np.inf
    usual = np.quantile(away, 1.0 - max(0.01, 3.0 / value.size), method="lower")
    return (away > max(SPIKE_SIGMA * sigma, SPIKE_FACTOR * usual)) & ~_resting(channel)


def clean_faults(
    table: dict[str, np.ndarray], facility: Facility, hours: float = np.inf
) -> tuple[dict[str, np.ndarray], list[Defect]]:
    """The faults that make sense, by process and start, and a Defect for each kind that does not.

    Dropped: a process that the facility does not know, a start that is missing or outside the log,
    an end before the start, a start while an earlier fault of the process lasts, a fault without end
    that another of its process follows. Kept and named: a last one without end (still open).
    Repaired: a repair that starts outside its fault starts with it.
    """
    order = np.lexsort((table["start_h"], table["process"]))
    faults = {column: np.asarray(values)[order] for column, values in table.items()}
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    verdicts = list(_verdicts(faults, facility, hours, found))
    keep = np.array([verdict is None or verdict[1] == "kept" for verdict in verdicts], bool)
    kept = {column: values[keep] for column, values in faults.items()}
    outside = (kept["repair_start_h"] < kept["start_h"]) | (kept["repair_start_h"] > kept["end_h"])
    kept["repair_start_h"] = np.where(outside, kept["start_h"], kept["repair_start_h"])
    for process in kept["process"][outside]:
        found["repair starts outside its fault", "repaired", process] += 1
    rows = [
        Defect("note" if action == "kept" else "warning", f"faults {process}", what, count, action)
        for (what, action, process), count in sorted(found.items())
    ]
    return kept, rows


def _verdicts(faults, facility: Facility, hours: float, found) -> Iterator[tuple[str, str] | None]:
    """(what is wrong, action) or None of each fault, in order; counts them in ``found``."""
    process, start, end = (faults[column].tolist() for column in ("process", "start_h", "end_h"))
    lasts_until: dict[str, float] = {}
    for i in range(len(process)):
        followed = i + 1 < len(process) and process[i + 1] == process[i]
        verdict = None
        if process[i] not in facility.process_names:
            verdict = "unknown process", "dropped"
        elif not 0 <= start[i] <= hours:  # NaN too
            verdict = "fault starts outside the log", "dropped"
        elif end[i] < start[i]:
            verdict = "fault ends before it starts", "dropped"
        elif start[i] < lasts_until.get(process[i], -np.inf):
            verdict = "fault overlaps an earlier one of its process", "dropped"
        elif np.isnan(end[i]):
            verdict = (
                ("no end before the next fault", "dropped") if followed else ("fault without end", "kept")
            )
        if verdict is None:
            lasts_until[process[i]] = end[i]
        else:
            found[*verdict, process[i]] += 1
        yield verdict

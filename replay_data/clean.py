"""Cleaning: the samples and faults that are dropped before anything is computed from them, and the reasons."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from replay_data import sensors, stamps
from replay_data.record import INVALID, Channel, Log
from replay_data.stamps import OLDEST
from twin.facility import Facility

__all__ = ["OLDEST", "Defect", "clean", "clean_faults", "stretches"]

TAIL = 4096
"""Samples at the end of a block that are checked again together with the next block."""

WHAT = (
    "",
    "value not finite",
    "marked invalid by its source",
    "stamp of the EPICS epoch",
    "stamp after the end of the log",
    "stamp twice",
    "stamp not rising",
    "clock set back",
    "an hour repeated: daylight saving",
    "stuck sensor",
    "spike",
)
"""The defects of a sample, by number; 0: none, the sample is kept."""

_TWICE, _NOT_RISING = WHAT.index("stamp twice"), WHAT.index("stamp not rising")

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Defect:
    """One row of a report: the defect, where it is, in how many samples, and what was done about it."""

    severity: Severity
    where: str
    what: str
    samples: int
    action: str  # dropped | kept | repaired | stop
    detail: str = ""


def clean(
    channel: Channel, start: str | None = None, hours: float | None = None, tabular: bool = False
) -> tuple[Channel, list[Defect]]:
    """The usable samples, and one Defect per reason for which others were dropped or repaired.

    Each sample is either kept or counted in exactly one Defect with the action "dropped". ``start`` and
    ``hours`` (of the log) are needed to find stamps of the EPICS epoch and after the log's end. Values are
    checked (stuck sensors, spikes) only for quantities and conditions, and not in ``tabular`` logs, whose
    values jump by intent.
    """
    channel, repaired = stamps.repair_epoch(channel, hours)
    verdict = _verdicts(channel, start, hours, not tabular)
    kept = channel.keep(verdict == 0) if verdict.any() else channel
    return kept, _defects(channel.name, np.bincount(verdict), repaired)


def stretches(log: Log, name: str, sensors_too: bool = True) -> Iterator[tuple[Channel, list[Defect]]]:
    """Clean a channel of a log block by block, in bounded memory: (samples kept, defects) of each block.

    The result equals that of ``clean`` for a channel of at most ``BLOCK`` samples; in a longer one, each block
    is compared with its own statistics. Without ``sensors_too``, stuck sensors and spikes are kept.
    """
    tail, last_h, blocks = None, -np.inf, log.blocks(name)
    block = next(blocks)
    while block is not None:
        after = next(blocks, None)
        piece, repaired = stamps.repair_epoch(block, log.hours)
        piece = piece if tail is None else _joined(tail, piece)
        whole = piece.value.size - (TAIL if after is not None else 0)
        verdict = _verdicts(piece, log.start, log.hours, sensors_too and not log.tabular)
        early = (verdict == 0) & (piece.time_h <= last_h)
        verdict[early] = np.where(piece.time_h[early] == last_h, _TWICE, _NOT_RISING)
        kept = piece.keep(np.flatnonzero(verdict[:whole] == 0)) if verdict.any() else piece.keep(slice(whole))
        last_h = float(kept.time_h[-1]) if kept.time_h.size else last_h
        yield kept, _defects(name, np.bincount(verdict[:whole]), repaired)
        tail, block = piece.keep(slice(whole, None)), after


def _joined(one: Channel, other: Channel) -> Channel:
    severity = None
    if one.severity is not None and other.severity is not None:
        severity = np.concatenate([one.severity, other.severity])
    time, value = (np.concatenate([getattr(c, k) for c in (one, other)]) for k in ("time_h", "value"))
    return replace(other, time_h=time, value=value, severity=severity)


def _defects(name: str, counts: np.ndarray, repaired: int) -> list[Defect]:
    rows = [
        Defect("warning", name, WHAT[i], int(counts[i]), "dropped")
        for i in range(1, counts.size)
        if counts[i]
    ]
    if repaired:
        what = "EPICS seconds read as Unix: 20 years early"
        rows.append(Defect("warning", name, what, repaired, "repaired"))
    return rows


def _verdicts(channel: Channel, start: str | None, hours: float | None, sensors_too: bool) -> np.ndarray:
    """The number in ``WHAT`` of each sample [N]; each test gets the samples that passed the earlier ones."""
    verdict, left = np.zeros(channel.value.size, np.int8), channel
    for what, test in _tests(start, hours, sensors_too):
        wrong = test(left) if left.value.size else np.zeros(0, bool)
        if wrong.any():
            index = np.flatnonzero(verdict == 0)
            verdict[index[wrong]] = WHAT.index(what)
            left = left.keep(~wrong)
            if what == "stamp not rising":
                _name_clocks(verdict, channel.time_h)
    return verdict


def _tests(start, hours, sensors_too):
    """(name, test) of each test, in order."""
    yield "value not finite", _not_finite
    yield "marked invalid by its source", _invalid
    if start is not None:
        yield "stamp of the EPICS epoch", lambda c: stamps.epoch(c, start)
    if hours is not None:
        yield "stamp after the end of the log", lambda c: c.time_h > hours * (1.0 + 1e-9) + 1e-9
    yield "stamp twice", stamps.twice
    yield "stamp not rising", lambda c: ~stamps.longest_rise(c.time_h)
    if sensors_too:
        yield "stuck sensor", sensors.stuck
        yield "spike", sensors.spikes


def _not_finite(channel: Channel) -> np.ndarray:
    return ~(np.isfinite(channel.time_h) & np.isfinite(channel.value))


def _invalid(channel: Channel) -> np.ndarray:
    if channel.severity is None:
        return np.zeros(channel.value.size, bool)
    return channel.severity == INVALID


def _name_clocks(verdict: np.ndarray, time_h: np.ndarray) -> None:
    """Give samples that were dropped because a clock was set back verdicts of their own."""
    tested = np.flatnonzero((verdict == 0) | (verdict == _NOT_RISING))
    clock, hour = stamps.clock_set_back(time_h[tested], verdict[tested] == _NOT_RISING)
    verdict[tested[clock]] = WHAT.index("clock set back")
    verdict[tested[hour]] = WHAT.index("an hour repeated: daylight saving")


def clean_faults(
    table: dict[str, np.ndarray], facility: Facility, hours: float = np.inf
) -> tuple[dict[str, np.ndarray], list[Defect]]:
    """The usable faults, sorted by process and start, and a Defect for each kind of other fault.

    Dropped: faults of an unknown process, with a start that is missing or outside the log, with an end
    before the start, that start during an earlier fault of their process, or without end although another
    fault of the process follows. Kept and reported: a last fault without end (still open). Repaired: a
    repair that starts outside its fault is taken to start with the fault.
    """
    order = np.lexsort((table["start_h"], table["process"]))
    faults = {column: np.asarray(values)[order] for column, values in table.items()}
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    verdicts = list(_fault_verdicts(faults, facility, hours, found))
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


def _fault_verdicts(faults, facility: Facility, hours: float, found) -> Iterator[tuple[str, str] | None]:
    """(defect, action) or None of each fault, in order; counts them in ``found``."""
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

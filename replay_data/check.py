"""Every defect of a run-log at once: what was found, where, in how many samples, and what was done."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from replay_data.clean import Defect, clean, clean_faults
from replay_data.record import Channel, Log
from twin.facility import Facility

__all__ = ["ChannelCount", "Defect", "Report", "check", "clean", "clean_faults"]

GAP_FACTOR = 10.0  # a gap is this many times longer than the usual interval


@dataclass(frozen=True)
class ChannelCount:
    """How many samples of a channel were read and kept, and where it falls silent."""

    name: str
    role: str
    unit: str
    read: int
    kept: int
    gaps: int
    longest_gap_h: float

    @property
    def dropped(self) -> int:
        return self.read - self.kept


@dataclass(frozen=True)
class Report:
    """What ``check`` found. ``fatal``: nothing can be learned from the log until it is mended."""

    facility: str
    hours: float
    channels: list[ChannelCount]
    defects: list[Defect]

    @property
    def fatal(self) -> bool:
        return any(defect.action == "stop" for defect in self.defects)

    @property
    def read(self) -> int:
        return sum(channel.read for channel in self.channels)

    @property
    def kept(self) -> int:
        return sum(channel.kept for channel in self.channels)

    @property
    def dropped(self) -> int:
        return self.read - self.kept


def check(log: Log, facility: Facility) -> Report:
    """All defects of a log against a facility, the worst first; nothing is changed."""
    counts, defects = [], list(_whole(log, facility))
    for name in log.names:
        recorded = log.channel(name)
        kept, dropped = clean(recorded, log.start, log.hours, log.tabular)
        gaps = _gaps(kept, log)
        counts.append(
            ChannelCount(name, recorded.role, recorded.unit, recorded.value.size, kept.value.size, *gaps)
        )
        defects += dropped
        defects += _against(kept, facility)
        if gaps[0]:
            defects.append(Defect("note", name, "gaps", gaps[0], "kept", f"the longest: {gaps[1]:.3g} h"))
    defects += clean_faults(log.table("faults"), facility, log.hours)[1]
    defects += _usable(log, facility, {c.name for c in counts if c.kept})
    rank = ["error", "warning", "note"]
    worst_first = sorted(defects, key=lambda d: (d.action != "stop", rank.index(d.severity)))
    return Report(log.facility, log.hours, counts, worst_first)


def _whole(log: Log, facility: Facility) -> Iterator[Defect]:
    """Defects of the log as a whole: its span, its names, its tables."""
    if log.facility != facility.name:
        detail = f"recorded at {log.facility!r}, checked against {facility.name!r}"
        yield Defect("warning", "log", "another facility", 0, "kept", detail)
    if not log.hours > 0:
        yield Defect("error", "log", "no duration", 0, "stop", f"hours = {log.hours:g} must be above 0")
    known = {i.name for i in (*facility.knob, *facility.condition, *facility.quantity)}
    beside = {"beam_state", "stored_current", *(f"samples_{line.name}" for line in facility.beamline)}
    for name in log.names:
        if name not in known | beside:
            size = log.channel(name).value.size
            yield Defect(
                "note", name, "unknown channel", size, "kept", "no such name in the facility: not used"
            )
    for item in facility.knob:
        if item.name not in log.names:
            yield Defect("error", item.name, "knob not recorded", 0, "kept", "nothing can be learned of it")
    for item in (*facility.condition, *facility.quantity):
        if item.name not in log.names:
            yield Defect("warning", item.name, f"{type(item).__name__.lower()} not recorded", 0, "kept")
    if not log.tabular:
        if not len(log.table("schedule")["start_h"]):
            yield Defect(
                "warning", "schedule", "no schedule", 0, "kept", "the facility's calendar is assumed"
            )
        if "beam_state" not in log.names:
            yield Defect("note", "beam_state", "beam's state not recorded", 0, "kept", "beam is assumed on")


def _against(channel: Channel, facility: Facility) -> Iterator[Defect]:
    """A channel's unit and, for a knob, its values against the facility file."""
    items = {i.name: i for i in (*facility.knob, *facility.condition, *facility.quantity)}
    item = items.get(channel.name)
    if item is None:
        return
    if channel.unit and channel.unit != item.unit:
        detail = f"{channel.unit!r} logged, {item.unit!r} in the facility; mend one or import with a scale"
        yield Defect("error", channel.name, "wrong unit", channel.value.size, "stop", detail)
    elif not channel.unit:
        detail = f"{item.unit!r} is assumed"
        yield Defect("warning", channel.name, "no unit", channel.value.size, "kept", detail)
    for knob in facility.knob:
        if knob.name == channel.name:
            slack = 1e-9 * (knob.high - knob.low)
            beyond = (channel.value < knob.low - slack) | (channel.value > knob.high + slack)
            if beyond.any():
                recorded = f"{channel.value.min():g} ... {channel.value.max():g}"
                detail = f"limits {knob.low:g} ... {knob.high:g} {knob.unit}, recorded {recorded}"
                yield Defect("warning", knob.name, "outside the limits", int(beyond.sum()), "kept", detail)


def _gaps(channel: Channel, log: Log) -> tuple[int, float]:
    """(number of gaps, the longest in hours) of a channel sampled in time; the log's ends count."""
    if channel.held or log.tabular or channel.value.size < 3:
        return 0, 0.0
    usual = float(np.median(np.diff(channel.time_h)))
    quiet = np.diff(np.concatenate([[0.0], channel.time_h[channel.time_h >= 0], [log.hours]]))
    gaps = quiet[quiet > GAP_FACTOR * usual]
    return gaps.size, float(gaps.max(initial=0.0))


def _usable(log: Log, facility: Facility, alive: set[str]) -> Iterator[Defect]:
    """Whether anything can be learned: some knob, and some quantity or fault, must be left."""
    if not alive & {k.name for k in facility.knob}:
        yield Defect("error", "log", "no usable knob", 0, "stop", "no knob has a usable sample")
    faults = len(log.table("faults")["process"])
    if not alive & {q.name for q in facility.quantity} and not faults:
        yield Defect("error", "log", "nothing to learn from", 0, "stop", "neither quantities nor faults")
    for name in log.names:
        if name not in alive:
            yield Defect("error", name, "no usable sample", 0, "kept", "all were dropped, or there were none")

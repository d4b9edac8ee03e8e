"""Checks of a run-log: every defect at once, with its place, the number of samples and what was done."""

from collections.abc import Iterator
from dataclasses import dataclass

from replay_data import units
from replay_data.clean import Defect, clean, clean_faults
from replay_data.record import Log
from replay_data.stamps import hour_missing
from replay_data.survey import Survey, survey
from replay_data.tables import check_tables
from twin.facility import Facility

__all__ = ["ChannelCount", "Defect", "Report", "check", "clean", "clean_faults"]


@dataclass(frozen=True)
class ChannelCount:
    """How many samples of a channel were read and kept, and its gaps."""

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
    """The result of ``check``. ``fatal``: nothing can be learned from the log until it is corrected."""

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

    @property
    def repaired(self) -> int:
        return sum(defect.samples for defect in self.defects if defect.action == "repaired")


def check(log: Log, facility: Facility) -> Report:
    """All defects of a log of a facility, the worst first. The log is not changed.

    Each channel is read once, block by block.
    """
    limits = {knob.name: (knob.low, knob.high) for knob in facility.knob}
    surveys = {name: survey(log, name, *limits.get(name, ())) for name in log.names}
    defects = list(_whole(log, facility))
    for found in surveys.values():
        defects += _samples(found, log.start)
        defects += _unit(found, facility)
        defects += _limits(found, facility)
    defects += clean_faults(log.table("faults"), facility, log.hours)[1]
    defects += check_tables(log, facility)
    defects += _usable(log, facility, {name for name, found in surveys.items() if found.kept})
    counts = [
        ChannelCount(
            name,
            found.channel.role,
            found.channel.unit,
            found.read,
            found.kept,
            len(found.gaps),
            found.longest_gap_h,
        )
        for name, found in surveys.items()
    ]
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
    standard = {"beam_state", "stored_current", *(f"samples_{line.name}" for line in facility.beamline)}
    for name in log.names:
        if name not in known | standard:
            detail = "no such name in the facility: not used"
            yield Defect("note", name, "unknown channel", log.samples(name), "kept", detail)
    for item in facility.knob:
        if item.name not in log.names:
            yield Defect(
                "error", item.name, "knob not recorded", 0, "kept", "nothing can be learned about it"
            )
    for item in (*facility.condition, *facility.quantity):
        if item.name not in log.names:
            yield Defect("warning", item.name, f"{type(item).__name__.lower()} not recorded", 0, "kept")
    if not log.tabular:
        if not len(log.table("schedule")["start_h"]):
            yield Defect(
                "warning", "schedule", "no schedule", 0, "kept", "the facility's calendar is assumed"
            )
        if "beam_state" not in log.names:
            yield Defect(
                "note", "beam_state", "beam state not recorded", 0, "kept", "the beam is assumed to be stored"
            )


def _samples(found: Survey, start: str) -> Iterator[Defect]:
    """Defects of a channel's samples that need no facility: dropped samples, saturation, gaps."""
    name = found.channel.name
    for (what, action), count in found.lost.items():
        yield Defect("warning", name, what, count, action)
    if found.saturated:
        detail = f"at the highest or lowest value, {found.low:g} ... {found.high:g}"
        yield Defect("warning", name, "saturated sensor", found.saturated, "kept", detail)
    usual = found.usual_h or 0.0
    summer = [gap for gap in found.gaps if hour_missing(start, *gap, usual)]
    if summer:
        detail = "stamps in local time? Import them in UTC"
        yield Defect("warning", name, "an hour missing: daylight saving", len(summer), "kept", detail)
    if len(found.gaps) > len(summer):
        detail = f"the longest: {found.longest_gap_h:.3g} h"
        yield Defect("note", name, "gaps", len(found.gaps) - len(summer), "kept", detail)


def _unit(found: Survey, facility: Facility) -> Iterator[Defect]:
    """Defects of a channel's unit: unknown, missing, or not that of the facility file."""
    unit, name = found.channel.unit, found.channel.name
    items = {i.name: i for i in (*facility.knob, *facility.condition, *facility.quantity)}
    wanted = items[name].unit if name in items else unit
    if not unit and wanted:
        yield Defect("warning", name, "no unit", found.kept, "kept", f"{wanted!r} is assumed")
    elif not units.same(unit, wanted):
        scale = units.factor(unit, wanted)
        remedy = f"import with scale = {scale:g}" if scale else "correct one of them, or import with a scale"
        detail = f"{unit!r} logged, {wanted!r} in the facility; {remedy}"
        yield Defect("error", name, "wrong unit", found.kept, "stop", detail)
    if unit and name not in items and units.parse(unit) is None:
        yield Defect("warning", name, "unknown unit", found.kept, "kept", f"{unit!r} is not a known unit")


def _limits(found: Survey, facility: Facility) -> Iterator[Defect]:
    for knob in facility.knob:
        if knob.name == found.channel.name and found.beyond:
            recorded = f"{found.low:g} ... {found.high:g}"
            detail = f"limits {knob.low:g} ... {knob.high:g} {knob.unit}, recorded {recorded}"
            yield Defect("warning", knob.name, "outside the limits", found.beyond, "kept", detail)


def _usable(log: Log, facility: Facility, usable: set[str]) -> Iterator[Defect]:
    """Defects that leave nothing to learn from: a usable knob, and a usable quantity or a fault, are needed."""
    if not usable & {k.name for k in facility.knob}:
        yield Defect("error", "log", "no usable knob", 0, "stop", "no knob has a usable sample")
    faults = len(log.table("faults")["process"])
    if not usable & {q.name for q in facility.quantity} and not faults:
        yield Defect("error", "log", "nothing to learn from", 0, "stop", "neither quantities nor faults")
    for name in log.names:
        if name not in usable:
            yield Defect(
                "error", name, "no usable sample", 0, "kept", "all samples were dropped, or there were none"
            )

"""Outages in a beam channel of a log, the metrics by the facility's rules, and a comparison with the fault table."""

from dataclasses import dataclass

import numpy as np

from replay_data.compare import Comparison, compare
from replay_data.counted import counted
from replay_data.downtime import Downtime, find_downtime
from replay_data.runlog import open_log
from twin import Facility, UserError, load
from twin.outcome import Metric
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """A log of a facility, and the channel that shows the beam (default: the stored current)."""

    facility: str
    log: str
    channel: str | None = None


@dataclass(frozen=True)
class Answer:
    """The outages found; ``compared`` is None for a log without a fault table."""

    facility: Facility
    log_facility: str  # as the log names it
    start: str
    hours: float
    found: Downtime
    metrics: list[tuple[Metric, float]]
    compared: Comparison | None

    @property
    def distinct(self) -> list[tuple[Metric, float]]:
        """The metrics without those that equal another one under the facility's rules."""
        duplicates = set()
        if self.facility.metrics.faults == "any":
            duplicates.add("mtbd_h")  # the mean time between failures then
        if not self.facility.schedule.reserve_h_per_year:
            duplicates.add("availability_compensated")
        return [(metric, value) for metric, value in self.metrics if metric.name not in duplicates]

    @property
    def unknown_h(self) -> float:
        """Hours without data on the beam."""
        return float(np.sum(np.diff(self.found.unknown)))


def run(request: Request, progress: Progress) -> Answer:
    """Find downtime, and compare it with the fault table."""
    facility = load(request.facility)
    with open_log(request.log) as log:
        if log.facility != facility.name:
            raise UserError(
                f"{request.log}: a log of facility {log.facility!r}, not of {facility.name!r}; name its own facility"
            )
        progress("finding downtime", 0.0)
        found = find_downtime(log, facility, request.channel)
        compared = compare(found, log, facility)
        progress("finding downtime", 1.0)
        return Answer(facility, log.facility, log.start, log.hours, found, counted(found, facility), compared)


def as_json(answer: Answer) -> Json:
    """The answer as plain JSON values, with every outage."""
    found, compared = answer.found, answer.compared
    result: Json = {
        "channel": found.channel, "usual_h": found.usual_h, "events": [e._asdict() for e in found.events],
        "refills": found.refills, "unknown": found.unknown,
        "metrics": {metric.name: value for metric, value in answer.metrics}, "compared": None,
    }  # fmt: skip
    if compared is not None:
        result["compared"] = {
            "matched": [
                {"process": m.process, "start_h": m.event.start_h, "start_later_h": m.start_later_h,
                 "end_later_h": m.end_later_h}
                for m in compared.matched
            ],
            "during": compared.during, "unseen": compared.unseen,
            "missed": [{"process": process, "start_h": start} for process, start in compared.missed],
            "spurious": [e._asdict() for e in compared.spurious],
        }  # fmt: skip
    return result

"""Outages that a beam channel of a log shows, the facility's figures of them, and the log's fault table beside them."""

from dataclasses import dataclass

import numpy as np

from replay_data.compare import Comparison, compare
from replay_data.counted import counted
from replay_data.downtime import Downtime, find_downtime
from replay_data.runlog import open_log
from twin import Facility, load
from twin.outcome import Metric
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """A log of a facility, and the channel that shows the beam (the stored current, if none is named)."""

    facility: str
    log: str
    channel: str | None = None


@dataclass(frozen=True)
class Answer:
    """What the channel shows; ``compared`` is None for a log without a fault table."""

    facility: Facility
    log_facility: str  # as the log names it
    start: str
    hours: float
    found: Downtime
    metrics: list[tuple[Metric, float]]
    compared: Comparison | None

    @property
    def distinct(self) -> list[tuple[Metric, float]]:
        """The metrics without those that the facility's rules make equal to another."""
        same = set()
        if self.facility.metrics.faults == "any":
            same.add("mtbd_h")  # the mean time between failures then
        if not self.facility.schedule.reserve_h_per_year:
            same.add("availability_compensated")
        return [(metric, value) for metric, value in self.metrics if metric.name not in same]

    @property
    def unknown_h(self) -> float:
        """Hours in which nothing is known of the beam."""
        return float(np.sum(np.diff(self.found.unknown)))


def run(request: Request, progress: Progress) -> Answer:
    """Look for downtime, and compare it with the fault table."""
    facility = load(request.facility)
    with open_log(request.log) as log:
        progress("looking for downtime", 0.0)
        found = find_downtime(log, facility, request.channel)
        compared = compare(found, log, facility)
        progress("looking for downtime", 1.0)
        return Answer(facility, log.facility, log.start, log.hours, found, counted(found, facility), compared)


def as_json(answer: Answer) -> Json:
    """The same as plain JSON values, every outage in it."""
    found, compared = answer.found, answer.compared
    told: Json = {
        "channel": found.channel, "usual_h": found.usual_h, "events": [e._asdict() for e in found.events],
        "refills": found.refills, "unknown": found.unknown,
        "metrics": {metric.name: value for metric, value in answer.metrics}, "compared": None,
    }  # fmt: skip
    if compared is not None:
        told["compared"] = {
            "matched": [
                {"process": m.process, "start_h": m.event.start_h, "start_later_h": m.start_later_h,
                 "end_later_h": m.end_later_h}
                for m in compared.matched
            ],
            "during": compared.during, "unseen": compared.unseen,
            "missed": [{"process": process, "start_h": start} for process, start in compared.missed],
            "spurious": [e._asdict() for e in compared.spurious],
        }  # fmt: skip
    return told

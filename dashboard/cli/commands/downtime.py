"""What `beamtwin downtime` tells of a log: its outages, the facility's figures, and the fault table beside them."""

from collections import Counter
from typing import Any

import numpy as np

from dashboard.cli.console import say, show
from replay_data.compare import Comparison
from replay_data.counted import counted
from replay_data.downtime import KINDS, Downtime, Event
from replay_data.record import Log
from twin.facility import Facility

Json = dict[str, Any]
MOST = 30
"""Outages that are listed; of more, those that took most user time. All of them are in the JSON."""


def tell(found: Downtime, compared: Comparison | None, log: Log, facility: Facility) -> None:
    """All of it as tables; ``compared`` is None for a log without a fault table."""
    silent = float(np.sum(np.diff(found.unknown)))
    say(f"{found.channel} of {log.facility}: {log.hours:g} h, of which {silent:.4g} h unknown.")
    if found.usual_h:
        say(
            f"A sample each {60 * found.usual_h:.3g} min: shorter outages may not show, times are known to that."
        )
    _kinds(found)
    _listed(found, compared)
    _figures(found, facility)
    if compared is None:
        say("\nThe log has no table of faults to compare with.")
    else:
        _compared(found, compared)


def _kinds(found: Downtime) -> None:
    rows = []
    for kind in (*KINDS.values(), "all"):
        events = [e for e in found.events if kind in (e.kind, "all")]
        hours = [sum(values) for values in ([e.down_h for e in events], [e.user_h for e in events])]
        counts = (len(events), sum(e.sudden for e in events), sum(e.user_h > 0 for e in events))
        rows.append((kind, *counts, *(f"{h:.2f}" for h in hours)))
    columns = ["outages by their worst", "all", "dumps", "in user time", "hours", "user hours lost"]
    show("Downtime", columns, rows, (1, 2, 3, 4, 5))
    last = np.diff(found.refills)
    if last.size:
        say(f"Refills: {last.size}, of {60 * np.median(last):.3g} min at the median.")


def _listed(found: Downtime, compared: Comparison | None) -> None:
    events = sorted(sorted(found.events, key=_weight)[:MOST], key=lambda e: e.start_h)
    began = {} if compared is None else {id(m.event): m.process for m in compared.matched}
    rows = [
        (f"{e.start_h:.2f}", "lasts" if np.isnan(e.end_h) else f"{e.end_h:.2f}", e.kind,
         "dump" if e.sudden else "", f"{e.down_h:.2f}", f"{e.user_h:.2f}", began.get(id(e), ""))
        for e in events
    ]  # fmt: skip
    columns = ["from hour", "to hour", "kind", "", "hours", "user hours lost", "begun by"]
    more = f" (of {len(found.events)}, those that took most user time)" if len(found.events) > MOST else ""
    if rows:
        show(f"Outages{more}", columns, rows, (0, 1, 4, 5))


def _weight(event: Event) -> tuple[float, float]:
    return -event.user_h, -event.down_h


def _figures(found: Downtime, facility: Facility) -> None:
    rules = facility.metrics
    what = "loss of promised beam" if rules.faults == "any" else "outage without beam"
    says = [f"each {what} is a failure"]
    if rules.merge_h:
        says.append(f"outages less than {rules.merge_h:g} h apart are one")
    if rules.faults_plus_one:
        says.append("user time by failures + 1")
    same = {"mtbd_h"} if rules.faults == "any" else set()  # the mean time between failures then
    same |= set() if facility.schedule.reserve_h_per_year else {"availability_compensated"}
    rows = [
        (m.title, f"{value:.{m.digits}f}" if np.isfinite(value) else "no failure", m.unit)
        for m, value in counted(found, facility)
        if m.name not in same
    ]
    if rows:
        title = f"By the facility's rules, where the beam is known: {', '.join(says)}"
        show(title, ["metric", "value", "unit"], rows, (1,))
    else:
        say("\nNo scheduled user time in which the beam is known: no availability.")


def _compared(found: Downtime, compared: Comparison) -> None:
    rows = [
        (process, *(count[process] for count in counts), _later(compared, process))
        for counts in [_by_process(compared)]
        for process in sorted(set().union(*counts))
    ]
    total = [sum(count.values()) for count in _by_process(compared)]
    columns = [
        "fault that dumps the beam",
        "began an outage",
        "during one",
        "beam unknown",
        "missed",
        "seen later by, h",
    ]
    show(
        "Against the fault table", columns, [*rows, ("all", *total, _later(compared, None))], (1, 2, 3, 4, 5)
    )
    brief = len(compared.brief)
    if brief:
        say(f"Missed, but mended before the next sample and so too brief for this channel: {brief}.")
    ends = np.array([m.end_later_h for m in compared.matched])
    if np.isfinite(ends).any():
        say(f"Good beam came back {np.nanmedian(ends):.2f} h after the fault was mended, at the median.")
    lost = [e.user_h for e in compared.spurious]
    say(f"Outages in user time that touch no fault of the table: {len(lost)}, {sum(lost):.2f} h.")


def _by_process(compared: Comparison) -> list[Counter]:
    """How many faults of each process began an outage, came during one, are not known of, were missed."""
    return [
        Counter(m.process for m in compared.matched),
        Counter(compared.during),
        Counter(compared.unseen),
        Counter(process for process, _ in compared.missed),
    ]


def _later(compared: Comparison, process: str | None) -> str:
    later = [m.start_later_h for m in compared.matched if process in (m.process, None)]
    return f"{np.median(later):.2f} ({min(later):.2f} ... {max(later):.2f})" if later else ""


def as_json(found: Downtime, compared: Comparison | None, facility: Facility) -> Json:
    """The same as plain JSON values, every outage in it."""
    told: Json = {
        "channel": found.channel, "usual_h": found.usual_h, "events": [e._asdict() for e in found.events],
        "refills": found.refills, "unknown": found.unknown,
        "metrics": {metric.name: value for metric, value in counted(found, facility)}, "compared": None,
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

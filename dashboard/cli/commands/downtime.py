"""`beamtwin downtime`: find outages in a beam channel by the facility's rules, and compare with the fault table."""

from argparse import ArgumentParser, Namespace
from collections import Counter
from typing import TYPE_CHECKING, Any

from dashboard.cli.arguments import with_json, with_plot
from dashboard.cli.commands import DONE
from dashboard.cli.console import print_line, show
from dashboard.cli.progress import progress_bar

if TYPE_CHECKING:
    from dashboard.app.analyses.downtime import Answer
    from replay_data.compare import Comparison

ORDER = 70
HELP = "find outages in a beam channel by the facility's rules, and compare with the fault table"
EXAMPLE = "beamtwin downtime storage-ring log.h5"
MOST = 30
"""Number of outages that are printed, those with most user time lost. The JSON contains all."""


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("facility")
    parser.add_argument("log")
    parser.add_argument(
        "--channel",
        metavar="NAME",
        help="channel with a current, charge or pulse energy (default: stored_current)",
    )
    with_plot(parser, "the outages over time, and user hours lost by cause")
    with_json(parser)


def run(args: Namespace) -> int:
    """Find outages, compute the metrics, and compare with the fault table."""
    from dashboard.app.analyses import downtime
    from dashboard.app.store.files import write_json, write_text

    with progress_bar() as progress:
        answer = downtime.run(downtime.Request(args.facility, args.log, args.channel), progress)
    _print(answer)
    if args.json:
        write_json(downtime.as_json(answer), args.json)
    if args.plot:
        from dashboard.reports.downtime import document

        print_line(f"Plot: {write_text(document(answer), args.plot)}")
    return DONE


def _print(answer: "Answer") -> None:
    """Print the result as tables."""
    found = answer.found
    print_line(
        f"{found.channel} of {answer.log_facility}: {answer.hours:g} h, of which {answer.unknown_h:.4g} h unknown."
    )
    if found.usual_h:
        print_line(
            f"One sample every {60 * found.usual_h:.3g} min: shorter outages may be missed; times have this resolution."
        )
    _kinds(answer)
    _listed(answer)
    _figures(answer)
    if answer.compared is None:
        print_line("\nThe log has no table of faults to compare with.")
    else:
        _compared(answer, answer.compared)


def _kinds(answer: "Answer") -> None:
    import numpy as np

    from replay_data.downtime import KINDS

    found, rows = answer.found, []
    for kind in (*KINDS.values(), "all"):
        events = [e for e in found.events if kind in (e.kind, "all")]
        hours = [sum(values) for values in ([e.down_h for e in events], [e.user_h for e in events])]
        counts = (len(events), sum(e.sudden for e in events), sum(e.user_h > 0 for e in events))
        rows.append((kind, *counts, *(f"{h:.2f}" for h in hours)))
    columns = ["outages by worst kind", "all", "dumps", "in user time", "hours", "user hours lost"]
    show("Downtime", columns, rows, (1, 2, 3, 4, 5))
    last = np.diff(found.refills)
    if last.size:
        print_line(f"Refills: {last.size}, of {60 * np.median(last):.3g} min at the median.")


def _listed(answer: "Answer") -> None:
    found, compared = answer.found, answer.compared
    events = sorted(sorted(found.events, key=_weight)[:MOST], key=lambda e: e.start_h)
    began = {} if compared is None else {id(m.event): m.process for m in compared.matched}
    rows = [
        (f"{e.start_h:.2f}", "open" if e.end_h != e.end_h else f"{e.end_h:.2f}", e.kind,
         "dump" if e.sudden else "", f"{e.down_h:.2f}", f"{e.user_h:.2f}", began.get(id(e), ""))
        for e in events
    ]  # fmt: skip
    columns = ["from hour", "to hour", "kind", "", "hours", "user hours lost", "caused by"]
    more = f" (of {len(found.events)}, those that took most user time)" if len(found.events) > MOST else ""
    if rows:
        show(f"Outages{more}", columns, rows, (0, 1, 4, 5))


def _weight(event: Any) -> tuple[float, float]:
    return -event.user_h, -event.down_h


def _figures(answer: "Answer") -> None:
    facility = answer.facility
    rules = facility.metrics
    what = "loss of promised beam" if rules.faults == "any" else "outage without beam"
    rules_text = [f"each {what} is a failure"]
    if rules.merge_h:
        rules_text.append(f"outages less than {rules.merge_h:g} h apart are one")
    if rules.faults_plus_one:
        rules_text.append("user time is divided by failures + 1")
    rows = [
        (m.title, f"{value:.{m.digits}f}" if abs(value) < float("inf") else "no failure", m.unit)
        for m, value in answer.distinct
    ]
    if rows:
        title = f"By the facility's rules, where the beam is known: {', '.join(rules_text)}"
        show(title, ["metric", "value", "unit"], rows, (1,))
    else:
        print_line("\nNo scheduled user time in which the beam is known: no availability.")


def _compared(answer: "Answer", compared: "Comparison") -> None:
    import numpy as np

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
        "seen later by [h]",
    ]
    show(
        "Against the fault table", columns, [*rows, ("all", *total, _later(compared, None))], (1, 2, 3, 4, 5)
    )
    if compared.brief:
        print_line(
            f"Missed, because repaired before the next sample and so too brief for this channel: {len(compared.brief)}."
        )
    ends = np.array([m.end_later_h for m in compared.matched])
    if np.isfinite(ends).any():
        print_line(f"Good beam came back {np.nanmedian(ends):.2f} h after the repair, at the median.")
    lost = [e.user_h for e in compared.spurious]
    print_line(f"Outages in user time without a fault in the table: {len(lost)}, {sum(lost):.2f} h.")


def _by_process(compared: "Comparison") -> list[Counter]:
    """Faults by process: began an outage, during an outage, beam unknown, missed."""
    return [
        Counter(m.process for m in compared.matched),
        Counter(compared.during),
        Counter(compared.unseen),
        Counter(process for process, _ in compared.missed),
    ]


def _later(compared: "Comparison", process: str | None) -> str:
    import numpy as np

    later = [m.start_later_h for m in compared.matched if process in (m.process, None)]
    return f"{np.median(later):.2f} ({min(later):.2f} ... {max(later):.2f})" if later else ""

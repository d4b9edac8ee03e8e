"""`beamtwin replay`: replay the end of a log with the same random events, as recorded or with other settings."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from dashboard.cli.arguments import assignments, positive, with_json, with_model, with_plot, with_seed
from dashboard.cli.commands import DONE, NEGATIVE
from dashboard.cli.console import print_line, show
from dashboard.cli.progress import progress_bar

if TYPE_CHECKING:
    from dashboard.app.analyses.replay import Replayed

ORDER = 110
HELP = "replay the end of a log with the same random events, as recorded or with other settings"
EXAMPLE = "beamtwin replay storage-ring log.h5 --set rf_voltage=2.8"
CHANGES = ("useful_beam", "availability", "failures", "samples", "spoilt")


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("facility")
    parser.add_argument("log")
    change = parser.add_mutually_exclusive_group()
    change.add_argument(
        "--set", action="append", default=[], metavar="KNOB=VALUE", help="hold a knob at a value"
    )
    change.add_argument(
        "--scenario", metavar="FILE", help="cases of a scenario file (its days, runs and seed are not used)"
    )
    change.add_argument(
        "--policy", metavar="FILE.py:NAME", help="a Python function (hour, settings, conditions) -> settings"
    )
    days = "replay at least the last DAYS days (default 28)"
    parser.add_argument("--days", type=positive, default=28.0, help=days)
    with_plot(parser, "record and twin over time, outages, and the recovered ageing budgets")
    with_model(parser)
    with_seed(parser)
    with_json(parser)


def run(args: Namespace) -> int:
    """Replay; status 1 if a recorded failure was not reproduced at its hour."""
    from dashboard.app.analyses import replay
    from dashboard.app.store.files import write_json, write_text

    request = replay.Request(
        args.facility,
        args.log,
        args.days,
        assignments(args.set),
        args.scenario,
        args.policy,
        args.model,
        args.seed,
    )
    with progress_bar() as progress:
        found = replay.run(request, progress)
    _print(found)
    if args.json:
        write_json(replay.as_json(found), args.json)
    if args.plot:
        from dashboard.reports.replay import document

        print_line(f"Plot: {write_text(document(found), args.plot)}")
    return DONE if found.reproduced else NEGATIVE


def _print(found: "Replayed") -> None:
    """Print the result as tables."""
    from dashboard.app.analyses.replay import law_in_words

    fact, view = found.fact, found.view
    span = f"Hours {found.from_h:g} to {found.to_h:g} of the log"
    if fact is None or view is None:
        print_line(f"{span}: rows of a tuning log, which have no running time: only quantities are compared.")
    else:
        print_line(f"{span}, {fact.failures} recorded failures.")
        print_line(f"Factual: {fact.reproduced} of {fact.failures} failures were reproduced at their hour.")
        if not view.facility.process_names:
            print_line("The facility describes no failure processes, so there is nothing to reproduce.")
    print_line(law_in_words(found))
    if fact is not None and view is not None:
        lines = list(zip(view.facility.beamline, fact.measured, fact.samples, view.never_idle, strict=True))
        rows = [(b.title, f"{m:.0f}" if m == m else "not counted", f"{s:.0f}") for b, m, s, _ in lines]
        show("Samples, record against twin", ["beamline", "recorded", "twin"], rows, (1, 2))
        if any(view.never_idle):
            print_line("The log does not record experiments: in the twin the beamlines are never idle.")
    _residuals(found)
    if fact is not None:
        _fits(fact)
    for row in found.counterfactuals:
        _counterfactual(*row)


def _residuals(found: "Replayed") -> None:
    """Record minus twin, one row for each quantity."""
    rows = []
    for quantity in found.twin.facility.quantity:
        r = found.residuals[quantity.name]
        quarters = " ".join(f"{b:+.2g}" for b in r.quarters)
        drift, low, high = r.drift
        inside = (
            f"{100 * r.coverage:.0f} % ({r.width:.3g} wide)" if r.coverage == r.coverage else "no interval"
        )
        moved = f"{drift:+.2g} ({low:+.2g} ... {high:+.2g})"
        measured = (f"{r.bias:+.3g}", f"{r.mae:.3g}", inside, quarters, moved)
        rows.append((f"{quantity.name}, {quantity.unit}", r.rows, *(measured if r.rows else [""] * 5)))
    count = "hours" if found.view is not None else "rows"
    columns = [
        "record minus twin",
        count,
        "bias",
        "MAE",
        "in 90 %",
        "bias by quarter",
        "drift over the quarters",
    ]
    show("Quantities, record against twin", columns, rows, (1, 2, 3, 4))


def _fits(fact: Any) -> None:
    from dashboard.app.analyses.replay import untested

    if fact.fit or fact.untested:
        print_line("\nRecovered ageing budgets, tested for unit-exponentiality and trend (Holm):")
    for mode, fit in fact.fit.items():
        print_line(f"- {fit.verdict(mode)}")
    for mode, count in fact.untested.items():
        print_line(f"- {untested(mode, count)}")


def _counterfactual(title: str, found: Any, reach: Any) -> None:
    from twin.outcome import METRICS

    rows = []
    for m in METRICS:
        if m.name in CHANGES:
            mean, low, high = found.change(m.name)
            before, after = found.before[m.name].mean(), found.after[m.name].mean()
            change = f"{mean:+.{m.digits}f} ({low:+.{m.digits}f} ... {high:+.{m.digits}f})"
            rows.append((m.title, f"{before:.{m.digits}f}", f"{after:.{m.digits}f}", change))
    columns = ["metric", "recorded settings", "changed", "change (90 %)"]
    show(f"The same random events with {title}", columns, rows, (1, 2, 3))
    print_line(reach.words)

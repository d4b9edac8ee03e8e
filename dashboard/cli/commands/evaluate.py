"""`beamtwin evaluate`: off-policy evaluation of a policy on a log; by the twin where the log cannot tell."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from dashboard.cli.arguments import assignments, share, span, with_json, with_model, with_plot, with_seed
from dashboard.cli.commands import DONE, NEGATIVE
from dashboard.cli.console import print_line, show
from dashboard.cli.progress import progress_bar

if TYPE_CHECKING:
    from dashboard.app.analyses.evaluate import Answer

ORDER = 120
HELP = "estimate from a log whether another policy would have done better (off-policy evaluation)"
EXAMPLE = "beamtwin evaluate storage-ring log.h5 --shift rf_voltage=-0.2"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    add = parser.add_argument
    add("facility")
    add("log")
    policy = parser.add_mutually_exclusive_group(required=True)
    policy.add_argument(
        "--set", action="append", default=[], metavar="KNOB=VALUE", help="hold a knob at a value"
    )
    policy.add_argument(
        "--shift", action="append", default=[], metavar="KNOB=CHANGE", help="add a change to each setting"
    )
    policy.add_argument(
        "--policy", metavar="FILE.py:NAME", help="a Python function (hour, settings, conditions) -> settings"
    )
    add(
        "--width",
        type=share,
        default=0.05,
        help="width of the region around the settings, share of the range (default 0.05)",
    )
    add("--every", type=span, default=24.0, metavar="SPAN", help="length of an epoch (default 1d)")
    add(
        "--outcome",
        metavar="QUANTITY",
        help="quantity to compare (default: useful beam; of a tuning log, the first flux)",
    )
    with_model(parser, "model for a replay where the log cannot tell")
    with_plot(parser, "the estimates with their intervals, and the promised quantities")
    with_seed(parser)
    with_json(parser)


def run(args: Namespace) -> int:
    """Evaluate a policy on a log; status 1 unless it is surely better."""
    from dashboard.app.analyses import evaluate
    from dashboard.app.store.files import write_json, write_text

    request = evaluate.Request(
        args.facility, args.log, assignments(args.set), assignments(args.shift, "--shift"), args.policy,
        args.width, args.every, args.outcome, args.model, args.seed,
    )  # fmt: skip
    with progress_bar() as progress:
        answer = evaluate.run(request, progress)
    _print(answer)
    if args.json:
        write_json(evaluate.as_json(answer), args.json)
    if args.plot:
        from dashboard.reports.evaluate import document

        print_line(f"Plot: {write_text(document(answer), args.plot)}")
    return DONE if answer.found.verdict == "better" else NEGATIVE


def _print(answer: "Answer") -> None:
    found, other = answer.found, answer.by_the_twin
    outcome = answer.outcome or "outcome"
    print_line(f"Candidate: {answer.candidate}.")
    print_line(
        f"{found.epochs} epochs; operators' mean {outcome} {found.present:.2f} % of the reference. Weighted into the "
        f"candidate they count as {found.effective:.1f} epochs in {found.pieces:.1f} stretches of time; "
        f"{100 * found.clipped:.1f} % of the weight was clipped."
    )
    rows = [(name, f"{g.mean:+.2f}", f"{g.low:+.2f} ... {g.high:+.2f}") for name, g in found.gains.items()]
    if rows:
        show("Gain over the operators, % of the reference", ["estimate", "mean", "90 %"], rows, (1, 2))
    for p in found.promises:
        print_line(
            f"{p.name} beyond its bound: {100 * p.before:.1f} % of the epochs, {100 * p.after:.1f} % expected."
        )
    print_line(f"\nVerdict: {found.verdict}: {found.why}.")
    if other is not None:
        print_line(
            f"By the twin (model {other['model']}), from hour {other['from_h']:g} on with the same random events: "
            f"{other['mean']:+.2f} % useful beam ({other['low']:+.2f} ... {other['high']:+.2f}). This rests on the "
            f"model, not on what operators tried. {other['reach']}"
        )

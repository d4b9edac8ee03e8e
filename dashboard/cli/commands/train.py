"""`beamtwin train`: train surrogates and calibrate the twin on logs, or monitor the model in service."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from dashboard.cli.arguments import share, with_json, with_plot, with_seed
from dashboard.cli.commands import DONE, NEGATIVE
from dashboard.cli.console import percent, print_line, show
from dashboard.cli.progress import progress_bar

if TYPE_CHECKING:
    from twin.types import Json


ORDER = 80
HELP = "train surrogates and calibrate the twin on logs, or monitor the model in service"
EXAMPLE = "beamtwin train storage-ring log.h5"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    add = parser.add_argument
    add("facility", nargs="?")
    add("log", nargs="*")
    add("-o", "--output", metavar="DIR", help="registry folder (default: that of BEAMTWIN_HOME)")
    add("--monitor", metavar="LOG", help="do not train: test the model in service on this later log")
    add("--model", metavar="ID", help="model to monitor (default: the one in service)")
    add(
        "--rate",
        type=share,
        default=0.01,
        help="probability of a false alarm over any length of log (default 0.01)",
    )
    with_plot(parser, "skill against the baselines, and coverage of the intervals")
    with_seed(parser)
    with_json(parser)


def run(args: Namespace) -> int:
    """Train and store a model, or monitor one."""
    return _monitor(args) if args.monitor else _train(args)


def _train(args: Namespace) -> int:
    """Train and store a model; status 1 if it must not be used for recommendations."""
    from dashboard.app.analyses import train
    from dashboard.app.store.files import write_json, write_text
    from twin.errors import UserError

    if not args.facility or not args.log:
        raise UserError("train needs a facility and its logs; name both, or a log with --monitor")
    request = train.Request(args.facility, tuple(args.log), args.output, args.seed)
    with progress_bar() as progress:
        answer = train.run(request, progress)
    entry = answer.entry
    card(entry.card)
    print_line(f"\nModel {entry.id} is in {entry.path}.")
    if answer.in_service != entry.id:
        print_line(f"In service is {answer.in_service}; to change that: beamtwin models promote {entry.id}")
    if args.json:
        write_json(train.as_json(answer), args.json)
    if args.plot:
        from dashboard.reports.train import document

        print_line(f"Plot: {write_text(document(entry.card), args.plot)}")
    return DONE if answer.usable else NEGATIVE


def card(found: "Json") -> None:
    """Print the skill on later time, the coverage, and whether the model may be used."""
    rows = [
        (r["target"], r["score_name"], f"{r['model']:.4g}", f"{r['baseline']:.4g}", r["baseline_name"],
         f"{r['r2']:.3f}" if r.get("r2") is not None else "", r["n"], "yes" if r["better"] else "no")
        for r in found["skill"]
    ]  # fmt: skip
    columns = ["target", "score", "model", "best baseline", "which", "R2", "n", "better"]
    show("Skill on the last 30 % of the time (lower is better)", columns, rows, (2, 3, 5, 6))
    covered = ", ".join(f"{k} {100 * v:.0f} %" for k, v in found["coverage"].items() if v is not None)
    if covered:
        print_line(f"Coverage of the 90 % intervals on that time: {covered}.")
    if found["usable"]:
        print_line("The model beats the best baseline on the quantities that carry the objective: usable.")
    else:
        print_line(f"Not usable for recommendations: {found['reason']}.")


def _monitor(args: Namespace) -> int:
    """Test the model in service on a later log; status 1 if it no longer holds."""
    from dashboard.app.analyses import monitor
    from dashboard.app.store.files import write_json
    from twin.errors import UserError

    if args.log:
        raise UserError("train --monitor takes one log and trains nothing; leave the others out")
    if args.plot:
        raise UserError("train --monitor has no plot; leave --plot out")
    request = monitor.Request(args.monitor, args.facility, args.model, args.rate, args.output)
    with progress_bar() as progress:
        answer = monitor.run(request, progress)
    _monitored(answer.found)
    if args.json:
        write_json(monitor.as_json(answer), args.json)
    return DONE if answer.holds else NEGATIVE


def _monitored(found: "Json") -> None:
    evidence = found["evidence"]
    print_line(f"Model {found['model']}\non {found['log']} from {found['from']} to {found['to']}:")
    if found["holds"]:
        print_line("it holds." if found["judged"] else "there is too little evidence to test it.")
    else:
        print_line(f"IT DOES NOT HOLD since {evidence['reached']}, when the evidence against it was enough.")
    for line in found["words"]:
        print_line(f"- {line}")
    for row in found["inputs"]:
        span = "" if row["low"] is None else f" ({row['low']:.4g} ... {row['high']:.4g})"
        print_line(f"- {row['name']}: outside the training data{span} in {percent(row['share'])} of the rows")
    rows = [
        (r["name"], "quantity", r["pieces"], "" if r["evidence"] is None else f"{r['evidence']:.3g}",
         percent(r["coverage"]["calibrated"]), percent(r["coverage"]["adapted"]))
        for r in found["quantities"]
    ]  # fmt: skip
    rows += [
        (r["name"], "failures", r["events"], f"{r['evidence']:.3g}", f"{r['expected']:.3g} expected", "")
        for r in found["modes"]
    ]
    columns = ["what", "kind", "pieces or events", "evidence", "covered", "following drift"]
    show("Evidence against the model", columns, rows, (2, 3))
    print_line(
        f"Total evidence {evidence['largest']:.3g} of {evidence['needed']:g} needed: while the model holds, this is "
        f"reached with a probability of at most {100 * found['false_alarm_rate']:g} %, however often it is tested."
    )

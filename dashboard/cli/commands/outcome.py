"""`beamtwin outcome`: measure what accepted recommendations brought; the ledger keeps the outcomes."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from dashboard.cli.arguments import with_json, with_model, with_seed
from dashboard.cli.commands import DONE, NEGATIVE
from dashboard.cli.console import change, print_line, show
from dashboard.cli.progress import progress_bar

if TYPE_CHECKING:
    from dashboard.app.analyses.outcomes import Answer

ORDER = 160
HELP = "measure what accepted recommendations brought, in a later log"
EXAMPLE = "beamtwin outcome log.h5"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("log")
    with_model(parser, "trained model (default: the one that made the recommendation)")
    with_seed(parser)
    with_json(parser)


def run(args: Namespace) -> int:
    """Measure the outcomes of accepted recommendations in a later log; status 1 if they bring less than promised."""
    from dashboard.app.analyses import outcomes
    from dashboard.app.store.files import write_json

    with progress_bar() as progress:
        answer = outcomes.run(outcomes.Request(args.log, args.model, args.seed), progress)
    _print(answer)
    if args.json:
        write_json(outcomes.as_json(answer), args.json)
    return NEGATIVE if answer.broken else DONE


def _print(answer: "Answer") -> None:
    rows = answer.rows
    table = [
        (row["decision"], row["at"][:10], row["operator"], _gain(row["promised"]), _gain(row["realised"]),
         _gain(row["same_random_events"]), row["verdict"], "yes" if row["ended"] else "no")
        for row in rows
    ]  # fmt: skip
    columns = ["entry", "accepted", "by", "promised", "realised", "same random events", "verdict", "ended"]
    show("Gains, % useful beam (90 % interval)", columns, table, (0, 3, 4, 5))
    for row in rows:
        print_line(f"Entry {row['decision']}: {row['words']}")
    for line in answer.left_out:
        print_line(line)
    print_line(f"\n{answer.verdict.words}")


def _gain(gain: dict[str, Any] | None) -> str:
    return "" if gain is None else change(gain, 2)

"""`beamtwin advise`: how often the page would have raised an advisory during a log, and why it did not more often."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from dashboard.cli.arguments import positive, with_json, with_model, with_seed
from dashboard.cli.commands import DONE
from dashboard.cli.console import print_line, show
from dashboard.cli.progress import progress_bar

if TYPE_CHECKING:
    from dashboard.app.analyses.advise import Answer

ORDER = 140
HELP = "how often the page would have raised an advisory during a log, with its limit on advisories"
EXAMPLE = "beamtwin advise storage-ring log.h5 --days 7"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("facility")
    parser.add_argument("log")
    parser.add_argument("--days", type=positive, help="use only the last DAYS days (default: all)")
    with_model(parser)
    with_seed(parser)
    with_json(parser)


def run(args: Namespace) -> int:
    """Apply the limit on advisories to a log; count the advisories raised, and those not raised by reason."""
    from dashboard.app.analyses import advise
    from dashboard.app.store.files import write_json

    request = advise.Request(args.facility, args.log, args.days, args.model, args.seed)
    with progress_bar() as progress:
        answer = advise.run(request, progress)
    _print(answer)
    if args.json:
        write_json(advise.as_json(answer), args.json)
    return DONE


def _print(answer: "Answer") -> None:
    from controllers.recommend.advisories import REASONS

    found, space = answer.found, answer.space
    days = found.hours / 24.0
    rows = [
        [f"{a.time_h:.2f}", ", ".join(f"{n} {v:.4g} {u}" for n, v, u in
         zip(space.names, a.proposed, space.units, strict=True)), f"{a.sure:+.2f}"]
        for a in found.advisories
    ]  # fmt: skip
    if rows:
        show("Advisories raised", ["Hour", "Settings", "Gain at least [%]"], rows, (0, 2))
    reasons = sorted(found.state.suppressed.items(), key=lambda row: -row[1])
    not_raised = [[REASONS[k], f"{n:,}"] for k, n in reasons]
    show("Advisories not raised, one evaluation a minute", ["Reason", "Evaluations"], not_raised, (1,))
    closest = (
        f"the closest two {60 * found.closest_h:.0f} min apart" if len(rows) > 1 else "at most one in all"
    )
    print_line(
        f"\n{len(rows)} advisories in {days:.1f} days ({len(rows) / days:.2f} a day, {closest}); without the limit "
        f"on advisories the page would have raised {found.ungated:,} ({found.ungated / days:,.0f} a day). "
        f"{found.renewed} standing recommendations."
    )

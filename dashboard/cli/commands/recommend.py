"""`beamtwin recommend`: recommend settings, with the expected gain and the reasons."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from dashboard.cli.arguments import share, span, with_json, with_model, with_seed
from dashboard.cli.commands import DONE, NEGATIVE
from dashboard.cli.console import change, explain, print_line, show
from dashboard.cli.progress import progress_bar

if TYPE_CHECKING:
    from controllers.recommendation import Recommendation

ORDER = 130
HELP = "recommend settings to change now, with the expected gain and the reasons"
EXAMPLE = "beamtwin recommend storage-ring log.h5"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("facility")
    parser.add_argument("log")
    with_model(parser)
    parser.add_argument(
        "--risk", type=share, default=0.10, help="quantile of the gain that is maximised (default 0.1)"
    )
    parser.add_argument(
        "--horizon",
        type=span,
        default=672.0,
        metavar="SPAN",
        help="time over which the gain counts, like 7d (default 28d)",
    )
    with_seed(parser)
    with_json(parser)


def run(args: Namespace) -> int:
    """Make, print and store a recommendation; status 1 if the model may not be used for one."""
    from dashboard.app.analyses import recommend
    from dashboard.app.sources.files import FileSource
    from dashboard.app.store.files import write_json
    from dashboard.reports.recommendation import write_report

    request = recommend.Request(args.facility, args.log, args.model, args.risk, args.horizon, args.seed)
    with progress_bar() as progress:
        answer = recommend.run(request, progress)
    recommendation(answer.recommendation)
    path = FileSource().keep(answer.recommendation, answer.facility)
    report = write_report(answer.recommendation, path.with_suffix(".html"))
    print_line(f"\nWritten: {path}\n         {report}")
    if args.json:
        write_json(recommend.as_json(answer), args.json)
    return NEGATIVE if answer.refused else DONE


def recommendation(made: "Recommendation") -> None:
    """Print a recommendation: settings, expected effects and reasons."""
    print_line(f"\n{made.title.upper()}: {made.headline}")
    rows = [
        (k.title, f"{k.present:.{k.precision}f}", f"{k.proposed:.{k.precision}f}", k.unit,
         f"{k.low:g} ... {k.high:g}", f"{k.ramp_h:.1f} h",
         change(k.gain_share.model_dump(), 2) if k.gain_share else "")
        for k in made.knobs
    ]  # fmt: skip
    columns = ["setting", "present", "proposed", "unit", "limits", "ramp", "gain share, % useful beam"]
    show("Settings", columns, rows, (1, 2, 5, 6))
    rows = [
        (e.title, f"{e.present:.{e.digits}f}", f"{e.proposed:.{e.digits}f}",
         change(e.change.model_dump(), e.digits), e.unit)
        for e in made.effects
    ]  # fmt: skip
    if rows:
        days = made.evidence.horizon_h / 24
        title = f"Expected over the coming {days:g} days (90 % interval)"
        show(title, ["metric", "present", "proposed", "change", "unit"], rows, (1, 2, 3))
        explain(effect.metric for effect in made.effects)
    print_line("\nWhy")
    for line in made.why:
        print_line(f"- {line}")
    if made.replay:
        print_line(f"- {made.replay.summary}")

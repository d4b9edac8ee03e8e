"""`beamtwin recommend`: settings to change now, what they bring and why."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from dashboard.cli.arguments import share, span, with_json, with_model, with_seed
from dashboard.cli.commands import DONE, NEGATIVE
from dashboard.cli.console import change, explain, say, show
from dashboard.cli.progress import progress_bar

if TYPE_CHECKING:
    from controllers.recommendation import Recommendation

ORDER = 130
HELP = "settings to change now, what they bring and why"
EXAMPLE = "beamtwin recommend storage-ring log.h5"


def arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("facility")
    parser.add_argument("log")
    with_model(parser)
    parser.add_argument(
        "--risk", type=share, default=0.10, help="quantile of the gain that is maximised (default 0.1)"
    )
    parser.add_argument("--horizon", type=span, default=672.0, metavar="SPAN", help="like 7d (default 28d)")
    with_seed(parser)
    with_json(parser)


def run(args: Namespace) -> int:
    """Make, show and keep a recommendation; status 1 if it is refused."""
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
    say(f"\nWritten: {path}\n         {report}")
    if args.json:
        write_json(recommend.as_json(answer), args.json)
    return NEGATIVE if answer.refused else DONE


def recommendation(made: "Recommendation") -> None:
    """The tables an operator reads."""
    say(f"\n{made.title.upper()}: {made.headline}")
    rows = [
        (k.title, f"{k.present:.{k.precision}f}", f"{k.proposed:.{k.precision}f}", k.unit,
         f"{k.low:g} ... {k.high:g}", f"{k.ramp_h:.1f} h",
         change(k.gain_share.model_dump(), 2) if k.gain_share else "")
        for k in made.knobs
    ]  # fmt: skip
    columns = ["setting", "present", "proposed", "unit", "limits", "ramp", "brings, % useful beam"]
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
    say("\nWhy")
    for line in made.why:
        say(f"- {line}")
    if made.replay:
        say(f"- {made.replay.summary}")

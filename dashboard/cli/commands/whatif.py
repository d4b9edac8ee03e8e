"""`beamtwin whatif`: compare the cases of a scenario on common random numbers."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from dashboard.cli.arguments import with_json, with_plot
from dashboard.cli.commands import DONE
from dashboard.cli.commands.simulate import on_which_engine
from dashboard.cli.console import change, explain, print_line, show
from dashboard.cli.progress import progress_bar

if TYPE_CHECKING:
    from dashboard.app.analyses.whatif import Answer, Case

ORDER = 100
HELP = "compare the cases of a scenario on common random numbers"
EXAMPLE = "beamtwin whatif examples/whatif.toml"
METRICS = ("useful_beam", "availability", "failures", "samples")


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("scenario")
    with_plot(parser, "the changes of each case with their intervals")
    with_json(parser)


def run(args: Namespace) -> int:
    """Compare the cases with the unchanged facility."""
    from dashboard.app.analyses import whatif
    from dashboard.app.store.files import write_json, write_text

    with progress_bar() as progress:
        answer = whatif.run(whatif.Request(args.scenario), progress)
    on_which_engine(answer.lacks)
    _print(answer)
    if args.json:
        write_json(whatif.as_json(answer), args.json)
    if args.plot:
        from dashboard.reports.whatif import document

        print_line(f"Plot: {write_text(document(answer), args.plot)}")
    return DONE


def _print(answer: "Answer") -> None:
    """Print one row for each case, changes with their intervals."""
    from twin.outcome import METRICS as ALL

    metrics = [m for m in ALL if m.name in METRICS]
    table = [[case.name, *(_cell(case, i > 0, m) for m in metrics)] for i, case in enumerate(answer.cases)]
    columns = ["case", *(f"{m.title} [{m.unit}]" if m.unit else m.title for m in metrics)]
    s = answer.scenario
    title = (
        f"{s.facility}: {s.days:g} days, {s.runs} runs on common random numbers; change with 90 % interval"
    )
    show(title, columns, table)
    explain(m.name for m in metrics)


def _cell(case: "Case", changed: bool, metric) -> str:
    mean = f"{case.metrics[metric.name].mean():.{metric.digits}f}"
    return f"{mean}  {change(case.changes[metric.name]._asdict(), metric.digits)}" if changed else mean

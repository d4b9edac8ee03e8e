"""`beamtwin simulate`: years of a facility at its own law, or as a trained model expects them."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from dashboard.cli.arguments import count, positive, with_json, with_plot, with_seed
from dashboard.cli.commands import DONE, NEGATIVE
from dashboard.cli.console import explain, say, show
from dashboard.cli.progress import progress_bar

if TYPE_CHECKING:
    from dashboard.app.analyses import forecast, simulate

ORDER = 90
HELP = "years of a facility at its own law"
EXAMPLE = "beamtwin simulate storage-ring --years 1 --runs 64"
MOST = 10
"""Causes that are listed; all of them are in the JSON."""


def arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    add = parser.add_argument
    add("facility")
    add("--years", type=positive, default=1.0, help="of the facility's own user hours (default 1)")
    add("--runs", type=count, default=64, help="with --precise, the most (default 64)")
    add("--precise", metavar="METRIC=WIDTH[%]", help="run until half its 90 %% interval is so narrow")
    add("--engine", choices=["auto", "reference", "batched"], default="auto")
    add(
        "--model", metavar="ID", nargs="?", const="",
        help="as a trained model expects them, with what it does not know; 256 runs or more (default: in service)",
    )  # fmt: skip
    with_plot(parser, "the metrics over the runs, and what loses beam")
    with_seed(parser)
    with_json(parser)


def run(args: Namespace) -> int:
    """Simulate; status 1 if the wanted precision was not reached."""
    return _by_the_file(args) if args.model is None else _by_a_model(args)


def _by_the_file(args: Namespace) -> int:
    from dashboard.app.analyses import simulate
    from dashboard.app.store.files import write_json, write_text

    request = simulate.Request(args.facility, args.years, args.runs, args.precise, args.engine, args.seed)
    with progress_bar() as progress:
        answer = simulate.run(request, progress)
    on_which_engine(answer.lacks)
    _figures(answer)
    _causes(answer)
    if answer.precision:
        say(answer.precision)
    if args.json:
        write_json(simulate.as_json(answer), args.json)
    if args.plot:
        from dashboard.reports.simulate import document

        write_text(document(answer), args.plot)
    return DONE if answer.reached else NEGATIVE


def _by_a_model(args: Namespace) -> int:
    from dashboard.app.analyses import forecast
    from dashboard.app.store.files import write_json, write_text

    request = forecast.Request(
        args.facility, args.model or None, args.years, args.runs, args.engine, args.seed
    )
    with progress_bar() as progress:
        answer = forecast.run(request, progress)
    on_which_engine(answer.lacks)
    _forecast(answer)
    if args.json:
        write_json(forecast.as_json(answer), args.json)
    if args.plot:
        from dashboard.reports.simulate import foreseen

        write_text(foreseen(answer), args.plot)
    return DONE


def on_which_engine(lacks: list[str]) -> None:
    """Why the reference engine was taken, where it was."""
    if lacks:
        say(f"on the reference engine, since the batched one lacks: {'; '.join(lacks)}")


def _figures(answer: "simulate.Answer") -> None:
    """The metrics, what nine of ten runs had, and published figures beside them."""
    from twin.outcome import METRICS

    rows = []
    for metric in METRICS:
        (mean, low, high), digits = answer.figures[metric.name], metric.digits
        bad, _, good = (e.value for e in answer.quantiles[metric.name])
        rows.append((metric.title, f"{mean:.{digits}f}", f"{low:.{digits}f} ... {high:.{digits}f}",
                     f"{bad:.{digits}f} ... {good:.{digits}f}", metric.unit))  # fmt: skip
    columns = ["metric", "mean", "90 % interval of the mean", "9 of 10 runs", "unit"]
    of = f"{answer.runs} runs of {answer.years:g} year(s), {answer.engine} engine, seed {answer.seed}"
    show(f"{answer.facility.title}: {of}", columns, rows, (1, 2, 3))
    explain(metric.name for metric in METRICS)
    rows = [
        (c["metric"], f"{c['published']:g}",
         f"{c['twin'][0]:.2f} ({c['twin'][1]:.2f} ... {c['twin'][2]:.2f})", c["source"])
        for c in answer.published
    ]  # fmt: skip
    if rows:
        show("Against published statistics", ["metric", "published", "twin", "source"], rows, (1, 2))


def _causes(answer: "simulate.Answer") -> None:
    """What loses the users' beam: hours by root cause as simulated, importance as the tree has it."""
    if not answer.causes:
        return

    def percent(estimate) -> str:
        return f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f} ... {100 * estimate.high:.1f})"

    table = [
        (row["process"], f"{row['lost_h'].value:.2f}", percent(row["lost_share"]), percent(row["criticality"]),
         f"{row['birnbaum'].value:.3f}")
        for row in answer.causes[:MOST]
    ]  # fmt: skip
    title = f"What loses beam: the first {len(table)} of {len(answer.causes)} causes"
    columns = ["cause", "lost hours a run", "share, % (90 %)", "criticality, % (90 %)", "Birnbaum"]
    show(title, columns, table, (1, 2, 3, 4))


def _forecast(answer: "forecast.Answer") -> None:
    """One row a metric: its intervals, and what of a year's spread is chance and what is not knowing."""
    from twin.outcome import METRICS

    table = []
    for metric, row in zip(METRICS, answer.rows, strict=True):
        d = metric.digits
        source = f"{row.source} ({100 * row.source_share:.0f} %)" if row.source else ""
        table.append((
            f"{metric.title} [{metric.unit}]" if metric.unit else metric.title,
            f"{row.mean:.{d}f}",
            f"{row.low:.{d}f} ... {row.high:.{d}f}",
            f"{row.long_low:.{d}f} ... {row.long_high:.{d}f}",
            f"{row.chance:.{d + 1}f}", f"{row.parameters:.{d + 1}f}", f"{100 * row.share:.0f}", source,
        ))  # fmt: skip
    columns = ["metric", "mean", "this time (90 %)", "long run (90 %)", "chance", "not known", "%", "mostly"]
    show(
        f"{answer.facility.title}: {answer.years:g} year(s) as {answer.model} expects them",
        columns,
        table,
        (1, 2, 3, 4, 5, 6),
    )
    explain(metric.name for metric in METRICS)
    say(
        "This time: chance and what the log left unknown together. Long run: the true plant's mean, without chance.\n"
        "Chance, not known: standard deviation by cause, and the second one's share of the variance. Mostly: what\n"
        "of the unknown moves it most, with the share of its variance that goes along; empty where none stands out."
    )

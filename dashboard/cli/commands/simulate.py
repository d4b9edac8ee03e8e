"""`beamtwin simulate`: simulate years of a facility with the law of its file, or with that of a trained model."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from dashboard.cli.arguments import count, positive, with_json, with_plot, with_seed
from dashboard.cli.commands import DONE, NEGATIVE
from dashboard.cli.console import explain, print_line, show
from dashboard.cli.progress import progress_bar

if TYPE_CHECKING:
    from dashboard.app.analyses import forecast, simulate

ORDER = 90
HELP = "simulate years of a facility, with the law of its file or of a trained model"
EXAMPLE = "beamtwin simulate storage-ring --years 1 --runs 64"
MOST = 10
"""Number of causes that are printed; the JSON contains all."""


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    add = parser.add_argument
    add("facility")
    add("--years", type=positive, default=1.0, help="years of the facility's user hours (default 1)")
    add("--runs", type=count, default=64, help="number of runs; with --precise, the maximum (default 64)")
    add("--precise", metavar="METRIC=WIDTH[%]", help="run until half of the 90 %% interval is at most WIDTH")
    add(
        "--engine", choices=["auto", "reference", "batched"], default="auto",
        help="default auto: batched if it supports the facility, else reference",
    )  # fmt: skip
    add(
        "--model", metavar="ID", nargs="?", const="",
        help="use a trained model and its uncertainty, in 256 runs or more (without ID: the one in service)",
    )  # fmt: skip
    with_plot(parser, "the metrics over the runs, and user hours lost by cause")
    with_seed(parser)
    with_json(parser)


def run(args: Namespace) -> int:
    """Simulate; status 1 if the requested precision was not reached."""
    return _with_file_law(args) if args.model is None else _with_model(args)


def _with_file_law(args: Namespace) -> int:
    from dashboard.app.analyses import simulate
    from dashboard.app.store.files import write_json, write_text

    request = simulate.Request(args.facility, args.years, args.runs, args.precise, args.engine, args.seed)
    with progress_bar() as progress:
        answer = simulate.run(request, progress)
    on_which_engine(answer.lacks)
    _figures(answer)
    _causes(answer)
    if answer.precision:
        print_line(answer.precision)
    if args.json:
        write_json(simulate.as_json(answer), args.json)
    if args.plot:
        from dashboard.reports.simulate import document

        print_line(f"Plot: {write_text(document(answer), args.plot)}")
    return DONE if answer.reached else NEGATIVE


def _with_model(args: Namespace) -> int:
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
        from dashboard.reports.simulate import forecast_document

        print_line(f"Plot: {write_text(forecast_document(answer), args.plot)}")
    return DONE


def on_which_engine(lacks: list[str]) -> None:
    """Print why the reference engine is used, if it is."""
    if lacks:
        print_line(f"The reference engine is used, because the batched engine lacks: {'; '.join(lacks)}")


def _figures(answer: "simulate.Answer") -> None:
    """Print the metrics, the range of nine of ten runs, and a comparison with published statistics."""
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
    """Print user hours lost by root cause, with the importance measures of the fault tree."""
    if not answer.causes:
        return

    def percent(estimate) -> str:
        return f"{100 * estimate.value:.1f} ({100 * estimate.low:.1f} ... {100 * estimate.high:.1f})"

    table = [
        (row["process"], f"{row['lost_h'].value:.2f}", percent(row["lost_share"]), percent(row["criticality"]),
         f"{row['birnbaum'].value:.3f}")
        for row in answer.causes[:MOST]
    ]  # fmt: skip
    title = f"User hours lost by cause: the first {len(table)} of {len(answer.causes)} causes"
    columns = ["cause", "lost hours a run", "share, % (90 %)", "criticality, % (90 %)", "Birnbaum"]
    show(title, columns, table, (1, 2, 3, 4))


def _forecast(answer: "forecast.Answer") -> None:
    """Print one row for each metric: its intervals, and its spread split into chance and model uncertainty."""
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
    columns = [
        "metric",
        "mean",
        "this time (90 %)",
        "long run (90 %)",
        "chance",
        "unknown",
        "unknown, %",
        "main source",
    ]
    show(
        f"{answer.facility.title}: {answer.years:g} year(s) forecast by {answer.model}",
        columns,
        table,
        (1, 2, 3, 4, 5, 6),
    )
    explain(metric.name for metric in METRICS)
    print_line(
        "This time: chance and model uncertainty together. Long run: the mean of the true plant, without chance.\n"
        "Chance, unknown: standard deviations from chance and from what the log leaves unknown, and the share of\n"
        "the latter in the variance. Main source: the unknown input that explains most of that variance, with its\n"
        "share; empty where none stands out."
    )

"""`beamtwin resample`: resample a log to a regular clock, as a run-log or as one CSV or Parquet table."""

from argparse import ArgumentParser, Namespace

from dashboard.cli.arguments import span, with_json
from dashboard.cli.commands import DONE
from dashboard.cli.console import print_line, show
from dashboard.cli.progress import progress_bar

ORDER = 60
HELP = "resample a log to a regular clock, as a run-log or as one CSV or Parquet table"
EXAMPLE = "beamtwin resample log.h5 -o hours.csv --every 1h --how mean"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("log")
    parser.add_argument("-o", "--output", required=True, help="file that ends in .h5, .csv or .parquet")
    parser.add_argument(
        "--every", type=span, required=True, metavar="SPAN", help="width of the bins, like 30s, 10min, 1h, 1d"
    )
    parser.add_argument(
        "--how", choices=["mean", "last", "min", "max"], default="mean",
        help="statistic of a bin (default mean; setpoints, states and counters then take last)",
    )  # fmt: skip
    parser.add_argument("--judged", action="store_true", help="leave out stuck sensors and spikes too")
    with_json(parser)


def run(args: Namespace) -> int:
    """Resample, and print how many samples of each channel were used."""
    from dashboard.app.analyses import resample
    from dashboard.app.store.files import write_json

    request = resample.Request(args.log, args.output, args.every, args.how, args.judged)
    with progress_bar() as progress:
        answer = resample.run(request, progress)
    accounts = answer.accounts
    read, used = (sum(getattr(a, key) for a in accounts) for key in ("read", "used"))
    print_line(
        f"{answer.path}: {len(accounts)} channels in {answer.bins:,} bins; {used:,} of {read:,} samples used."
    )
    print_line("The others are unusable (`beamtwin check` says why) or come after the last full bin.")
    rows = [
        (a.name, a.statistic, f"{a.read:,}", f"{a.used:,}", f"{a.read - a.used:,}", f"{a.empty:,}")
        for a in accounts
    ]
    columns = ["channel", "statistic", "samples read", "used", "left out", "bins without a value"]
    show("Channels", columns, rows, (2, 3, 4, 5))
    if args.json:
        write_json(resample.as_json(answer), args.json)
    return DONE

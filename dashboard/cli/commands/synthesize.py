"""`beamtwin synthesize`: simulate an operations log of a hidden plant."""

from argparse import ArgumentParser, Namespace

from dashboard.cli.arguments import positive, with_seed
from dashboard.cli.commands import DONE
from dashboard.cli.console import print_line
from dashboard.cli.progress import progress_bar

ORDER = 30
HELP = "simulate an operations log of a hidden plant, whose physics differs from the facility file"
EXAMPLE = "beamtwin synthesize storage-ring -o log.h5 --days 240 --seed 1"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("facility")
    parser.add_argument("-o", "--output", required=True, metavar="LOG")
    parser.add_argument("--days", type=positive, default=240.0, help="length of the log (default 240)")
    span = parser.add_mutually_exclusive_group()
    span.add_argument(
        "--start", metavar="TIME", help="first moment, ISO 8601 (default: so that the log ends now)"
    )
    span.add_argument(
        "--end", metavar="TIME", help="last moment, ISO 8601; the log begins at a whole hour of UTC"
    )
    with_seed(parser)


def run(args: Namespace) -> int:
    """Simulate and write a log."""
    from dashboard.app.analyses import synthesize

    request = synthesize.Request(args.facility, args.output, args.start, args.end, args.days, args.seed)
    with progress_bar() as progress:
        made = synthesize.run(request, progress)
    print_line(
        f"{made.path}: {made.days:g} days of {made.facility}, {made.samples:,} samples, {made.faults} faults, "
        f"seed {made.seed}."
    )
    return DONE

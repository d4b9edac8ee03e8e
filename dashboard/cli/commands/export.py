"""`beamtwin export`: write a log as NeXus NXlog, or as a folder of CSV or Parquet tables."""

from argparse import ArgumentParser, Namespace

from dashboard.cli.commands import DONE
from dashboard.cli.console import print_line

ORDER = 50
HELP = "write a log as NeXus NXlog, or as a folder of CSV or Parquet tables"
EXAMPLE = "beamtwin export log.h5 -o log.nxs --kind nxlog"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("log")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--kind", choices=["nxlog", "csv", "parquet"], required=True)


def run(args: Namespace) -> int:
    """Export a log."""
    from replay_data.export import export
    from replay_data.runlog import open_log

    with open_log(args.log) as log:
        export(log, args.output, args.kind)
        print_line(f"{args.output}: {len(log.names)} channels of {args.log} and its tables.")
    return DONE

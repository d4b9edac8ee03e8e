"""`beamtwin import`: convert a log of another format into a run-log."""

from argparse import ArgumentParser, Namespace

from dashboard.cli.arguments import positive, with_json
from dashboard.cli.commands import DONE
from dashboard.cli.console import print_line, show
from dashboard.cli.progress import progress_bar

ORDER = 40
HELP = "import a log from files of another format or from an archiver"
EXAMPLE = "beamtwin import data.csv -o log.h5 --map map.toml"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    add = parser.add_argument
    add("source", help="a file, a folder of files, or the address of an EPICS Archiver Appliance")
    add("-o", "--output", required=True, metavar="LOG")
    add("--map", metavar="MAP.toml", help="map from columns to channels (docs/importers.md)")
    add("--facility", help="without a map: import all channels that the source describes, for this facility")
    add("--from", dest="begin", metavar="TIME", help="begin of the range of an archiver, ISO 8601")
    add("--to", dest="end", metavar="TIME", help="end of the range, ISO 8601")
    add("--pv", action="append", default=[], help="PV of an archiver, without a map; may be repeated")
    add("--chunk-h", type=positive, default=24.0, help="hours of each request to an archiver (default 24)")
    with_json(parser)


def run(args: Namespace) -> int:
    """Import a log. An interrupted import from an archiver is resumed."""
    from dashboard.app.analyses import import_log
    from dashboard.app.store.files import write_json

    request = import_log.Request(
        args.source, args.output, args.map, args.facility, args.begin, args.end, tuple(args.pv), args.chunk_h
    )
    with progress_bar() as progress:
        account = import_log.run(request, progress)
    used = f"{account.rows_used:,} of {account.rows_read:,} {account.counted} used"
    print_line(f"{account.path}: {used}, {len(account.channels)} channels.")
    if account.defects:
        rows = [(d.severity, d.where, d.what, d.samples, d.action, d.detail) for d in account.defects]
        columns = ["severity", "where", "what", "count", "action", "detail"]
        show("Not used, or changed", columns, rows, (3,))
    if args.json:
        write_json(import_log.as_json(account), args.json)
    return DONE

"""`beamtwin import`: bring a foreign log in."""

from argparse import ArgumentParser, Namespace

from dashboard.cli.arguments import positive, with_json
from dashboard.cli.commands import DONE
from dashboard.cli.console import say, show
from dashboard.cli.progress import progress_bar

ORDER = 40
HELP = "bring a foreign log in"
EXAMPLE = "beamtwin import data.csv -o log.h5 --map map.toml"


def arguments(parser: ArgumentParser) -> None:
    """What the command takes."""
    add = parser.add_argument
    add("source", help="a file, a folder of files, or the address of an EPICS Archiver Appliance")
    add("-o", "--output", required=True, metavar="LOG")
    add("--map", metavar="MAP.toml", help="which column is which channel (docs/importers.md)")
    add("--facility", help="without a map: take all that the source describes, as of this facility")
    add("--from", dest="begin", metavar="TIME", help="of an archiver: ISO 8601")
    add("--to", dest="end", metavar="TIME")
    add("--pv", action="append", default=[], help="of an archiver, without a map; again for more")
    add("--chunk-h", type=positive, default=24.0, help="hours a request (default 24)")
    with_json(parser)


def run(args: Namespace) -> int:
    """Import; of an archiver, a command that was stopped goes on where it was."""
    from dashboard.app.analyses import import_log
    from dashboard.app.store.files import write_json

    request = import_log.Request(
        args.source, args.output, args.map, args.facility, args.begin, args.end, tuple(args.pv), args.chunk_h
    )
    with progress_bar() as progress:
        account = import_log.run(request, progress)
    used = f"{account.rows_used:,} of {account.rows_read:,} {account.counted} used"
    say(f"{account.path}: {used}, {len(account.channels)} channels.")
    if account.defects:
        rows = [(d.severity, d.where, d.what, d.samples, d.action, d.detail) for d in account.defects]
        columns = ["severity", "where", "what", "count", "action", "detail"]
        show("Not used, or used otherwise", columns, rows, (3,))
    if args.json:
        write_json(import_log.as_json(account), args.json)
    return DONE

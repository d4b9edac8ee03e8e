"""`beamtwin facilities`: list the built-in facilities."""

from argparse import ArgumentParser, Namespace

from dashboard.cli.arguments import with_json
from dashboard.cli.commands import DONE
from dashboard.cli.console import show

ORDER = 10
HELP = "list the built-in facilities"
EXAMPLE = "beamtwin facilities"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    with_json(parser)


def run(args: Namespace) -> int:
    """Print one row for each facility."""
    from twin.facility import built_in, load

    found = [load(name) for name in built_in()]
    rows = [
        (f.name, f.title, len(f.knob), len(f.quantity), len(f.process_names), len(f.beamline)) for f in found
    ]
    columns = ["name", "title", "knobs", "quantities", "failure processes", "beamlines"]
    show("Built-in facilities", columns, rows, (2, 3, 4, 5))
    if args.json:
        from dashboard.app.store.files import write_json

        write_json([f.model_dump() for f in found], args.json)
    return DONE

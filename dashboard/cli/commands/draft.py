"""`beamtwin draft`: draft a facility file and an import map from a table or log, with every guess marked."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from dashboard.cli.commands import DONE
from dashboard.cli.console import print_line

ORDER = 35
HELP = "draft a facility file and an import map from a table or log of your own"
EXAMPLE = "beamtwin draft data.csv -o facility.toml --map map.toml"
MARK = "# guessed:"


def arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("source", help="a file, a folder of files, or a run-log")
    parser.add_argument("-o", "--output", required=True, metavar="FACILITY.toml")
    parser.add_argument(
        "--map", metavar="MAP.toml", help="import map to write (not for a run-log, which needs no import)"
    )
    parser.add_argument(
        "--table", metavar="PATH", help="table of an HDF5 file with several (default: the longest)"
    )
    parser.add_argument("--name", help="name of the facility (default: that of the source)")


def run(args: Namespace) -> int:
    """Write both files; existing files are not overwritten."""
    from dashboard.app.store.files import write_text
    from replay_data.draft import draft
    from twin.errors import UserError

    wanted = [path for path in (args.output, args.map) if path]
    if len({Path(path).resolve() for path in wanted}) < len(wanted):
        raise UserError(f"{args.output}: both -o and --map would write it; choose another name for one")
    for path in wanted:
        if Path(path).exists():
            raise UserError(f"{path} exists already; choose another name, or remove it first")
    made = draft(args.source, args.name, args.table)
    if made.map is None and args.map:
        raise UserError(f"{args.source} is a run-log already, which needs no import: leave out --map")
    if made.map is not None and not args.map:
        raise UserError(f"{args.source} needs an import map: say where to write it, --map MAP.toml")
    for path, text in zip(wanted, (made.facility, made.map), strict=False):
        write_text(text or "", path)
    _report(args, made)
    return DONE


def _report(args: Namespace, made) -> None:
    """Print what was drafted, and the next commands."""
    found = ", ".join(f"{count} {role}{'s' if count > 1 else ''}" for role, count in made.roles.items())
    files = args.output + (f" and {args.map}" if made.map else "")
    print_line(f"{files}: facility {made.name!r}; {found.replace('quantitys', 'quantities')}.")
    print_line(f"{made.guesses} guesses are marked {MARK!r}; correct them where needed. Then:")
    print_line(f"  beamtwin check {args.output}")
    if made.map:
        log = f"{made.name}.h5"
        print_line(f"  beamtwin import {args.source} -o {log} --map {args.map}")
        print_line(f"  beamtwin check {log} --facility {args.output}")
        print_line(f"  beamtwin train {args.output} {log}")

"""The command `beamtwin`: it runs one of the commands; exit status 0, 1 (negative result) or 2 (mistake)."""

import argparse
import errno
import os
import sqlite3
import sys
from collections.abc import Sequence

from dashboard.cli.commands import commands

MISTAKE = 2
FILES = FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError
DISK = errno.ENOSPC, errno.EEXIST


def parser() -> argparse.ArgumentParser:
    """All commands with their arguments."""
    top = argparse.ArgumentParser(
        "beamtwin", description="Digital twin and operations optimizer for accelerators and their beamlines."
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, command in commands().items():
        one = verbs.add_parser(
            name, help=command.HELP, description=command.HELP, epilog=f"example: {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        command.arguments(one)
        one.set_defaults(command=command)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    args = parser().parse_args(arguments)
    try:
        _prepare()
        from dashboard.cli.outputs import check_outputs

        check_outputs(args)
        return args.command.run(args)
    except (ValueError, OSError, sqlite3.Error) as error:
        if not _by_user(error):
            raise
        print(f"beamtwin: {_words(error, args)}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        return 130


def _by_user(error: Exception) -> bool:
    """Whether a user can mend it: a mistake of theirs, a file, a full disk, the ledger; no defect of this program."""
    from twin.errors import UserError

    if isinstance(error, OSError):
        return isinstance(error, FILES) or error.filename is not None or error.errno in DISK
    if isinstance(error, sqlite3.Error):
        return not isinstance(error, sqlite3.ProgrammingError)
    return isinstance(error, UserError)


def _words(error: Exception, args: argparse.Namespace) -> str:
    """A mistake in one line; SQLite's own words name no file."""
    if not isinstance(error, sqlite3.Error):
        return str(error)
    from twin.home import home

    if args.verb == "import":
        return f"what was fetched for {args.output} so far cannot be read or written: {error}"
    return f"the ledger {home() / 'ledger.sqlite'} cannot be read or written: {error}"


def _prepare() -> None:
    """Keep compiled programs between commands; one BLAS thread, since more fight with JAX's own for the cores."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from twin.jax_setup import keep_compiled

    keep_compiled()

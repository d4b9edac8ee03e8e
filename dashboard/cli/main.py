"""The command `beamtwin`: parses the arguments, runs one command; exit status 0, 1 (negative result) or 2 (mistake)."""

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
    """The argument parser with all commands."""
    top = argparse.ArgumentParser(
        "beamtwin", description="Digital twin and operations optimizer for accelerators and their beamlines."
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for name, command in commands().items():
        one = verbs.add_parser(
            name, help=command.HELP, description=command.HELP, epilog=f"example: {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        command.arguments(one)
        one.set_defaults(command=command)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    args = parser().parse_args(arguments)
    try:
        _prepare()
        from dashboard.cli.outputs import check_outputs

        check_outputs(args)
        return args.command.run(args)
    except (ValueError, OSError, sqlite3.Error) as error:
        if not _is_users(error):
            raise
        print(f"beamtwin: {_message(error, args)}", file=sys.stderr)
        return MISTAKE
    except MemoryError as error:
        print(f"beamtwin: this needs more memory than there is ({error}): ask for less", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        return 130


def _is_users(error: Exception) -> bool:
    """Whether a user can correct the error (input, file, full disk, ledger); others are defects of this program."""
    from twin.errors import UserError

    if isinstance(error, OSError):
        return isinstance(error, FILES) or error.filename is not None or error.errno in DISK
    if isinstance(error, sqlite3.Error):
        return not isinstance(error, sqlite3.ProgrammingError)
    return isinstance(error, UserError)


def _message(error: Exception, args: argparse.Namespace) -> str:
    """The error in one line. Messages of SQLite do not name the file, so it is added."""
    if not isinstance(error, sqlite3.Error):
        return str(error)
    from twin.home import home

    if args.verb == "import":
        return f"the partial download for {args.output} cannot be read or written: {error}"
    return f"the ledger {home() / 'ledger.sqlite'} cannot be read or written: {error}"


def _prepare() -> None:
    """Cache compiled programs on disk. Use one BLAS thread: more would compete with the threads of JAX."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from twin.jax_setup import keep_compiled

    keep_compiled()

"""The command line: every verb and its arguments; exit status 0, 1 (negative result) or 2 (mistake)."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence

from dashboard.arguments import VERBS

MISTAKE = 2


def parser() -> argparse.ArgumentParser:
    """All verbs with their arguments."""
    top = argparse.ArgumentParser(
        "beamtwin", description="Digital twin and operations optimizer for accelerators and their beamlines."
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for add in VERBS:
        add(verbs)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    args = parser().parse_args(arguments)
    try:
        _prepare()
        from dashboard import verbs

        return getattr(verbs, args.function)(args)
    except (ValueError, OSError) as error:
        if not _by_user(error):
            raise
        print(f"beamtwin: {error}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        return 130


def _by_user(error: Exception) -> bool:
    from twin import UserError

    return isinstance(
        error, (UserError, FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
    )


def _prepare() -> None:
    """Keep compiled programs between commands; one BLAS thread, since more fight with JAX's own for the cores."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Another command may have left a program half-written; it is then compiled again.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache")
    from surrogate.registry import home

    folder = home() / "compiled"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

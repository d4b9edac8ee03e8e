"""The commands, one file each: a file in this folder is a command, called as the file is.

A command has ``ORDER`` (its place in the list of commands), ``HELP`` (one line), ``EXAMPLE``, ``arguments(parser)``
and ``run(args)``, which gives the exit status. What it needs beyond the standard library, the shared arguments and
the console it imports in ``run``: every command is imported to list them, and that must cost nothing.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

DONE, NEGATIVE = 0, 1
"""Exit statuses: done, and done with a negative result (2 is a mistake in what was given)."""


def commands() -> dict[str, Any]:
    """Each command's module by its name, in their order; a name that is a word of Python ends in "_" as a file."""
    found = {m.name.rstrip("_"): import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__)}
    return dict(sorted(found.items(), key=lambda row: row[1].ORDER))

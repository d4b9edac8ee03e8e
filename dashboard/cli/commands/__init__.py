"""The commands, one file each: a file in this folder is a command with the name of the file.

A command has ``ORDER`` (its place in the list of commands), ``HELP`` (one line), ``EXAMPLE``, ``arguments(parser)``
and ``run(args)``, which returns the exit status. Every command is imported to list them, and that must be fast.
So a command imports analyses, reports and numerical packages inside ``run``.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

DONE, NEGATIVE = 0, 1
"""Exit statuses: done, and done with a negative result (2 is a mistake in the input)."""


def commands() -> dict[str, Any]:
    """The module of each command by name, sorted by ORDER. The file ``import_.py`` is the command ``import``."""
    found = {m.name.rstrip("_"): import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__)}
    return dict(sorted(found.items(), key=lambda row: row[1].ORDER))

"""What an importer is: the files it knows, and how it reads them as rows or as signals."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from replay_data.sources import Columns, Signals

if TYPE_CHECKING:
    from replay_data.mapping import ImportMap


def always(path: Path) -> bool:
    """For a suffix of one format only: its reader says what is wrong with a file."""
    return True


@dataclass(frozen=True)
class Rows:
    """A format whose rows share one clock: a map says which column is what, or ``deduce`` reads it from the file.

    ``read(path, columns wanted, table) -> Columns``; ``deduce(path, facility) -> ImportMap``.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, list[str], str | None], Columns]
    knows: Callable[[Path], bool] = always
    folder: bool = False  # whether it reads a folder as one thing: those that ``knows`` knows
    deduce: Callable[[Path, str], "ImportMap"] | None = None


@dataclass(frozen=True)
class Channels:
    """A format of signals with clocks, units and names of their own.

    ``read(path, names wanted or None for all, map or None) -> Signals``. The map is handed over for the
    few formats that need a clock from it.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, list[str] | None, "ImportMap | None"], Signals]
    knows: Callable[[Path], bool] = always
    folder: bool = False  # whether it reads a folder as one thing: those that ``knows`` knows
    takes_clock: bool = False  # whether [time] of the map may be the clock

"""The definition of an importer: the files it recognises, and how it reads them as rows or as signals."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from replay_data.sources import Columns, Signals

if TYPE_CHECKING:
    from replay_data.mapping import ImportMap


def always(path: Path) -> bool:
    """Accept every file: for a suffix that only one format uses. Its reader reports defects of the file."""
    return True


@dataclass(frozen=True)
class Rows:
    """A format whose rows share one clock. A map assigns the columns, or ``deduce`` makes the map from the file.

    ``read(path, columns wanted, table) -> Columns``; ``deduce(path, facility) -> ImportMap``.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, list[str], str | None], Columns]
    accepts: Callable[[Path], bool] = always
    folder: bool = False  # whether it reads whole folders, those for which ``accepts`` is true
    deduce: Callable[[Path, str], "ImportMap"] | None = None


@dataclass(frozen=True)
class Channels:
    """A format of signals, each with its own clock, unit and name.

    ``read(path, names wanted or None for all, map or None) -> Signals``. Only formats without a clock of
    their own use the map, for [time].
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, list[str] | None, "ImportMap | None"], Signals]
    accepts: Callable[[Path], bool] = always
    folder: bool = False  # whether it reads whole folders, those for which ``accepts`` is true
    takes_clock: bool = False  # whether [time] of the map may define the clock

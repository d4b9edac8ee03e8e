"""Every importer in one table, and which of them a source is for."""

from pathlib import Path

from replay_data.formats.archiver import ARCHIVER
from replay_data.formats.badger import BADGER
from replay_data.formats.bluesky import BLUESKY
from replay_data.formats.columnar import COLUMNAR
from replay_data.formats.csv_rows import CSV
from replay_data.formats.euxfel import EUXFEL
from replay_data.formats.flash import FLASH
from replay_data.formats.nxlog import NXLOG
from replay_data.formats.package import DESCRIPTOR, PACKAGE
from replay_data.formats.parquet import PARQUET
from replay_data.formats.protocol import Channels, Rows
from replay_data.formats.sdds_pages import SDDS
from twin.errors import UserError

FORMATS: tuple[Rows | Channels, ...] = (
    CSV, PARQUET, SDDS, BADGER, BLUESKY, ARCHIVER, EUXFEL, NXLOG, FLASH, COLUMNAR, PACKAGE,
)  # fmt: skip
"""In the order in which a file is offered to them: those that look inside come before those that take all."""

SUFFIXES = tuple(dict.fromkeys(suffix for one in FORMATS for suffix in one.suffixes))

__all__ = ["FORMATS", "SUFFIXES", "Channels", "Rows", "files_of", "find"]


def files_of(source: Path) -> list[Path]:
    """The file, or the files that any importer reads in a folder (one export is a single thing)."""
    if not source.exists():
        raise UserError(f"{source}: no such file to import")
    if not source.is_dir() or (source / DESCRIPTOR).is_file():
        return [source]
    found = sorted(p for p in source.iterdir() if p.is_file() and p.name.lower().endswith(SUFFIXES))
    if not found:
        raise UserError(f"{source}: a folder without a file to import; known are: {', '.join(SUFFIXES)}")
    return found


def find(path: Path, table: str | None) -> Rows | Channels:
    """The importer of a file (or of an exported folder); a ``table`` in the map means rows."""
    if path.is_dir():
        return PACKAGE
    fits = [one for one in FORMATS if path.name.lower().endswith(one.suffixes)]
    if not fits:
        what = path.suffix or "files without a suffix"
        raise UserError(f"{path}: no importer for {what}; known are: {', '.join(SUFFIXES)}")
    tables = [one for one in fits if isinstance(one, Rows)] if table is not None else []
    return next(one for one in tables or fits if one.knows(path))

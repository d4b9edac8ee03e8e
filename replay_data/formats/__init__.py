"""All importers, found in the files of this package, and the choice of the one that reads a source.

A new importer is one new file here with a ``Rows`` or a ``Channels`` (``replay_data.formats.protocol``).
"""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from replay_data.formats.protocol import Channels, Rows, always
from twin.errors import UserError

__all__ = ["FORMATS", "SUFFIXES", "Channels", "Rows", "discovered", "files_of", "find"]


def discovered() -> tuple[Rows | Channels, ...]:
    """The importers in the order in which they are tried: those that inspect the content come first."""
    modules = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__)]
    found = [one for module in modules for one in vars(module).values() if isinstance(one, Rows | Channels)]
    return tuple(sorted(dict.fromkeys(found), key=lambda one: one.accepts is always))


FORMATS = discovered()
SUFFIXES = tuple(dict.fromkeys(suffix for one in FORMATS for suffix in one.suffixes))


def files_of(source: Path) -> list[Path]:
    """The file, or the readable files of a folder (an exported folder counts as one file)."""
    if not source.exists():
        raise UserError(f"{source}: no such file to import")
    if not source.is_dir() or _of_folder(source):
        return [source]
    found = sorted(p for p in source.iterdir() if p.is_file() and p.name.lower().endswith(SUFFIXES))
    if not found:
        raise UserError(f"{source}: a folder without a file to import; known suffixes: {', '.join(SUFFIXES)}")
    return found


def find(path: Path, table: str | None) -> Rows | Channels:
    """The importer of a file (or of an exported folder); a ``table`` in the map means rows."""
    if path.is_dir():
        return _of_folder(path)[0]
    fits = [one for one in FORMATS if path.name.lower().endswith(one.suffixes)]
    if not fits:
        what = path.suffix or "files without a suffix"
        raise UserError(f"{path}: no importer for {what}; known suffixes: {', '.join(SUFFIXES)}")
    tables = [one for one in fits if isinstance(one, Rows)] if table is not None else []
    return next(one for one in tables or fits if one.accepts(path))


def _of_folder(path: Path) -> list[Rows | Channels]:
    return [one for one in FORMATS if one.folder and one.accepts(path)]

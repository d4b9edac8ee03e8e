"""Draft the texts of a facility file and of its import map from a source."""

import re
from dataclasses import dataclass
from pathlib import Path

from replay_data.draft import facility, layout, roles
from replay_data.draft.facility import Item
from replay_data.draft.source import IN_NAME, Column, read_log, read_source
from replay_data.formats.names import channel_names
from replay_data.mapping import ImportMap
from replay_data.runlog import is_runlog, open_log
from twin import built_in
from twin.errors import UserError
from twin.facility import parse
from twin.tomlfile import validated


@dataclass(frozen=True)
class Draft:
    """The texts of a facility file and an import map (None for a run-log, which needs no map), and their guesses."""

    name: str
    facility: str
    map: str | None
    roles: dict[str, int]  # columns by role
    guesses: int


def draft(source: str | Path, name: str | None = None, table: str | None = None) -> Draft:
    """Draft a facility and an import map from a foreign file, a folder of them or a run-log.

    ``name`` is the facility's (default: from the file name); ``table`` selects a table of an HDF5 file. Both
    texts are valid: the map imports the source, and the facility matches the resulting log. Raises UserError if
    nothing can be drafted.
    """
    path = Path(source)
    if str(source).startswith(("http://", "https://")):
        raise UserError(f"{source}: draft reads files; save an answer of the archiver, and draft from that")
    ready = path.is_file() and is_runlog(path)
    if ready:
        with open_log(path) as log:
            found = read_log(log)
        name = found.facility
    else:
        found = read_source(path, table)
    named = _facility_name(name or path.name.split(".")[0])
    guesses = roles.guess(found.columns)
    items, left = _items(guesses)
    if not items:
        raise UserError(f"{path}: none of its columns holds numbers; nothing can be drafted from it")
    text = facility.text(named, path.name, found, items)
    plan = None if ready else layout.text(named, path.name, found, items, left)
    _ = parse(text, Path("the drafted facility"))
    if plan is not None:
        _ = validated(ImportMap, plan, Path("the drafted map"), "map")
    counted = {role: sum(item.guess.role == role for item in items) for role in dict.fromkeys(_roles(items))}
    return Draft(named, text, plan, counted, text.count("# guessed: ") + (plan or "").count("# guessed: "))


def _roles(items: list[Item]) -> list[str]:
    return [item.guess.role for item in items]


def _items(guesses: list[roles.Guess]) -> tuple[list[Item], list[roles.Guess]]:
    """The columns that become channels, with their names, and the columns that are left out."""
    used = [guess for guess in guesses if guess.role]
    names = channel_names([guess.column.channel or _bare(guess.column) for guess in used])
    return [Item(n, g) for n, g in zip(names, used, strict=True)], [g for g in guesses if not g.role]


def _bare(column: Column) -> str:
    """The name of a column without the unit that is written in it."""
    return column.title if column.unit_why == IN_NAME else column.name


def _facility_name(text: str) -> str:
    """A valid facility name: lower-case letters, digits and hyphens, not that of a built-in facility."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "facility"
    name = name if name[0].isalpha() else f"f-{name}"
    return f"my-{name}" if name in built_in() else name

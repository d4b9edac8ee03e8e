"""The text of a drafted import map: the column of each channel, and the columns that are left out."""

from replay_data.draft.facility import Item
from replay_data.draft.roles import Guess
from replay_data.draft.source import Source
from replay_data.draft.words import GUESSED, line, lines, plain

HEAD = """\
# An import map drafted from {source} (docs/importers.md explains each key). Each guess is marked with
# "# guessed: why": correct it, then remove the mark."""
LEFT = 60  # at most so many of the columns left out are listed


def text(name: str, source: str, found: Source, items: list[Item], left: list[Guess]) -> str:
    """The text of the map."""
    parts = [
        HEAD.format(source=plain(source)).splitlines(),
        [line("facility", name), *lines(found.head, found.head_why)],
        *([["[time]", *lines(found.time, found.time_why)]] if found.time else []),
        *(["[[where]]", *lines(where)] for where in found.where),
        *(_channel(item) for item in items),
        *([_left(left)] if left else []),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _channel(item: Item) -> list[str]:
    column = item.column
    return [
        "[[channel]]", line("name", item.name), line("column", column.name), line("unit", column.unit, column.unit_why),
        line("role", item.guess.role, item.guess.why), line("title", item.title),
    ]  # fmt: skip


def _left(left: list[Guess]) -> list[str]:
    """The columns that do not become channels, and why."""
    more = [f"#   and {len(left) - LEFT} more"] if len(left) > LEFT else []
    return [
        f"{GUESSED}these columns do not become channels:",
        *(f"#   {plain(g.column.name)}: {g.why}" for g in left[:LEFT]),
        *more,
    ]

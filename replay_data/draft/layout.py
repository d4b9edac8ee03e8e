"""The text of an import map: which column becomes which channel, and what is left out."""

from replay_data.draft.facility import Item
from replay_data.draft.roles import Guess
from replay_data.draft.seen import Source
from replay_data.draft.words import GUESSED, line, lines, plain

HEAD = """\
# An import map sketched from {source} (docs/importers.md says what each key means). Each guess is marked with
# "# guessed: why": change what is wrong, then remove the mark."""
LEFT = 60  # columns left out that are named


def text(name: str, source: str, seen: Source, items: list[Item], left: list[Guess]) -> str:
    """The whole file."""
    parts = [
        HEAD.format(source=plain(source)).splitlines(),
        [line("facility", name), *lines(seen.head, seen.head_why)],
        *([["[time]", *lines(seen.time, seen.time_why)]] if seen.time else []),
        *(["[[where]]", *lines(where)] for where in seen.where),
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
    """The columns that no channel is made of, and why."""
    more = [f"#   and {len(left) - LEFT} more"] if len(left) > LEFT else []
    return [
        f"{GUESSED}no channel is made of:",
        *(f"#   {plain(g.column.name)}: {g.why}" for g in left[:LEFT]),
        *more,
    ]

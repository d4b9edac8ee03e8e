"""Lines of a TOML file that is meant to be read and changed: keys with values, and why each was guessed."""

import json
import re
from collections.abc import Mapping

GUESSED = "# guessed: "


def line(key: str, value: object, why: str = "") -> str:
    """``key = value``, with the mark of a guess behind it."""
    return f"{key} = {toml(value)}{'  ' + GUESSED + plain(why) if why else ''}"


def lines(keys: Mapping[str, object], why: Mapping[str, str] | None = None) -> list[str]:
    """A line for each key; ``why`` those that were guessed are so."""
    return [line(key, value, (why or {}).get(key, "")) for key, value in keys.items()]


def toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | int):
        return f"{value:.12g}"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def plain(text: str) -> str:
    """Text that may stand in a comment: one line without control characters."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)

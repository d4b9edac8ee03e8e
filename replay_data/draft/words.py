"""Lines of a TOML file for people to edit: keys with values, and the reason for each guess."""

import json
import re
from collections.abc import Mapping

GUESSED = "# guessed: "


def line(key: str, value: object, why: str = "") -> str:
    """``key = value``, followed by the mark of a guess if there is a reason ``why``."""
    return f"{key} = {toml(value)}{'  ' + GUESSED + plain(why) if why else ''}"


def lines(keys: Mapping[str, object], why: Mapping[str, str] | None = None) -> list[str]:
    """One line per key; ``why`` holds the reasons for the guessed ones."""
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
    """Text for a comment: one line without control characters."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)

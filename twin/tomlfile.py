"""Reading and checking a TOML file against its schema: facilities, scenarios and import maps."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from twin.errors import UserError

Model = TypeVar("Model", bound=BaseModel)


def read_text(path: Path) -> str:
    """The text of a file; UserError if it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not text in UTF-8 (byte {error.start}); save it as UTF-8") from None


def validated(model: type[Model], text: str, path: Path, whole: str) -> Model:
    """A model from TOML text; UserError names the file and every defective table and key at once.

    ``whole`` is the name used for an error that concerns no single key.
    """
    tables = {}
    try:
        tables = tomllib.loads(text)
        return model.model_validate(tables)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        raise UserError(f"{path}: {in_words(error, whole, tables)}") from None


def in_words(error: ValidationError, whole: str, tables: Any = None) -> str:
    """All errors of a schema, each with its key and value; ``whole`` is used for an error without a single key."""
    return "; ".join(_in_words(e, whole) + _named(e["loc"], tables) for e in error.errors())


def _named(place: tuple, tables: Any) -> str:
    """The names of the listed tables on the path to a key: `` (subsystem 'rf', mode 'trip')``."""
    names, here = [], tables
    for n, part in enumerate(place):
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            break
        if isinstance(part, int) and isinstance(here, dict) and "name" in here:
            names.append(f"{place[n - 1]} {here['name']!r}")
    return f" ({', '.join(names)})" if names else ""


def _in_words(error: Any, whole: str) -> str:
    """One pydantic error as key, value and message."""
    place = ".".join(str(part) for part in error["loc"]) or whole
    value = "" if isinstance(error["input"], (dict, list)) else f" = {error['input']!r}"
    if error["type"] == "extra_forbidden":
        return f"{place}{value}: {error['msg']}: unknown key or table here; correct its name or remove it"
    return f"{place}{value}: {error['msg'].removeprefix('Value error, ')}"

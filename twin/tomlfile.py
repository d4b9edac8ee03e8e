"""A TOML file against its schema: the one way in which facilities, scenarios and import maps are read."""

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

    ``whole`` is what an error about no single key is laid to.
    """
    try:
        return model.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        raise UserError(f"{path}: " + "; ".join(_in_words(e, whole) for e in error.errors())) from None


def _in_words(error: Any, whole: str) -> str:
    """One pydantic error as place, value and complaint."""
    place = ".".join(str(part) for part in error["loc"]) or whole
    value = "" if isinstance(error["input"], (dict, list)) else f" = {error['input']!r}"
    if error["type"] == "extra_forbidden":
        return f"{place}{value}: {error['msg']}: unknown key or table here; correct its name or remove it"
    return f"{place}{value}: {error['msg'].removeprefix('Value error, ')}"

"""Reading of recommendations from JSON, versions 1 and 2; a defective file is refused with one line."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from controllers.recommendation import first_version
from controllers.recommendation.document import SCHEMA, Recommendation
from twin import UserError

MEND = "make a new one with `beamtwin recommend`"


def read(path: str | Path) -> Recommendation:
    """The recommendation in a file.

    Raises UserError that names the file, the first defective key and its value.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is no recommendation that can be read: {error}; {MEND}") from None
    return from_json(values, str(path))


def from_json(values: Any, where: str) -> Recommendation:
    """The recommendation from JSON values of either version; it keeps them, so its digest is that of the file.

    Raises UserError that names ``where`` the values come from, the first defective key and its value.
    """
    try:
        return Recommendation.from_stored(_present_form(values), values)
    except ValidationError as error:
        raise UserError(
            f"{where} is no recommendation that can be read: {_in_words(error)}; {MEND}"
        ) from None
    except UserError as error:
        raise UserError(f"{where} is no recommendation that can be read: {error}; {MEND}") from None


def _present_form(values: Any) -> Any:
    """The values as version 2."""
    schema = values.get("schema") if isinstance(values, dict) else None
    if schema == SCHEMA:
        return values
    if schema == first_version.SCHEMA:
        return first_version.upgraded(values)
    raise UserError(f"schema = {schema!r:.60}: expected {first_version.SCHEMA} or {SCHEMA}")


def _in_words(error: ValidationError) -> str:
    """The first defect as key, value and message, and the number of further defects."""
    first, *others = error.errors(include_url=False)
    key = ".".join(str(part) for part in first["loc"])
    missing = first["type"] == "missing"
    value = "" if missing or isinstance(first["input"], dict | list) else f" = {first['input']!r:.60}"
    message = "the key is missing" if missing else first["msg"].removeprefix("Value error, ")
    more = f" (and {len(others)} more)" if others else ""
    return f"{key}{value}: {message}{more}" if key else f"{message}{more}"

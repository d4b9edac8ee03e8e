"""Find an analysis by its name, and make its typed request from JSON arguments."""

import pkgutil
from dataclasses import fields
from importlib import import_module
from typing import Any, Protocol, cast

from pydantic import TypeAdapter, ValidationError

from twin.errors import UserError, unknown
from twin.types import Json, Progress

ANALYSES = "dashboard.app.analyses"


class Analysis(Protocol):
    """A module of ``dashboard.app.analyses`` that can run as a job, with a typed request and a typed answer."""

    Request: Any

    def run(self, request: Any, progress: Progress) -> Any:
        """Do the work."""
        ...

    def as_json(self, answer: Any) -> Any:
        """The answer as plain JSON values."""
        ...


def known(package: str = ANALYSES) -> list[str]:
    """The names of all analyses, sorted. Imports each of them, which takes seconds."""
    modules = pkgutil.iter_modules(import_module(package).__path__)
    return sorted(
        module.name for module in modules if _is_analysis(import_module(f"{package}.{module.name}"))
    )


def analysis(name: str, package: str = ANALYSES) -> Analysis:
    """The analysis of a name."""
    if name in {module.name for module in pkgutil.iter_modules(import_module(package).__path__)}:
        module = import_module(f"{package}.{name}")
        if _is_analysis(module):
            return cast(Analysis, module)
    raise unknown("analysis", name, known(package))


def _is_analysis(module: Any) -> bool:
    return all(hasattr(module, name) for name in ("Request", "run", "as_json"))


def request(name: str, arguments: Json, package: str = ANALYSES) -> Any:
    """The typed request of an analysis. Raises UserError that names the argument, its value and the bound."""
    kind = analysis(name, package).Request
    names = [field.name for field in fields(kind)]
    for argument in arguments:
        if argument not in names:
            raise unknown(f"argument of {name}", argument, names)
    try:
        return TypeAdapter(kind).validate_python(arguments)
    except ValidationError as error:
        raise UserError("; ".join(_message(name, each) for each in error.errors())) from None


def _message(name: str, error: Any) -> str:
    """One validation error of pydantic as text; errors raised by the request itself keep their text."""
    if isinstance(own := error.get("ctx", {}).get("error"), UserError):
        return str(own)
    place = ".".join(str(part) for part in error["loc"])
    given = "" if error["type"] == "missing" else f" {error['input']!r}"
    return f"argument {place} of {name}{given}: {error['msg'][0].lower()}{error['msg'][1:]}"

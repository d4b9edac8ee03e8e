"""Analyses by name: finding one, and making its typed request from JSON arguments."""

import pkgutil
from dataclasses import fields
from importlib import import_module
from typing import Any, Protocol, cast

from pydantic import TypeAdapter, ValidationError

from twin.errors import UserError, unknown
from twin.types import Json, Progress

ANALYSES = "dashboard.app.analyses"


class Analysis(Protocol):
    """A module of ``dashboard.app.analyses`` that can run as a job: a request in, an answer out, both typed."""

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
    return sorted(module.name for module in modules if _whole(import_module(f"{package}.{module.name}")))


def analysis(name: str, package: str = ANALYSES) -> Analysis:
    """The analysis of a name."""
    if name in {module.name for module in pkgutil.iter_modules(import_module(package).__path__)}:
        module = import_module(f"{package}.{name}")
        if _whole(module):
            return cast(Analysis, module)
    raise unknown("analysis", name, known(package))


def _whole(module: Any) -> bool:
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
        raise UserError("; ".join(_words(name, each) for each in error.errors())) from None


def _words(name: str, error: Any) -> str:
    """One finding of pydantic in words; a bound that the request itself checks has its own."""
    if isinstance(own := error.get("ctx", {}).get("error"), UserError):
        return str(own)
    place = ".".join(str(part) for part in error["loc"])
    given = "" if error["type"] == "missing" else f" {error['input']!r}"
    return f"argument {place} of {name}{given}: {error['msg'][0].lower()}{error['msg'][1:]}"

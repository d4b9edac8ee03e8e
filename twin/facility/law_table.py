"""Tables that state a law: its name and its parameters. The keys follow from the registered laws."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, create_model

from twin.facility.table import Table
from twin.lawbook import Bounds, Parameter, Parametric, parameters

T = TypeVar("T", bound=Table)
L = TypeVar("L", bound=Parametric)


def with_parameters(
    table: type[T], laws: Mapping[str, type[Parametric]], unnamed: tuple[str, ...] = ()
) -> type[T]:
    """``table`` with the key ``law``, the name of one of ``laws``, and a key for each parameter of any law.

    Keys that the table has already are kept; ``unnamed`` laws and parameters get no key. A parameter that
    several laws share has the widest of their bounds here: each law checks its own bounds.
    """
    keys: dict[str, Any] = {
        key: (_annotation(shared) | None, None)
        for key, shared in _shared(laws).items()
        if key not in table.model_fields and key not in unnamed
    }
    names = tuple(name for name in laws if name not in unnamed)
    keys["law"] = (Literal[names], table.model_fields["law"].default)
    return create_model(table.__name__, __base__=table, **keys)


def _shared(laws: Mapping[str, type[Parametric]]) -> dict[str, list[Parameter]]:
    """Each parameter's name and its declaration in every law that has it."""
    found: dict[str, list[Parameter]] = {}
    for law in laws.values():
        for key, parameter in parameters(law).items():
            found.setdefault(key, []).append(parameter)
    return found


def _annotation(shared: list[Parameter]) -> Any:
    bounds = [parameter.bounds for parameter in shared]
    widest = Bounds(min(b.low for b in bounds), max(b.high for b in bounds))
    number = Annotated[float, Field(ge=widest.low, le=widest.high)]
    return list[number] if any(parameter.several for parameter in shared) else number


def law_of(laws: Mapping[str, type[L]], table: Table, name: str, keys: Mapping[str, str] | None = None) -> L:
    """The law ``name`` with its parameters from the table; ValueError for a missing or an unused one.

    ``keys`` maps a parameter to the table's key where that has another name.
    """
    law, keys = laws[name], keys or {}
    given = {parameter: getattr(table, keys.get(parameter, parameter)) for parameter in parameters(law)}
    missing = [keys.get(parameter, parameter) for parameter, value in given.items() if value is None]
    if missing:
        raise ValueError(f"law = {name!r} needs {', '.join(missing)}")
    others = {keys.get(key, key) for other in laws.values() for key in parameters(other)}
    others -= {keys.get(parameter, parameter) for parameter in given}
    unused = [key for key, value in table if key in others and value != type(table).model_fields[key].default]
    if unused:
        raise ValueError(f"law = {name!r} has no {', '.join(sorted(unused))}; drop it or choose another law")
    try:
        return law(**given)
    except ValueError as error:  # a bound of the law itself, reported with the key of the file
        message = str(error)
        for parameter, key in keys.items():
            message = message.replace(parameter, key)
        raise ValueError(message) from None

"""The base of failure laws and repair laws: bounded parameters, and a registry by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, ClassVar, get_origin, get_type_hints


@dataclass(frozen=True)
class Bounds:
    """The least and the largest value of a parameter, or of each of several numbers, both included."""

    low: float
    high: float


Hours = Annotated[float, Bounds(1e-6, 1e12)]
ObservedHours = Annotated[tuple[float, ...], Bounds(1e-6, 1e12)]
Sigma = Annotated[float, Bounds(1e-3, 5.0)]
GammaShape = Annotated[float, Bounds(0.05, 100.0)]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a law: its bounds, and whether it is a list of observed values."""

    bounds: Bounds
    several: bool


class Parametric:
    """A law as a frozen dataclass. Each field is ``Annotated`` with ``Bounds``, which are checked.

    A family of laws defines its own dictionary ``laws``. A subclass with a name, such as
    ``class Weibull(LifeLaw, name="weibull")``, is registered there, and files use it by that name.
    """

    name: ClassVar[str]
    laws: ClassVar[dict[str, type]]

    def __init_subclass__(cls, name: str | None = None) -> None:
        super().__init_subclass__()
        if name is not None:
            if name in cls.laws:
                raise ValueError(
                    f"law {name!r} is taken by {cls.laws[name].__qualname__}; choose another name"
                )
            cls.name = name
            cls.laws[name] = cls

    def __post_init__(self) -> None:
        for key, parameter in parameters(type(self)).items():
            if parameter.several:
                object.__setattr__(self, key, _floats(self.name, key, getattr(self, key)))
            values = getattr(self, key) if parameter.several else [getattr(self, key)]
            for value in values:
                _check(self.name, key, value, parameter.bounds)


@cache
def parameters(law: type[Parametric]) -> dict[str, Parameter]:
    """The parameters of a law by name, in the order of its fields."""
    return {
        key: Parameter(next(m for m in hint.__metadata__ if isinstance(m, Bounds)), _several(hint))
        for key, hint in get_type_hints(law, include_extras=True).items()
        if any(isinstance(m, Bounds) for m in getattr(hint, "__metadata__", ()))
    }


def _several(hint: object) -> bool:
    return get_origin(getattr(hint, "__origin__", None)) is tuple


def _floats(law: str, key: str, values: Iterable[float]) -> tuple[float, ...]:
    found = tuple(float(value) for value in values)
    if not found:
        raise ValueError(f"{key} is empty: the {law} law needs at least one observed time in hours")
    return found


def _check(law: str, key: str, value: float, bounds: Bounds) -> None:
    if not bounds.low <= value <= bounds.high:
        raise ValueError(
            f"{key} = {value} lies outside {bounds.low:g} ... {bounds.high:g}, the range of the {law} law"
        )


def import_all(package: str, path: Iterable[str]) -> None:
    """Import every file of a package's folder, so that each registers its law."""
    for module in iter_modules(path):
        import_module(f"{package}.{module.name}")

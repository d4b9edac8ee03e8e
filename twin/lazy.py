"""Modules and names that are imported at their first use, so that commands start faster."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


class LazyModule:
    """A placeholder for a module: ``LazyModule("scipy.special").erfinv`` imports it at the first use."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(import_module(self._name), attribute)
        setattr(self, attribute, value)  # the next use is a plain attribute
        return value


def lazy_names(package: str, homes: dict[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__`` (PEP 562): each public name is imported from its module at its first use."""

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return find

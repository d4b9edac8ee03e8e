"""The registered searches by name: each file of this folder adds its own, and all are imported at the first look-up."""

from collections.abc import Iterator, MutableMapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

PACKAGE = "controllers.searches"


class Registry(MutableMapping[str, Any]):
    """Searches by name, in alphabetical order. Their type is stated where they are: ``controllers.searches.search``.

    ``SEARCHES["name"] = Search()`` in a file of this folder registers a search; this imports nothing. The first
    look-up imports all files of the folder, so it finds a new file without a list of files.
    """

    def __init__(self) -> None:
        self._registered: dict[str, Any] = {}

    def __setitem__(self, name: str, search: Any) -> None:
        if name in self._registered:
            raise ValueError(f"search {name!r} is taken by {self._registered[name]}; choose another name")
        self._registered[name] = search

    def __delitem__(self, name: str) -> None:
        del self._registered[name]

    def __getitem__(self, name: str) -> Any:
        _import_all()
        return self._registered[name]

    def __iter__(self) -> Iterator[str]:
        _import_all()
        return iter(sorted(self._registered))

    def __len__(self) -> int:
        _import_all()
        return len(self._registered)


@cache
def _import_all() -> None:
    """Import every file of this folder, so that each registers its searches."""
    for module in iter_modules(import_module(PACKAGE).__path__):
        import_module(f"{PACKAGE}.{module.name}")

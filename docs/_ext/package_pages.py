"""The directive ``package``: one page of API reference with every public name of a package's modules."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import nested_parse_with_titles


def modules(name: str) -> list[ModuleType]:
    """The package and all modules inside it whose names are public, sorted by name."""
    package = importlib.import_module(name)
    inside = sorted(found.name for found in pkgutil.walk_packages(package.__path__, name + "."))
    return [package, *(importlib.import_module(m) for m in inside if "._" not in m)]


def documented(module: ModuleType) -> dict[str, object]:
    """Public functions and classes that a module defines, or re-exports from a private file, by name."""
    listed = getattr(module, "__all__", ())
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(inspect.unwrap(value)))
        and (value.__module__ == module.__name__ or (name in listed and "._" in value.__module__))
        and value.__doc__
    }


def section(module: ModuleType) -> Iterator[str]:
    """One module as reStructuredText: its name, its docstring and its public names."""
    name = module.__name__
    if "." in name:  # the package itself has the page's title
        yield from (name, "-" * len(name), "")
    yield from (f".. automodule:: {name}", "   :no-members:", "")
    for member, value in documented(module).items():
        if inspect.isclass(value):
            yield from (f".. autoclass:: {name}.{member}", "   :members:", "")
        else:
            yield from (f".. autofunction:: {name}.{member}", "")


class PackagePage(SphinxDirective):
    """``.. package:: twin`` writes the reference of all modules of ``twin`` in this place."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The sections of the modules, parsed."""
        lines = [line for module in modules(self.arguments[0]) for line in section(module)]
        node = nodes.section()
        node.document = self.state.document
        nested_parse_with_titles(self.state, StringList(lines, source=self.arguments[0]), node)
        return node.children


def plain(app, what, name, obj, options, lines: list[str]) -> None:
    """Rewrite a docstring as valid reStructuredText: docstrings here are plain text with ``literals``."""
    blocks = [b for b in re.split(r"\n\s*\n", "\n".join(lines)) if b.strip()]
    lines[:] = [line for block in blocks for line in (*rendered(block), "")]
    if what == "class":
        lines += [f"- ``{field}``: {escaped(comment)}" for field, comment in fields(obj)]


def fields(kind: type) -> list[tuple[str, str]]:
    """The fields of a class and the comments behind them: ``mean_h: float  # at factor 1, [h]``."""
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        return []
    return re.findall(r"(?m)^    ([a-z]\w*): [^#\n]*  # (.+)$", source)


def no_alias(app, what, name, obj, skip, options) -> bool | None:
    """Fields of named tuples are left out of the members: the comments behind them say more."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def rendered(block: str) -> list[str]:
    """A paragraph, a list (lines that begin with ``-``) or an indented block that stays as written."""
    rows = block.strip("\n").split("\n")
    if all(row.startswith("    ") for row in rows):
        return ["::", "", *rows]
    if rows[0].lstrip().startswith("- "):
        items = re.split(r"(?m)^\s*- ", block)[1:]
        return [f"- {escaped(' '.join(item.split()))}" for item in items]
    return [escaped(" ".join(block.split()))]


def escaped(text: str) -> str:
    """The text with all markup but ``literals`` made plain."""
    parts = re.split(r"(``[^`]+``|`[^`]+`)", text)
    return "".join(f"``{p.strip('`')}``" if p.startswith("`") else mild(p) for p in parts)


def mild(text: str) -> str:
    """Text outside literals: signs that would begin markup are escaped."""
    return re.sub(r"[*|\\`]|(?<=\w)_(?=\W|$)", lambda found: "\\" + found.group(0), text)


def setup(app) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("package", PackagePage)
    app.connect("autodoc-process-docstring", plain)
    app.connect("autodoc-skip-member", no_alias)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

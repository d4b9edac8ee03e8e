"""Checks of the output files of a command, made before any work begins."""

import os
from argparse import Namespace
from pathlib import Path

from dashboard.app.store.files import special
from twin.errors import UserError

OUTPUTS = {"json": "--json", "plot": "--plot", "output": "--output"}
INPUTS = ("file", "facility", "log", "source", "map", "scenario", "policy", "monitor")


def check_outputs(args: Namespace) -> None:
    """Raise UserError for an output that cannot be written, would overwrite an input, or is a plot that is not HTML."""
    named = {option: Path(path) for key, option in OUTPUTS.items() if (path := getattr(args, key, None))}
    taken: dict[str, str] = {}
    for option, path in named.items():
        for what, given in _inputs(args):
            if path.exists() and path.samefile(given):
                raise UserError(
                    f"{path}: is the {what} itself, which {option} would overwrite; choose another name"
                )
        other = taken.setdefault(os.path.realpath(path), option)
        if other != option and not special(path):
            raise UserError(f"{path}: both {other} and {option} would write it; choose another name for one")
        if option == "--plot" and path.suffix != ".html" and not special(path):
            raise UserError(f"--plot {path}: plots are written as HTML pages; give a name that ends in .html")
        if option != "--output":
            _check_writable(path)


def _inputs(args: Namespace) -> list[tuple[str, Path]]:
    """Kind and path of each existing file that the command reads."""
    found = []
    for key in INPUTS:
        value = getattr(args, key, None) or []
        for one in value if isinstance(value, list) else [value]:
            for text in {str(one), str(one).rpartition(":")[0]} - {""}:  # a policy is FILE.py:NAME
                if os.path.isfile(text):
                    found.append(("input file" if key == "file" else key, Path(text)))
    return found


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder; name a file")
    if special(path):
        return
    folder = Path(os.path.realpath(path)).parent
    while not folder.exists():  # it will be created
        folder = folder.parent
    if not folder.is_dir():
        raise UserError(f"cannot write {path}: {folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"cannot write {path}: the folder {folder} may not be written to; choose another")

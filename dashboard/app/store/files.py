"""Files a command leaves behind: each appears whole or not at all, and none in place of what it reads."""

import json
import os
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

from twin import UserError

OUTPUTS = {"json": "--json", "plot": "--plot", "output": "--output"}
INPUTS = ("file", "facility", "log", "source", "map", "scenario", "policy", "monitor")


def check_outputs(args: Namespace) -> None:
    """Refuse, before any work, files that could not be written or would replace what a command reads."""
    named = {option: Path(path) for key, option in OUTPUTS.items() if (path := getattr(args, key, None))}
    taken: dict[str, str] = {}
    for option, path in named.items():
        for what, given in _inputs(args):
            if path.exists() and path.samefile(given):
                raise UserError(
                    f"{path}: is the {what} itself, which {option} would overwrite; choose another name"
                )
        other = taken.setdefault(os.path.realpath(path), option)
        if other != option and not _special(path):
            raise UserError(f"{path}: both {other} and {option} would write it; choose another name for one")
        if option != "--output":
            _check_writable(path)


def _inputs(args: Namespace) -> list[tuple[str, Path]]:
    """What it is and where, of each existing file that a command reads."""
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
    if _special(path):
        return
    folder = Path(os.path.realpath(path)).parent
    while not folder.exists():  # it will be made
        folder = folder.parent
    if not folder.is_dir():
        raise UserError(f"cannot write {path}: {folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"cannot write {path}: the folder {folder} may not be written to; choose another")


def _special(path: Path) -> bool:
    """Whether it exists and is no file, like a device or a pipe."""
    return path.exists() and not path.is_file()


def write_text(text: str, path: str | Path) -> Path:
    """Write a text file by way of a temporary one beside it; a link stays, a device or pipe is written to."""
    path = Path(path)
    if _special(path):
        with path.open("w", encoding="utf-8") as file:
            file.write(text)
    else:
        _write_whole(text, Path(os.path.realpath(path)))
    return path


def _write_whole(text: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(content: Any, path: str | Path) -> Path:
    """Write JSON; infinities and not-a-numbers become null."""
    return write_text(json_text(content, indent=1) + "\n", path)


def json_text(content: Any, indent: int | None = None) -> str:
    """Arrays as lists, infinities and not-a-numbers as null, and whatever else has no word in JSON as text."""
    return json.dumps(finite(content), indent=indent, default=_plain, allow_nan=False)


def finite(content: Any) -> Any:
    """The same with infinities and not-a-numbers as null, which JSON has no word for."""
    if isinstance(content, dict):
        return {str(k): finite(v) for k, v in content.items()}
    if isinstance(content, (list, tuple)):
        return [finite(v) for v in content]
    if isinstance(content, float) and content - content != 0:
        return None
    return content


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    return str(value)

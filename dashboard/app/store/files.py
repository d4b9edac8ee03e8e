"""Writing of files: each file is written completely or not at all."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def special(path: Path) -> bool:
    """Whether the path exists and is not a regular file, such as a device or a pipe."""
    return path.exists() and not path.is_file()


def write_text(text: str, path: str | Path) -> Path:
    """Write a text file by renaming a temporary one; links are followed, devices and pipes are written directly."""
    path = Path(path)
    if special(path):
        with path.open("w", encoding="utf-8") as file:
            file.write(text)
    else:
        _write_atomically(text, Path(os.path.realpath(path)))
    return path


def _write_atomically(text: str, path: Path) -> None:
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
    """Write JSON; infinities and NaN become null."""
    return write_text(json_text(content, indent=1) + "\n", path)


def json_text(content: Any, indent: int | None = None) -> str:
    """JSON text: arrays as lists, infinities and NaN as null, values of other types as text."""
    return json.dumps(finite(content), indent=indent, default=_plain, allow_nan=False)


def finite(content: Any) -> Any:
    """The same content with None for infinities and NaN, which JSON cannot represent."""
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

"""Facility files: those that come with the package, and reading one by name or path."""

from importlib import resources
from pathlib import Path

from twin.errors import UserError
from twin.facility.model import Facility
from twin.tomlfile import read_text, validated

BUILT_IN = resources.files("twin") / "facilities"


def built_in() -> list[str]:
    """Names of the facilities that come with the package."""
    return sorted(f.name.removesuffix(".toml") for f in BUILT_IN.iterdir() if f.name.endswith(".toml"))


def load(source: str | Path) -> Facility:
    """Read a facility from a TOML file or, by name, from the built-in ones.

    Raises UserError naming the file, every defective table and key, and the correction.
    """
    path = Path(source)
    if str(source) in built_in():
        text, path = (BUILT_IN / f"{source}.toml").read_text(), Path(f"{source}.toml")
    elif path.is_file():
        text = read_text(path)
    else:
        raise UserError(
            f"facility {str(source)!r} is neither a file nor built in; built in are: {', '.join(built_in())}"
        )
    return parse(text, path)


def parse(text: str, path: Path = Path("facility.toml")) -> Facility:
    """A Facility from the text of a TOML file; ``path`` is named in errors."""
    return validated(Facility, text, path, "facility")

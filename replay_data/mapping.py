"""The map of an import: the column of a foreign file for each channel of the run-log."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from replay_data.record import instant
from twin.errors import UserError
from twin.tomlfile import read_text, validated

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Table(BaseModel):
    """One table of the map: unknown keys are errors, and it cannot be changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Time(Table):
    """When each row was recorded.

    ``unix_s``: seconds since 1970. ``iso8601``: text (without a zone UTC; ``format`` as for ``strptime`` if
    it is written differently). ``hours``: hours since ``start``. ``rows``: no clock; rows are ``every_s``
    apart, the first at ``start``. ``trains``: train numbers, ``every_s`` apart, the first at ``start``.
    """

    unit: Literal["unix_s", "iso8601", "hours", "rows", "trains"]
    column: str | None = None
    format: str | None = None
    start: str | None = None
    every_s: Positive | None = None
    step_s: Positive | None = None  # spacing given to rows that share a stamp

    @model_validator(mode="after")
    def _keys_fit_the_unit(self) -> "Time":
        needs = {
            "hours": {"column", "start"},
            "rows": {"start", "every_s"},
            "trains": {"start", "every_s"},
        }.get(self.unit, {"column"})
        may = needs | {"step_s"} if "column" in needs else needs
        may = may | {"format"} if self.unit == "iso8601" else may
        given = {key for key, value in self if key != "unit" and value is not None}
        if needs - given:
            raise ValueError(f"unit = '{self.unit}' needs {', '.join(sorted(needs - given))}")
        if given - may:
            raise ValueError(f"unit = '{self.unit}' does not take {', '.join(sorted(given - may))}")
        if self.start is not None:
            instant(self.start)
        return self


class Where(Table):
    """A condition on one column: rows that do not meet it are skipped and counted."""

    column: str
    equals: float | str | None = None
    low: float | None = None
    high: float | None = None
    present: Literal[True] | None = None

    @model_validator(mode="after")
    def _has_a_condition(self) -> "Where":
        if all(key is None for key in (self.equals, self.low, self.high, self.present)):
            raise ValueError("give equals, low and/or high, or present = true")
        return self

    @property
    def text(self) -> str:
        """The condition in words, as reports show it."""
        given = {"=": self.equals, ">=": self.low, "<=": self.high}
        bounds = {s: b if isinstance(b, str) else f"{b:.10g}" for s, b in given.items() if b is not None}
        words = [f"{self.column} {sign} {bound}" for sign, bound in bounds.items()]
        return " and ".join(words or [f"{self.column} present"])


class Mapped(Table):
    """One channel: value = scale * column ** power + offset; with several columns, their product."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    column: str | Annotated[list[str], Field(min_length=1)]
    unit: str | None = None  # default: the file's
    role: Literal["setpoint", "condition", "quantity", "readback", "state", "counter"]
    title: str = ""
    pv: str = ""
    power: float = 1.0
    scale: float = 1.0
    offset: float = 0.0
    fill: Literal["no", "forward", "both"] = "no"  # fill blanks with the last (or first) value

    @property
    def columns(self) -> list[str]:
        return [self.column] if isinstance(self.column, str) else self.column


class ImportMap(Table):
    """How a foreign file is converted to a run-log. Signals with their own clocks need no ``time``."""

    facility: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    table: str | None = None
    tabular: bool = False
    time: Time | None = None
    where: list[Where] = []
    channel: list[Mapped] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> "ImportMap":
        names = [c.name for c in self.channel]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"channel {', '.join(twice)} is defined twice; rename one")
        return self

    @property
    def columns(self) -> list[str]:
        """Every column that the map reads, once."""
        wanted = [self.time.column] if self.time and self.time.column else []
        wanted += [w.column for w in self.where] + [c for channel in self.channel for c in channel.columns]
        return list(dict.fromkeys(wanted))


def load_map(path: Path) -> ImportMap:
    """Read a map. A UserError names the file and every invalid key."""
    if not path.is_file():
        raise UserError(f"{path}: no such map; see docs/importers.md and examples/fermi/map.toml")
    return validated(ImportMap, read_text(path), path, "map")

"""The tables of a facility file about the machine: knobs, conditions, quantities, interlocks, the beam."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from twin.facility.table import Name, NotNegative, Positive, Sensitivity, Share, Table


class Knob(Table):
    """A setting that a person or a controller may change."""

    name: Name
    title: str
    pv: str
    unit: str
    low: float
    high: float
    value: float
    ramp_per_h: Positive
    precision: int = Field(default=2, ge=0, le=9)
    disturbs: bool = False  # users' data are unusable while it moves

    @model_validator(mode="after")
    def _value_within_limits(self) -> "Knob":
        if not self.low < self.high:
            raise ValueError(f"low = {self.low} {self.unit} is not below high = {self.high} {self.unit}")
        if not self.low <= self.value <= self.high:
            raise ValueError(
                f"value = {self.value} {self.unit} lies outside {self.low} ... {self.high} {self.unit}"
            )
        return self


class Condition(Table):
    """An input that nobody sets but that affects the machine, such as a hall temperature or the mains voltage."""

    name: Name
    title: str
    pv: str
    unit: str
    value: float
    daily: float = 0.0
    yearly: float = 0.0


class Quantity(Table):
    """A beam quantity, its law and the bounds promised to users.

    ``power``: value * prod((x / x_ref) ** p); ``slope``: times exp(sum(s * (x - x_ref)));
    ``touschek``: see ``twin.laws.touschek_shape``; ``linear``: sum(slope * x).
    """

    name: Name
    title: str
    pv: str
    unit: str
    value: float
    law: Literal["power", "touschek", "linear"] = "power"
    power: Sensitivity = {}
    slope: Sensitivity = {}
    voltage: Name | None = None
    low: float | None = None
    high: float | None = None
    source: str = "assumed"


class Interlock(Table):
    """A hard bound on a weighted sum of knobs, ``low <= sum(factor * knob) <= high``; beyond it the machine trips.

    It is checked exactly. Limits of one knob stand in ``[[knob]]``, bounds of predicted values in ``[[quantity]]``.
    """

    name: Name
    title: str
    unit: str
    factor: dict[Name, float] = Field(min_length=1)
    low: float | None = None
    high: float | None = None
    source: str = "assumed"

    @model_validator(mode="after")
    def _is_bounded(self) -> "Interlock":
        if self.low is None and self.high is None:
            raise ValueError("neither low nor high is given; an interlock needs a bound")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low = {self.low:g} {self.unit} is not below high = {self.high:g} {self.unit}")
        return self


class Beam(Table):
    """How beam is stored, lost and restored."""

    current_knob: Name | None = None
    topup_knob: Name | None = None  # the minutes between refills
    lifetime: Name | None = None
    touschek_share: Annotated[float, Field(ge=0, le=0.95)] = 0.0
    low_share: Share = 0.9
    restart_h: NotNegative
    fill_per_h: Positive | None = None
    source: str = "assumed"

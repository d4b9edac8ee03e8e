"""The tables of a facility file, one class each: keys, units and what a single table can check by itself."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from twin.lifetimes import LIFE_LAWS
from twin.repairs import REPAIR_LAWS

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Hour = Annotated[float, Field(ge=0, le=24)]
Sensitivity = dict[Name, float]
Effect = Literal["dump", "injection", "distort", "beamline"]
Phase = Literal["shutdown", "startup", "injection", "user", "study"]


class Table(BaseModel):
    """One table of the file: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
    disturbs: bool = False  # users' data are spoilt while it moves

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
    """What nobody sets but everything feels: temperatures, seasons, mains."""

    name: Name
    title: str
    pv: str
    unit: str
    value: float
    daily: float = 0.0
    yearly: float = 0.0


class Quantity(Table):
    """A beam quantity, its present law and the bounds that users were promised.

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
    """What switches the machine off by itself: ``low <= sum(factor * knob) <= high``, exact, over at least one knob.

    Bounds of single knobs are the knobs' own; promised quantities, which are predicted, have theirs.
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
    """How beam is stored, lost and brought back."""

    current_knob: Name | None = None
    topup_knob: Name | None = None  # the minutes between refills
    lifetime: Name | None = None
    touschek_share: Annotated[float, Field(ge=0, le=0.95)] = 0.0
    low_share: Share = 0.9
    restart_h: NotNegative
    fill_per_h: Positive | None = None
    source: str = "assumed"


class Shift(Table):
    """When a crew is on site: hours of the day on the first ``days`` days of each week; hour 0 is a Monday.

    A shift whose ``to_h`` is not after its ``from_h`` goes on past midnight.
    """

    from_h: Hour = 8.0
    to_h: Hour = 17.0
    days: int = Field(default=5, ge=1, le=7)

    @model_validator(mode="after")
    def _lasts(self) -> "Shift":
        if self.from_h == self.to_h:
            raise ValueError(f"from_h = to_h = {self.from_h:g}: the shift has no length; 0 ... 24 is all day")
        return self


class Crew(Table):
    """People who repair; ``size`` repairs go on at once, the rest wait: first by priority, then by time.

    Modes ask for a skill; a crew without ``skills`` has its own name as its only one. Off shift the crew is
    called out, arrives after ``call_out_h`` and stays while there is work; without it, work waits for the
    shift. A preemptive crew drops its least urgent work for a call of higher priority and resumes it later.
    """

    name: Name
    size: int = Field(ge=1)
    skills: list[Name] = []
    shift: Shift | None = None
    call_out_h: NotNegative | None = None
    preemptive: bool = False

    @model_validator(mode="after")
    def _is_called_out_off_shift(self) -> "Crew":
        if self.call_out_h is not None and self.shift is None:
            raise ValueError(
                f"call_out_h = {self.call_out_h:g} needs a shift; without one the crew is always there"
            )
        return self


class Access(Table):
    """Entering the tunnel: radiation cool-down after the beam, and the hours of the day when it is allowed.

    It may be entered until ``to_h``, the next day if that is not after ``from_h``; who is in may stay longer.
    """

    cooldown_h: NotNegative = 0.0
    from_h: Hour = 0.0
    to_h: Hour = 24.0


class Repair(Table):
    """How long a repair takes: a law of ``twin.repairs`` and its parameters."""

    law: Literal["lognormal", "exponential", "fixed", "gamma", "pareto_tail", "empirical"] = "lognormal"
    median_h: Positive | None = None
    sigma: Annotated[float, Field(gt=0, le=5)] | None = None
    mean_h: Positive | None = None
    shape: Positive | None = None
    tail_from: Annotated[float, Field(gt=0, lt=1)] | None = None
    tail_index: Annotated[float, Field(gt=1)] | None = None
    observed_h: list[Positive] | None = None

    @property
    def time(self):
        """The law itself, an object of ``twin.repairs``."""
        return _law(REPAIR_LAWS, self, self.law)

    @model_validator(mode="after")
    def _law_has_its_parameters(self) -> "Repair":
        _ = self.time
        return self


class Spare(Table):
    """Parts on the shelf. One that is asked for is ordered anew (``lead_h``) or the old one mended (``shop``).

    A stock of 0 with ``lead_h`` means that each part is ordered when it is needed.
    """

    name: Name
    stock: int = Field(ge=0)
    lead_h: Positive | None = None
    shop: Repair | None = None
    source: str = "assumed"

    @model_validator(mode="after")
    def _is_replenished(self) -> "Spare":
        if (self.lead_h is None) == (self.shop is None):
            raise ValueError("give either lead_h (a new part is ordered) or shop (the old one is mended)")
        if self.shop and not self.stock:
            raise ValueError(
                "stock = 0 with shop: nothing to put in while the old part is mended; raise stock"
            )
        return self


class Mode(Table):
    """One way to fail. ``mtbf_h`` is the mean life at the reference settings, in hours of its own clock."""

    name: Name
    effect: Literal["dump", "injection", "distort", "beamline", "unit"]
    law: Literal["weibull", "lognormal", "gamma", "fixed", "empirical"] = "weibull"
    mtbf_h: Positive | None = None
    shape: Annotated[float, Field(gt=0, le=10)] = 1.0
    sigma: Annotated[float, Field(gt=0, le=5)] | None = None
    observed_h: list[Positive] | None = None
    minimal_repair: bool = False
    ages: Literal["beam", "always"] = "beam"
    phases: list[Phase] | None = Field(default=None, min_length=1)
    at_start: Annotated[float, Field(ge=0, lt=1)] = 0.0
    beta: Annotated[float, Field(ge=0, lt=1)] = 0.0
    proof_test_h: Positive | None = None
    diagnosis_h: NotNegative = 0.0
    access: Literal["none", "stop", "defer"] = "none"
    spare: Name | None = None
    crew: Name | None = None
    priority: int = 0
    repair: Repair
    conditioning_h: NotNegative = 0.0
    beamline: Name | None = None
    power: Sensitivity = {}
    slope: Sensitivity = {}
    source: str = "assumed"

    @property
    def memoryless(self) -> bool:
        return self.law == "weibull" and self.shape == 1.0

    @property
    def life(self):
        """The life's law at the reference settings, an object of ``twin.lifetimes``."""
        return _law(LIFE_LAWS, self, "exponential" if self.memoryless else self.law, {"mtbf_h": "mean_h"})

    @property
    def mean_h(self) -> float:
        return self.life.mean_h

    @model_validator(mode="after")
    def _law_has_its_parameters(self) -> "Mode":
        if (self.law == "empirical") != (self.mtbf_h is None):
            raise ValueError("mtbf_h is the mean life: every law needs it but 'empirical', which has its own")
        _ = self.life
        if self.beta and not self.memoryless:
            raise ValueError(
                f"beta = {self.beta:g} is a share of a constant rate: it needs law = 'weibull', shape = 1"
            )
        return self


class Standby(Table):
    """``in_service`` of the units work, the others wait: cold (ageless), warm (at ``dormancy``) or hot.

    A failed unit is replaced by a waiting one with probability ``coverage`` after ``switch_h``; a waiting
    unit that is called fails to start with probability ``start_failure``. Rules: ``twin.reference.standby``.
    """

    kind: Literal["cold", "warm", "hot"]
    in_service: int = Field(ge=1)
    dormancy: Share | None = None
    coverage: Share = 1.0
    switch_h: NotNegative = 0.0
    start_failure: Share = 0.0

    @model_validator(mode="after")
    def _warm_has_a_dormancy(self) -> "Standby":
        if (self.kind == "warm") != (self.dormancy is not None):
            raise ValueError("dormancy, the share of the ageing in reserve, goes with kind = 'warm' alone")
        return self


class Preventive(Table):
    """Maintenance before failure: at an age, at fixed times (block), or above a spent hazard (condition).

    Rules: ``twin.reference.upkeep``.
    """

    policy: Literal["age", "block", "condition"]
    every_h: Positive
    limit: Positive | None = None
    takes: Repair
    crew: Name | None = None
    when: Literal["due", "shutdown"] = "due"

    @model_validator(mode="after")
    def _condition_has_a_limit(self) -> "Preventive":
        if (self.policy == "condition") != (self.limit is not None):
            raise ValueError("limit, the spent hazard to act on, goes with policy = 'condition' alone")
        return self


class Subsystem(Table):
    """A part of the machine. Units that need not be told apart are one process, the others one each."""

    name: Name
    title: str
    units: int = Field(default=1, ge=1)
    mode: list[Mode] = Field(min_length=1)
    standby: Standby | None = None
    preventive: Preventive | None = None
    replaced_with: Name | None = None

    @property
    def working(self) -> int:
        """How many units work at once: all of them but those in reserve."""
        return self.standby.in_service if self.standby else self.units

    def apart(self, mode: Mode) -> bool:
        """Are the units of this mode followed one by one?"""
        several = sum(m.effect == "unit" for m in self.mode) > 1
        special = self.standby or self.preventive or self.replaced_with or (several and mode.effect == "unit")
        single = mode.at_start > 0 or mode.proof_test_h is not None
        return bool(special) or single or not mode.memoryless


class Level(Table):
    """With at least ``up`` inputs up, but not as many as the level before has, the flux is ``share``."""

    up: int = Field(ge=0)
    share: Annotated[float, Field(gt=0, le=1)]


class Gate(Table):
    """A node of the system's tree: at least ``needs`` of its inputs must be up (absent: all of them).

    Inputs are subsystems (each unit is one), single units (``name.3``) or other gates. The last ``level``
    is that of ``needs`` inputs: with fewer the gate is down.
    """

    name: Name
    of: list[str] = Field(min_length=1)
    needs: int | None = Field(default=None, ge=0)
    effect: Effect | None = None
    beamline: Name | None = None
    level: list[Level] = []
    source: str = "assumed"


class Shock(Table):
    """A common cause: it strikes every unit of the modes it ``hits``, each with its own probability.

    Modes are named ``"subsystem.mode"``. Rules: ``twin.reference.shocks``.
    """

    name: Name
    mtbf_h: Positive
    hits: dict[str, Share] = Field(min_length=1)
    ages: Literal["beam", "always"] = "always"
    phases: list[Phase] | None = Field(default=None, min_length=1)
    power: Sensitivity = {}
    slope: Sensitivity = {}
    source: str = "assumed"

    @field_validator("hits", mode="before")
    @classmethod
    def _modes_are_quoted(cls, hits: Any) -> Any:
        for name, value in hits.items() if isinstance(hits, dict) else ():
            if isinstance(value, dict):
                mode = next(iter(value), "mode")
                raise ValueError(f'write "{name}.{mode}" in quotes; without them TOML takes it for two keys')
        return hits


def _law(laws: dict[str, type], table: Table, name: str, renamed: dict[str, str] = {}):  # noqa: B006
    """The law ``name`` of ``laws`` with its parameters from the table's keys; ValueError for a missing one."""
    law = laws[name]
    given = {renamed.get(key, key): value for key, value in table}
    wanted = list(law.__dataclass_fields__)
    missing = [key for key in wanted if given.get(key) is None]
    if missing:
        raise ValueError(f"law = {name!r} needs {', '.join(missing)}")
    others = {key for other in laws.values() for key in other.__dataclass_fields__} - set(wanted)
    idle = [key for key, value in table if key in others and value != type(table).model_fields[key].default]
    if idle:
        raise ValueError(f"law = {name!r} has no {', '.join(sorted(idle))}; drop it or choose another law")
    try:
        return law(**{key: given[key] for key in wanted})
    except ValueError as error:  # a bound of the law's own, told with the key of the file
        words = str(error)
        for key, of_law in renamed.items():
            words = words.replace(of_law, key)
        raise ValueError(words) from None

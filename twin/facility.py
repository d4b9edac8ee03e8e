"""A facility as a text file: the schema of the TOML, its checks, and its arrays."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin.errors import UserError, unknown
from twin.tomlfile import read_text, validated

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Sensitivity = dict[Name, float]

BUILT_IN = resources.files("twin") / "facilities"


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


class Beam(Table):
    """How beam is stored, lost and brought back."""

    current_knob: Name | None = None
    lifetime: Name | None = None
    touschek_share: Annotated[float, Field(ge=0, le=0.95)] = 0.0
    low_share: Share = 0.9
    restart_h: Annotated[float, Field(ge=0)]
    fill_per_h: Positive | None = None
    source: str = "assumed"


class Crew(Table):
    """People who repair; ``size`` repairs go on at once, the rest wait first come, first served."""

    name: Name
    size: int = Field(ge=1)


class Repair(Table):
    """Lognormal repair time: the median and the sigma of its logarithm."""

    median_h: Positive
    sigma: Annotated[float, Field(gt=0, le=5)]


class Mode(Table):
    """One way to fail. ``mtbf_h`` holds at the reference settings (Weibull: its mean life)."""

    name: Name
    effect: Literal["dump", "injection", "distort", "beamline"]
    mtbf_h: Positive
    shape: Annotated[float, Field(gt=0, le=10)] = 1.0
    ages: Literal["beam", "always"] = "beam"
    repair: Repair
    crew: Name | None = None
    beamline: Name | None = None
    power: Sensitivity = {}
    slope: Sensitivity = {}
    source: str = "assumed"


class Subsystem(Table):
    """A part of the machine. Memoryless units are one process; ageing units are one each."""

    name: Name
    title: str
    units: int = Field(default=1, ge=1)
    mode: list[Mode] = Field(min_length=1)


class Block(Table):
    """A stretch of the calendar; ``beamlines`` names those that get beam (all when absent)."""

    phase: Literal["user", "study", "maintenance"]
    hours: Positive
    beamlines: list[Name] | None = None


class Schedule(Table):
    """The repeating calendar: blocks one after another, then again from the first."""

    block: list[Block] = Field(min_length=1)
    user_h_per_year: Positive

    @property
    def period_h(self) -> float:
        return sum(block.hours for block in self.block)


class Beamline(Table):
    """An experiment station with a queue of samples."""

    name: Name
    title: str
    flux: Name
    exchange_min: Annotated[float, Field(gt=0)]
    exposure_min: Positive
    warmup_min: Annotated[float, Field(ge=0)] = 0.0
    warmup_tau_min: Positive = 30.0
    experiments_per_week: Positive
    samples_per_experiment: Annotated[float, Field(ge=1)]
    weight: Positive = 1.0
    source: str = "assumed"


class Metrics(Table):
    """The facility's counting rules (PRAB 19, 082802, 2016)."""

    merge_h: Annotated[float, Field(ge=0)] = 0.0


class Published(Table):
    """A published yearly statistic that the facility is meant to reproduce."""

    metric: Literal["availability_pct", "mtbf_h", "mean_outage_h"]
    value: float
    source: str


class Facility(Table):
    """A facility: knobs, conditions, quantities, subsystems, crews, schedule, beamlines."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    title: str
    kind: Literal["ring", "linac"]
    beam: Beam
    knob: list[Knob] = Field(min_length=1)
    condition: list[Condition] = []
    quantity: list[Quantity] = Field(min_length=1)
    crew: list[Crew] = []
    subsystem: list[Subsystem] = []
    schedule: Schedule
    beamline: list[Beamline] = Field(min_length=1)
    metrics: Metrics = Metrics()
    published: list[Published] = []

    @property
    def inputs(self) -> list[str]:
        """Names of knobs, then conditions: the order of every law's inputs."""
        return [k.name for k in self.knob] + [c.name for c in self.condition]

    @property
    def processes(self) -> list[tuple[Subsystem, Mode, int]]:
        """(subsystem, mode, number of superposed units) of each failure process.

        Memoryless units of one subsystem are superposed; units that age are listed one by one.
        """
        rows = []
        for subsystem in self.subsystem:
            for mode in subsystem.mode:
                alone = mode.shape != 1.0
                rows += (
                    [(subsystem, mode, 1)] * subsystem.units
                    if alone
                    else [(subsystem, mode, subsystem.units)]
                )
        return rows

    @property
    def process_names(self) -> list[str]:
        """``subsystem.mode`` of each failure process, numbered where ageing units are many."""
        names = []
        for subsystem in self.subsystem:
            for mode in subsystem.mode:
                stem = f"{subsystem.name}.{mode.name}"
                many = mode.shape != 1.0 and subsystem.units > 1
                names += [f"{stem}.{i + 1}" for i in range(subsystem.units)] if many else [stem]
        return names

    def quantity_index(self, name: str) -> int:
        """The place of a quantity among ``quantity``."""
        return [q.name for q in self.quantity].index(name)

    @model_validator(mode="after")
    def _names_exist(self) -> "Facility":
        defects = list(_defects(self))
        if defects:
            raise ValueError("; ".join(defects))
        return self


def _defects(facility: Facility):
    """Every name that is used twice or points nowhere, in words."""
    lists = {
        "knob, condition or quantity": facility.inputs + [q.name for q in facility.quantity],
        "crew": [c.name for c in facility.crew],
        "subsystem": [s.name for s in facility.subsystem],
        "beamline": [b.name for b in facility.beamline],
    }
    for kind, names in lists.items():
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield f"{kind} {name!r} stands twice; rename one"

    def missing(table, key, name, kind, known):
        if name is not None and name not in known:
            yield f"{table}.{key} = {name!r}: {unknown(kind, name, known)}"

    knobs = [k.name for k in facility.knob]
    quantities = [q.name for q in facility.quantity]
    yield from missing("beam", "current_knob", facility.beam.current_knob, "knob", knobs)
    yield from missing("beam", "lifetime", facility.beam.lifetime, "quantity", quantities)
    if facility.kind == "ring" and not (facility.beam.current_knob and facility.beam.lifetime):
        yield "beam: a ring needs current_knob (its stored current) and lifetime (a quantity)"
    if facility.kind == "ring" and facility.beam.fill_per_h is None:
        yield "beam: a ring needs fill_per_h, the mA an hour that it fills at"
    for q in facility.quantity:
        for name in (*q.power, *q.slope):
            yield from missing(
                f"quantity {q.name!r}", "power/slope", name, "knob or condition", facility.inputs
            )
        if q.law == "touschek" and q.voltage not in knobs:
            yield f"quantity {q.name!r}: law = 'touschek' needs voltage = the name of a knob in MV"
    at_zero = {k.name for k in facility.knob if k.value <= 0} | {
        c.name for c in facility.condition if c.value <= 0
    }
    powers = [(f"quantity {q.name!r}", q.power) for q in facility.quantity]
    powers += [(f"subsystem {s.name!r} mode {m.name!r}", m.power) for s in facility.subsystem for m in s.mode]
    for where, power in powers:
        for name in sorted(at_zero & set(power)):
            yield f"{where}.power: {name!r} has no positive reference value, so no power of it; use slope"
    for s in facility.subsystem:
        for m in s.mode:
            where = f"subsystem {s.name!r} mode {m.name!r}"
            yield from missing(where, "crew", m.crew, "crew", lists["crew"])
            yield from missing(where, "beamline", m.beamline, "beamline", lists["beamline"])
            if (m.effect == "beamline") != (m.beamline is not None):
                yield f"{where}: effect = 'beamline' and beamline = NAME go together"
            if m.effect == "injection" and facility.kind == "linac":
                yield f"{where}: effect = 'injection' needs a ring; a linac has no stored beam"
            for name in (*m.power, *m.slope):
                yield from missing(where, "power/slope", name, "knob or condition", facility.inputs)
    for b in facility.beamline:
        yield from missing(f"beamline {b.name!r}", "flux", b.flux, "quantity", quantities)
    values = {q.name: q.value for q in facility.quantity}
    scales = {b.flux for b in facility.beamline} | (
        {facility.beam.lifetime} if facility.beam.lifetime else set()
    )
    for name in sorted(scales):
        if values.get(name, 1.0) <= 0:
            yield f"quantity {name!r}: value = {values[name]:g} must be above 0, as a flux or lifetime"
    for k in facility.knob:
        if k.name == facility.beam.current_knob and k.low <= 0:
            yield f"knob {k.name!r}: low = {k.low:g} {k.unit} must be above 0, for it is the stored current"
    if not any(block.phase == "user" for block in facility.schedule.block):
        yield "schedule: no block has phase = 'user'; give users some time"
    for i, block in enumerate(facility.schedule.block):
        for name in block.beamlines or []:
            yield from missing(f"schedule.block[{i}]", "beamlines", name, "beamline", lists["beamline"])


def built_in() -> list[str]:
    """Names of the facilities that come with the package."""
    return sorted(f.name.removesuffix(".toml") for f in BUILT_IN.iterdir() if f.name.endswith(".toml"))


def load(source: str | Path) -> Facility:
    """Read a facility from a TOML file or, by name, from the built-in ones.

    Raises UserError naming the file, every defective table and key, and the mend.
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

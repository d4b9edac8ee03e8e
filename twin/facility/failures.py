"""The tables of a facility file about failures: modes, standby, maintenance, subsystems, gates, common causes."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from twin.facility.law_table import law_of, with_parameters
from twin.facility.repair import Repair
from twin.facility.table import Effect, Name, NotNegative, Phase, Positive, Sensitivity, Share, Table
from twin.lawbook import parameters
from twin.lifetimes import LIFE_LAWS, LifeLaw

WITHOUT_MTBF = [name for name, law in LIFE_LAWS.items() if "mean_h" not in parameters(law)]
"""Failure laws whose mean life follows from their other parameters."""


class _Mode(Table):
    name: Name
    effect: Literal["dump", "injection", "distort", "beamline", "unit"]
    law: str = "weibull"
    mtbf_h: Positive | None = None
    shape: Annotated[float, Field(gt=0, le=10)] = 1.0


class Mode(with_parameters(_Mode, LIFE_LAWS, unnamed=("exponential", "mean_h"))):
    """A failure mode. ``mtbf_h`` is the mean life at the reference settings, in hours of the unit's own clock."""

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
    def life(self) -> LifeLaw:
        """The failure law at the reference settings, an object of ``twin.lifetimes``."""
        return law_of(LIFE_LAWS, self, "exponential" if self.memoryless else self.law, {"mean_h": "mtbf_h"})

    @property
    def mean_h(self) -> float:
        return self.life.mean_h

    @model_validator(mode="after")
    def _law_has_its_parameters(self) -> "Mode":
        if (self.law in WITHOUT_MTBF) != (self.mtbf_h is None):
            own = ", ".join(map(repr, WITHOUT_MTBF))
            raise ValueError(
                f"mtbf_h is the mean life: every law needs it except {own}, whose mean follows from its parameters"
            )
        _ = self.life
        if self.beta and not self.memoryless:
            raise ValueError(
                f"beta = {self.beta:g} is a share of a constant failure rate: it needs law = 'weibull', shape = 1"
            )
        return self


class Standby(Table):
    """Standby: ``in_service`` units work, the others wait in reserve.

    In cold reserve a unit does not age, in warm reserve it ages at the share ``dormancy``, in hot reserve fully.
    A failed unit is replaced by a waiting one with probability ``coverage`` after ``switch_h``. A waiting unit
    fails to start with probability ``start_failure``. Rules: ``twin.reference.standby``.
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
            raise ValueError(
                "dormancy, the share of the ageing in reserve, needs kind = 'warm', and that kind needs it"
            )
        return self


class Preventive(Table):
    """Preventive maintenance: at an age, at fixed times (block), or above an accumulated hazard (condition).

    Rules: ``twin.reference.maintenance``.
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
            raise ValueError(
                "limit, the accumulated hazard to act on, needs policy = 'condition', and that policy needs it"
            )
        return self


class Subsystem(Table):
    """A part of the machine. Identical memoryless units share one failure process; other units have one each."""

    name: Name
    title: str
    units: int = Field(default=1, ge=1)
    mode: list[Mode] = Field(min_length=1)
    standby: Standby | None = None
    preventive: Preventive | None = None
    replaced_with: Name | None = None

    @property
    def working(self) -> int:
        """How many units work at once: all except those in reserve."""
        return self.standby.in_service if self.standby else self.units

    def one_process_per_unit(self, mode: Mode) -> bool:
        """True if each unit needs a failure process of its own for this mode."""
        several = sum(m.effect == "unit" for m in self.mode) > 1
        special = self.standby or self.preventive or self.replaced_with or (several and mode.effect == "unit")
        single = mode.at_start > 0 or mode.proof_test_h is not None
        return bool(special) or single or not mode.memoryless


class Level(Table):
    """The share of the flux with at least ``up`` inputs up, but fewer than the level before needs."""

    up: int = Field(ge=0)
    share: Annotated[float, Field(gt=0, le=1)]


class Gate(Table):
    """A node of the fault tree: at least ``needs`` of its inputs must be up (absent: all of them).

    Inputs are subsystems (each unit counts as one), single units (``name.3``) or other gates. The last ``level``
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
    """A common-cause event: it fails every unit of the modes in ``hits``, each with the probability given there.

    Modes are named ``"subsystem.mode"``. Rules: ``twin.reference.common_causes``.
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

"""A recommendation: one typed, versioned document; its JSON schema is published in docs/."""

import hashlib
import json
from typing import Any, Literal

from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from controllers.recommendation.parts import (
    Alternative,
    Candidate,
    Confirmed,
    Effect,
    Estimate,
    Evidence,
    Instant,
    Knob,
    Limit,
    LostHours,
    Part,
    RampStep,
    Replay,
    Skill,
    Support,
    When,
)

Json = dict[str, Any]

SCHEMA = "beamtwin/recommendation/2"
OBJECTIVE = "useful_beam"


class Recommendation(Part):
    """Proposed settings with their limits, expected effects, ramp, reasons and evidence; or why there are none."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, title="beamtwin recommendation")

    schema_id: Literal["beamtwin/recommendation/2"] = Field(
        alias="schema", description="Form and version of this document."
    )
    facility: str = Field(description="Name of the facility.")
    title: str = Field(description="The facility's name for people.")
    made_at: Instant = Field(description="When it was made.")
    expires_at: Instant = Field(description="When it may no longer be accepted.")
    verdict: Literal["change", "hold", "refuse"] = Field(
        description="'change': set what is proposed; 'hold': nothing is surely better than the present settings; "
        "'refuse': the model does not beat the best baseline on later time."
    )
    headline: str = Field(description="One sentence: what to do and what it brings.")
    why: tuple[str, ...] = Field(description="The reasons, a sentence each.")
    evidence: Evidence
    skill: tuple[Skill, ...] = Field(description="The model against the best baseline, by target.")
    knobs: tuple[Knob, ...] = Field(description="Every knob of the facility, in its order.")
    effects: tuple[Effect, ...] = Field(description="Metrics over the horizon, the objective first.")
    limits: tuple[Limit, ...] = Field(description="Promised quantities, then interlocks, at the proposal.")
    ramp: tuple[RampStep, ...] = Field(description="The way to the proposal, within every ramp rate.")
    when: When | None = Field(description="When to begin; null where nothing is to change.")
    support: Support
    candidates: tuple[Candidate, ...] = Field(description="What came into the selection.")
    unranked: int = Field(ge=0, description="Candidates that could not be ranked.")
    lost_hours: tuple[LostHours, ...] = Field(
        description="User time lost by failure process, the worst first."
    )
    replay: Replay | None = Field(
        description="Null where nothing is to change or the log has no running time."
    )
    shared_gain: Estimate | None = Field(
        description="Gain of the proposal in the runs of the selection [% useful beam], before what its ramp disturbs: "
        "the sum of the knobs' `gain_share`. The promised gain comes from other runs (`effects`)."
    )
    held_back: Estimate | None = Field(
        description="Of a 'hold': gain of a change that won the selection and was not surely better in hold-out runs "
        "[% useful beam]."
    )
    parameters_share: float | None = Field(
        description="At least this share of the variance of the promised gain is not knowing the machine, 0 ... 1; "
        "the rest is chance."
    )
    confirmed: Confirmed | None = Field(
        description="Check on the reference engine; null where nothing was simulated."
    )

    _read: Json | None = PrivateAttr(default=None)  # the JSON that it was read from, of whatever version

    @model_validator(mode="after")
    def _change_is_whole(self) -> "Recommendation":
        """A change says when to begin and what it promises."""
        if self.verdict == "change" and self.when is None:
            raise ValueError("when: a change says when to begin")
        if self.verdict == "change" and self.gain is None:
            raise ValueError(f"effects: a change has the effect on {OBJECTIVE!r}")
        return self

    @classmethod
    def from_stored(cls, current: Json, stored: Json) -> "Recommendation":
        """The document of JSON values in the present form; ``stored`` are those on disk.

        Raises pydantic's ValidationError.
        """
        made = cls.model_validate_json(json.dumps(current))
        made._read = stored
        return made

    def stored(self) -> Json:
        """Plain JSON values as on disk and in the ledger: those that it was read from, be they of an older form."""
        return self.model_dump(mode="json") if self._read is None else self._read

    def __eq__(self, other: object) -> bool:
        """Documents are equal where what is stored of them is."""
        return isinstance(other, Recommendation) and self.stored() == other.stored()

    @property
    def gain(self) -> Estimate | None:
        """The promised gain [% useful beam], beginning when the document says; None where nothing was simulated."""
        return next((effect.change for effect in self.effects if effect.metric == OBJECTIVE), None)

    @property
    def moments(self) -> list[Alternative]:
        """Every moment to begin with its gain, the earliest first."""
        if self.when is None or self.gain is None:
            return []
        begin = Alternative(**dict(self.when.begin), gain=self.gain)
        return sorted([begin, *self.when.others], key=lambda moment: moment.at_h)


def digest(made: Recommendation | Any) -> str:
    """SHA-256 of a recommendation as it is stored, or of any JSON value: its identity on the page and in the ledger."""
    stored = made.stored() if isinstance(made, Recommendation) else made
    text = json.dumps(stored, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

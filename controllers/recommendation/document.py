"""A recommendation as one typed, versioned document; its JSON schema is published in docs/."""

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
from twin.types import Json

SCHEMA = "beamtwin/recommendation/2"
OBJECTIVE = "useful_beam"


class Recommendation(Part):
    """Proposed settings with limits, expected effects, ramp, reasons and evidence; or why none are proposed."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, title="beamtwin recommendation")

    schema_id: Literal["beamtwin/recommendation/2"] = Field(
        alias="schema", description="Schema and version of this document."
    )
    facility: str = Field(description="Name of the facility.")
    title: str = Field(description="Name of the facility for display.")
    made_at: Instant = Field(description="Time at which the recommendation was made.")
    expires_at: Instant = Field(description="Time after which it may not be accepted.")
    verdict: Literal["change", "hold", "refuse"] = Field(
        description="'change': set the proposed values; 'hold': no candidate is surely better than the present "
        "settings; 'refuse': the model does not beat the best baseline on later time."
    )
    headline: str = Field(description="One sentence: what to do, and the gain to expect.")
    why: tuple[str, ...] = Field(description="The reasons, one sentence each.")
    evidence: Evidence
    skill: tuple[Skill, ...] = Field(
        description="Scores of the model and of the best baseline on later time, by target."
    )
    knobs: tuple[Knob, ...] = Field(description="Every knob of the facility, in the order of its file.")
    effects: tuple[Effect, ...] = Field(
        description="Change of each metric over the horizon, the objective first."
    )
    limits: tuple[Limit, ...] = Field(
        description="Promised quantities, then interlocks, at the proposed settings."
    )
    ramp: tuple[RampStep, ...] = Field(
        description="Steps of the ramp to the proposed settings, within every ramp rate."
    )
    when: When | None = Field(description="When to begin; null where no change is proposed.")
    support: Support
    candidates: tuple[Candidate, ...] = Field(
        description="The finalists of the search, with their gains in the selection runs."
    )
    unranked: int = Field(ge=0, description="Candidates that could not be ranked.")
    lost_hours: tuple[LostHours, ...] = Field(
        description="User time lost by failure process, most hours first."
    )
    replay: Replay | None = Field(
        description="Replay at the proposed settings; null where no change is proposed or the log has no running time."
    )
    shared_gain: Estimate | None = Field(
        description="Gain of the proposal in the selection runs [% useful beam], without the user time that its ramp "
        "disturbs: the sum of the knobs' `gain_share`. The promised gain comes from the hold-out runs (`effects`)."
    )
    held_back: Estimate | None = Field(
        description="Of a 'hold': gain in the hold-out runs of the change that was selected and is not surely better "
        "[% useful beam]; else null."
    )
    parameters_share: float | None = Field(
        description="At least this share of the variance of the promised gain is uncertainty of the model, 0 ... 1; "
        "the rest is chance."
    )
    confirmed: Confirmed | None = Field(
        description="Runs repeated on the reference engine; null where nothing was simulated."
    )

    _read: Json | None = PrivateAttr(default=None)  # the JSON values that it was read from, of either version

    @model_validator(mode="after")
    def _change_is_whole(self) -> "Recommendation":
        """A change must state when to begin and its promised gain."""
        if self.verdict == "change" and self.when is None:
            raise ValueError("when: a change must state when to begin")
        if self.verdict == "change" and self.gain is None:
            raise ValueError(f"effects: a change must state its effect on {OBJECTIVE!r}")
        return self

    @model_validator(mode="after")
    def _steps_state_the_same(self) -> "Recommendation":
        """Every step of the ramp must state the same quantities."""
        for number, step in enumerate(self.ramp):
            if step.expected.keys() != self.ramp[0].expected.keys():
                raise ValueError(
                    f"ramp.{number}.expected: every step must state the same quantities as the first"
                )
        return self

    @classmethod
    def from_stored(cls, current: Json, stored: Json) -> "Recommendation":
        """The document from ``current``, JSON values of version 2; ``stored``: the values on disk, of either version.

        Raises pydantic's ValidationError.
        """
        made = cls.model_validate_json(json.dumps(current))
        made._read = stored
        return made

    def stored(self) -> Json:
        """Plain JSON values as on disk and in the ledger: those that it was read from, also of version 1."""
        return self.model_dump(mode="json") if self._read is None else self._read

    def __eq__(self, other: object) -> bool:
        """Documents are equal if their stored JSON values are."""
        return isinstance(other, Recommendation) and self.stored() == other.stored()

    @property
    def gain(self) -> Estimate | None:
        """The promised gain [% useful beam] from the moment to begin; None where nothing was simulated."""
        return next((effect.change for effect in self.effects if effect.metric == OBJECTIVE), None)

    @property
    def moments(self) -> list[Alternative]:
        """Every moment at which the ramp may begin, with its gain, the earliest first."""
        if self.when is None or self.gain is None:
            return []
        begin = Alternative(**dict(self.when.begin), gain=self.gain)
        return sorted([begin, *self.when.others], key=lambda moment: moment.at_h)


def digest(made: Recommendation | Any) -> str:
    """SHA-256 of a recommendation as it is stored, or of any JSON value: its identity on the page and in the ledger."""
    stored = made.stored() if isinstance(made, Recommendation) else made
    text = json.dumps(stored, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

"""The parts of a recommendation, one class each, with the meaning and unit of every key."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Place = Annotated[
    Literal["inside", "edge", "outside"],
    Field(description="Whether settings lie inside, at the edge of or outside the support of the logs."),
]
Instant = Annotated[AwareDatetime, Field(description="ISO 8601 with time zone.")]
Named = dict[str, float]
Rows = Sequence[dict[str, Any]]
ReplayMetric = Literal["failures", "lost_h", "useful_beam"]


class Part(BaseModel):
    """A part of the document: unknown keys are errors, values are immutable, numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Estimate(Part):
    """An expected value with its 90 % interval."""

    mean: float = Field(description="Expected value, in the unit of the estimated quantity.")
    low: float = Field(description="Lower end of the 90 % interval.")
    high: float = Field(description="Upper end of the 90 % interval.")


class Predicted(Part):
    """A predicted value with its 90 % interval; a value that follows exactly from the settings has none."""

    mean: float = Field(description="Predicted value, in the unit of the quantity.")
    low: float | None = Field(description="Lower end of the 90 % interval; null where the value is exact.")
    high: float | None = Field(description="Upper end of the 90 % interval; null where the value is exact.")


class Evidence(Part):
    """Hashes, seed and options: with the log, the facility and the model the recommendation can be computed again."""

    log: str = Field(description="Path of the log; empty if it was not a file.")
    log_sha256: str = Field(description="SHA-256 of the log file; empty if it was not a file.")
    log_start: Instant = Field(description="Start of the log.")
    log_end: Instant = Field(description="End of the log, which is the present of the recommendation.")
    facility_sha256: str = Field(description="SHA-256 of the calibrated facility.")
    model_id: str = Field(description="Identity of the model in the registry.")
    model_sha256: str = Field(description="SHA-256 of the model's weights.")
    seed: int = Field(description="Seed of all random numbers.")
    version: str = Field(description="Version of beamtwin that trained the model.")
    runs: int = Field(description="Simulated hold-out runs of each effect.")
    horizon_h: float = Field(description="Length of the period for which effects are given [h].")
    round_h: float | None = Field(
        description="Hours into the round of the schedule at the end of the log [h]; null in files without this value."
    )
    risk: float | None = Field(
        description="Quantile of the gain by which settings were ranked, 0 ... 1; null in files without this value."
    )

    @property
    def log_hours(self) -> float:
        """Length of the log [h]."""
        return (self.log_end - self.log_start).total_seconds() / 3600.0


class Skill(Part):
    """Score of the model for one target on later time, beside the best baseline."""

    target: str = Field(description="A quantity, or a failure mode as subsystem.mode.")
    unit: str = Field(description="Unit of the quantity.")
    kind: str = Field(description="'quantity' or 'hazard'.")
    score_name: str = Field(description="Name of the score; smaller is better.")
    model: float | None = Field(description="Score of the model.")
    baseline: float | None = Field(description="Score of the best baseline.")
    baseline_name: str = Field(description="Name of the best baseline.")
    better: bool = Field(description="Whether the model beats the best baseline.")
    n: int = Field(description="Number of cases compared.")


class Knob(Part):
    """One knob with its present and its proposed value."""

    name: str = Field(description="Name in the facility file.")
    title: str = Field(description="Name for display.")
    pv: str = Field(description="Name of the process variable in the control system.")
    unit: str = Field(description="Unit of the setting.")
    precision: int = Field(description="Number of decimals that an operator reads and sets.")
    low: float = Field(description="Lower limit, in `unit`.")
    high: float = Field(description="Upper limit, in `unit`.")
    present: float = Field(description="Value at the end of the log.")
    proposed: float = Field(description="Proposed value; equal to `present` where the knob does not move.")
    ramp_per_h: float = Field(gt=0, description="Highest rate of change [`unit` per hour].")
    gain_alone: Estimate | None = Field(
        description="Gain if this knob alone moves [% useful beam], in the selection runs; null where it does not move."
    )
    gain_share: Estimate | None = Field(
        description="Share of `shared_gain` of this knob [% useful beam] (Shapley value); null where it does not move."
    )
    needed_for: str | None = Field(
        description="Of a knob that moves though its share is not surely above zero: the bound that the other changes "
        "would violate without it; null for all others."
    )

    @property
    def ramp_h(self) -> float:
        """Duration of the change at the highest rate [h]."""
        return abs(self.proposed - self.present) / self.ramp_per_h

    @property
    def moves(self) -> bool:
        """Whether the proposed value differs from the present one."""
        return self.proposed != self.present


class Effect(Part):
    """One metric over the horizon: its mean at the present settings, and its change in paired runs."""

    metric: str = Field(description="Name of the metric.")
    title: str = Field(description="Name for display.")
    unit: str = Field(description="Unit of the metric.")
    digits: int = Field(description="Number of decimals to show.")
    present: float = Field(description="Mean at the present settings.")
    change: Estimate = Field(
        description="Change by the proposal in the hold-out runs. The change of `useful_beam` is the promised gain: "
        "from the moment in `when`, after subtraction of the user time that the ramp disturbs."
    )

    @property
    def proposed(self) -> float:
        """Mean at the proposed settings."""
        return self.present + self.change.mean


class Limit(Part):
    """A promised quantity or an interlock at the proposed settings."""

    name: str = Field(description="Name in the facility file.")
    title: str = Field(description="Name for display.")
    unit: str = Field(description="Unit of the value.")
    low: float | None = Field(description="Lower bound; null where there is none.")
    high: float | None = Field(description="Upper bound; null where there is none.")
    predicted: Predicted | None = Field(
        description="Value at the proposed settings, exact for an interlock; null if the model gives no finite value."
    )


class RampStep(Part):
    """A step of the ramp from the present to the proposed settings, and the state to expect there."""

    at_h: float = Field(description="Time of the step after the end of the log [h].")
    settings: Named = Field(description="Settings by knob.")
    expected: dict[str, Predicted | None] = Field(
        description="Predicted quantities by name; null where the model gives no finite value."
    )
    failures_per_week: float | None = Field(
        description="Expected failures per week at these settings; null where the model gives no finite value."
    )
    support: Place


class Candidate(Part):
    """A finalist: settings that were evaluated in the selection runs."""

    name: str = Field(description="The search that found them.")
    settings: Named = Field(description="Settings by knob.")
    gain: Estimate = Field(
        description="Gain over the present settings in the selection runs [% useful beam]. The promised gain "
        "comes from the hold-out runs (`effects`)."
    )
    rank: int | None = Field(
        description="1 plus the number of surely better finalists; null in files without this value."
    )


class LostHours(Part):
    """Mean user time lost over the horizon in outages that began with one failure process."""

    process: str = Field(description="Failure process as subsystem.mode.")
    title: str = Field(description="Name for display.")
    present: float = Field(description="Hours lost at the present settings [h].")
    proposed: float = Field(description="Hours lost at the proposed settings [h].")


class Moment(Part):
    """A time to begin the ramp."""

    name: Literal["now", "refill", "access"] = Field(description="Now, the next refill or the access day.")
    at_h: float = Field(ge=0, description="Time after the end of the log [h].")
    disturbed_h: float = Field(description="User time that the ramp disturbs [h].")
    disturbed_share: float = Field(description="Share of the user time of the horizon, 0 ... 1.")


class Alternative(Moment):
    """A time to begin the ramp, with the gain from beginning then."""

    gain: Estimate = Field(description="Gain from beginning then, in the hold-out runs [% useful beam].")


class When(Part):
    """When to begin the ramp."""

    begin: Moment = Field(
        description="The recommended moment; its gain is the change of `useful_beam` in `effects`."
    )
    others: tuple[Alternative, ...] = Field(description="The other moments that this facility has.")


class Support(Part):
    """How far the proposed settings lie from the data of the logs."""

    distance: float = Field(description="Distance from the data, in standard deviations of the data.")
    limit: float = Field(description="Limit of the support: the 90 % quantile of the data's own distances.")
    place: Place

    @property
    def inside(self) -> bool:
        """Whether the settings lie inside the support of the logs, its edge included."""
        return self.place != "outside"


class Outage(Part):
    """One outage in the replayed weeks."""

    process: str = Field(description="The failure process that began the outage.")
    start_h: float = Field(description="Start, from the start of the log [h].")
    end_h: float | None = Field(
        description="End, from the start of the log [h]; null if it had not ended by the end of the replay."
    )

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Outage":
        """The outage from a row of a replay."""
        end = math.nan if row["end_h"] is None else float(row["end_h"])
        start = float(row["start_h"])
        return cls(process=row["process"], start_h=start, end_h=None if math.isnan(end) else end)


class Timeline(Part):
    """The outages of the replayed weeks, as recorded and at the proposed settings."""

    from_h: float = Field(description="Start of the replay, from the start of the log [h].")
    to_h: float = Field(description="End of the replay, from the start of the log [h].")
    record: tuple[Outage, ...] = Field(description="Outages in the replay of the record.")
    counterfactual: tuple[Outage, ...] = Field(
        description="Outages at the proposed settings with the same random events."
    )

    @classmethod
    def of(cls, from_h: float, to_h: float, record: Rows, counterfactual: Rows) -> "Timeline":
        """The timeline from rows of two replays: ``process``, ``start_h``, ``end_h`` (None or nan: not ended)."""
        before, after = (tuple(Outage.of(row) for row in rows) for rows in (record, counterfactual))
        return cls(from_h=float(from_h), to_h=float(to_h), record=before, counterfactual=after)


class Replayed(Part):
    """One metric of the replayed weeks."""

    metric: ReplayMetric = Field(
        description="`failures`, `lost_h` (user time lost [h]) or `useful_beam` [%]."
    )
    record: float = Field(description="Value in the replay of the record.")
    counterfactual: Estimate = Field(
        description="Value at the proposed settings with the same random events."
    )


class Reproduced(Part):
    """How many recorded failures the replay of the record reproduced."""

    failures: int = Field(description="Number of recorded failures.")
    at_their_hour: int = Field(description="Number of them that the replay reproduced at their hour.")


class Replay(Part):
    """The last weeks at the proposed settings with the same random events, beside the record."""

    metrics: tuple[Replayed, ...]
    timeline: Timeline
    reproduced: Reproduced | None = Field(
        description="Failures that the replay reproduced; null in files without this value."
    )
    summary: str = Field(description="The result in one sentence.")


class Confirmed(Part):
    """Runs at the present and the proposed settings, repeated on the reference engine."""

    runs: int = Field(description="Number of runs repeated.")
    largest_difference: float = Field(
        description="Largest difference of any tally entry between the two engines."
    )

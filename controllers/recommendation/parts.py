"""The parts of a recommendation, one class each: what every key means and its unit."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Place = Annotated[
    Literal["inside", "edge", "outside"],
    Field(description="Where settings lie against what the logs have seen."),
]
Instant = Annotated[AwareDatetime, Field(description="ISO 8601 with its zone.")]
Named = dict[str, float]
Rows = Sequence[dict[str, Any]]
ReplayMetric = Literal["failures", "lost_h", "useful_beam"]


class Part(BaseModel):
    """A part of the document: unknown keys are errors, values never change, a number is a finite one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Estimate(Part):
    """An expected value with its 90 % interval."""

    mean: float = Field(description="Expected value, in the unit of what is estimated.")
    low: float = Field(description="Lower end of the 90 % interval.")
    high: float = Field(description="Upper end of the 90 % interval.")


class Predicted(Part):
    """A predicted value; one that follows exactly from the settings has no interval."""

    mean: float = Field(description="Predicted value, in the unit of the quantity.")
    low: float | None = Field(description="Lower end of the 90 % interval; null where the value is exact.")
    high: float | None = Field(description="Upper end of the 90 % interval; null where the value is exact.")


class Evidence(Part):
    """What the recommendation rests on: who has the log, the facility and the model can compute it again."""

    log: str = Field(description="Path of the log; empty where it was no file.")
    log_sha256: str = Field(description="SHA-256 of the log file; empty where it was no file.")
    log_start: Instant = Field(description="Begin of the log.")
    log_end: Instant = Field(description="End of the log: the present of the recommendation.")
    facility_sha256: str = Field(description="SHA-256 of the calibrated facility.")
    model_id: str = Field(description="The model in the registry.")
    model_sha256: str = Field(description="SHA-256 of the model's weights.")
    seed: int = Field(description="Seed of every random number.")
    version: str = Field(description="Version of beamtwin that trained the model.")
    runs: int = Field(description="Simulated runs behind each effect.")
    horizon_h: float = Field(description="Length of the period for which effects are given [h].")
    round_h: float | None = Field(
        description="Hours into the round of the schedule at the log's end [h]; null in files that do not say."
    )
    risk: float | None = Field(
        description="Settings were ranked by this quantile of the gain, 0 ... 1; null in files that do not say."
    )

    @property
    def log_hours(self) -> float:
        """Length of the log [h]."""
        return (self.log_end - self.log_start).total_seconds() / 3600.0


class Skill(Part):
    """How well the model predicts one target on later time, beside the best baseline."""

    target: str = Field(description="Quantity, or failure mode as subsystem.mode.")
    unit: str = Field(description="Unit of the quantity.")
    kind: str = Field(description="'quantity' or 'hazard'.")
    score_name: str = Field(description="Name of the score; smaller is better.")
    model: float | None = Field(description="Score of the model.")
    baseline: float | None = Field(description="Score of the best baseline.")
    baseline_name: str = Field(description="Which baseline was best.")
    better: bool = Field(description="Whether the model beats it.")
    n: int = Field(description="Cases compared.")


class Knob(Part):
    """One setting, present and proposed."""

    name: str = Field(description="Name in the facility file.")
    title: str = Field(description="Name for people.")
    pv: str = Field(description="Name in the control system.")
    unit: str = Field(description="Unit of the setting.")
    precision: int = Field(description="Decimals that an operator reads and sets.")
    low: float = Field(description="Lower limit.")
    high: float = Field(description="Upper limit.")
    present: float = Field(description="Value at the log's end.")
    proposed: float = Field(description="Value proposed; equal to `present` where the knob stays.")
    ramp_per_h: float = Field(gt=0, description="Highest rate of change, per hour.")
    gain_alone: Estimate | None = Field(
        description="Gain if this knob alone moved [% useful beam], in the runs of the selection; null where it stays."
    )
    gain_share: Estimate | None = Field(
        description="Share of `shared_gain` that this knob brings [% useful beam] (Shapley value); null where it stays."
    )
    needed_for: str | None = Field(
        description="Of a knob whose share is not surely above zero: what does not allow the rest of the change "
        "without it; null for all others."
    )

    @property
    def ramp_h(self) -> float:
        """Time that this knob needs at its highest rate [h]."""
        return abs(self.proposed - self.present) / self.ramp_per_h

    @property
    def moves(self) -> bool:
        """Whether another value is proposed."""
        return self.proposed != self.present


class Effect(Part):
    """One metric over the horizon at the present settings, and its change in paired runs."""

    metric: str = Field(description="Name of the metric.")
    title: str = Field(description="Name for people.")
    unit: str = Field(description="Unit of the metric.")
    digits: int = Field(description="Decimals to show.")
    present: float = Field(description="Mean at the present settings.")
    change: Estimate = Field(
        description="Change by the proposal, in hold-out runs. That of `useful_beam` is the promised gain: "
        "it begins as `when` says and has lost what the ramp disturbs."
    )

    @property
    def proposed(self) -> float:
        """Mean at the proposed settings."""
        return self.present + self.change.mean


class Limit(Part):
    """A promised quantity or an interlock at the proposed settings."""

    name: str = Field(description="Name in the facility file.")
    title: str = Field(description="Name for people.")
    unit: str = Field(description="Unit of the value.")
    low: float | None = Field(description="Lower bound; null where there is none.")
    high: float | None = Field(description="Upper bound; null where there is none.")
    predicted: Predicted | None = Field(
        description="Value at the proposal; that of an interlock is exact; null where the model cannot tell."
    )


class RampStep(Part):
    """A step of the way from the present to the proposed settings, and the state to expect there."""

    at_h: float = Field(description="When it is reached, from the log's end [h].")
    settings: Named = Field(description="Settings by knob.")
    expected: dict[str, Predicted | None] = Field(
        description="Quantities by name; null where the model cannot tell."
    )
    failures_per_week: float | None = Field(
        description="Expected failures a week if the machine stayed here; null where the model cannot tell."
    )
    support: Place


class Candidate(Part):
    """Settings that came into the selection."""

    name: str = Field(description="The search that found them.")
    settings: Named = Field(description="Settings by knob.")
    gain: Estimate = Field(
        description="Gain over the present settings in the runs of the selection [% useful beam]. The promised gain "
        "comes from other runs (`effects`)."
    )
    rank: int | None = Field(
        description="One more than how many are surely better; null in files that do not say."
    )


class LostHours(Part):
    """Mean user time lost over the horizon to the outages that one failure process began."""

    process: str = Field(description="Failure process.")
    title: str = Field(description="Name for people.")
    present: float = Field(description="At the present settings [h].")
    proposed: float = Field(description="At the proposed settings [h].")


class Moment(Part):
    """A time to begin the ramp."""

    name: Literal["now", "refill", "access"] = Field(description="Now, the next refill or the access day.")
    at_h: float = Field(ge=0, description="From the log's end [h].")
    disturbed_h: float = Field(description="User time that the ramp disturbs [h].")
    disturbed_share: float = Field(description="Its share of the horizon's user time, 0 ... 1.")


class Alternative(Moment):
    """A time to begin, with the gain from beginning then."""

    gain: Estimate = Field(description="Gain from beginning then, in hold-out runs [% useful beam].")


class When(Part):
    """When to begin."""

    begin: Moment = Field(
        description="The moment advised; its gain is the change of `useful_beam` in `effects`."
    )
    others: tuple[Alternative, ...] = Field(description="The other moments that this facility has.")


class Support(Part):
    """How far the proposed settings lie from what the logs have seen."""

    distance: float = Field(description="Distance from the data, in their standard deviations.")
    limit: float = Field(description="Distance that 90 % of the data keep among themselves.")
    place: Place

    @property
    def inside(self) -> bool:
        """Whether the logs have seen such settings."""
        return self.place != "outside"


class Outage(Part):
    """One outage in the replayed weeks."""

    process: str = Field(description="The failure process that began it.")
    start_h: float = Field(description="Hours of the log [h].")
    end_h: float | None = Field(description="Hours of the log [h]; null while it goes on.")

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Outage":
        """The outage of a replay's row."""
        end = math.nan if row["end_h"] is None else float(row["end_h"])
        start = float(row["start_h"])
        return cls(process=row["process"], start_h=start, end_h=None if math.isnan(end) else end)


class Timeline(Part):
    """The outages of some weeks, recorded and at other settings."""

    from_h: float = Field(description="Begin, hours of the log [h].")
    to_h: float = Field(description="End, hours of the log [h].")
    record: tuple[Outage, ...] = Field(description="As recorded.")
    counterfactual: tuple[Outage, ...] = Field(
        description="At the other settings with the same random events."
    )

    @classmethod
    def of(cls, from_h: float, to_h: float, record: Rows, counterfactual: Rows) -> "Timeline":
        """The timeline of two replays' rows: ``process``, ``start_h`` and ``end_h``, None or nan while it goes on."""
        before, after = (tuple(Outage.of(row) for row in rows) for rows in (record, counterfactual))
        return cls(from_h=float(from_h), to_h=float(to_h), record=before, counterfactual=after)


class Replayed(Part):
    """One metric of the replayed weeks."""

    metric: ReplayMetric = Field(description="Failures, user time lost [h], useful beam [%].")
    record: float = Field(description="In the replay of the record.")
    counterfactual: Estimate = Field(description="At the proposed settings with the same random events.")


class Reproduced(Part):
    """Whether the replay of the record had its failures."""

    failures: int = Field(description="Recorded failures.")
    at_their_hour: int = Field(description="How many of them the replay had at their hour.")


class Replay(Part):
    """The last weeks at the proposed settings with the same random events, beside the record."""

    metrics: tuple[Replayed, ...]
    timeline: Timeline
    reproduced: Reproduced | None = Field(description="Null in files that do not say.")
    summary: str = Field(description="One sentence.")


class Confirmed(Part):
    """Runs of both settings repeated on the reference engine."""

    runs: int = Field(description="Runs repeated.")
    largest_difference: float = Field(description="Largest difference of any entry of their tallies.")

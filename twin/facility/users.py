"""The tables of a facility file about its users: calendar, beamlines, counting rules, published figures."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from twin.facility.table import Name, NotNegative, Positive, Share, Table


class Block(Table):
    """A block of the calendar. ``beamlines`` names the beamlines that get beam (absent: all)."""

    phase: Literal["user", "study", "maintenance"]
    hours: Positive
    beamlines: list[Name] | None = None


class Schedule(Table):
    """The repeating calendar: blocks one after another, then the first again.

    ``reserve_h_per_year`` of the user hours are a reserve, scheduled to make up for outages.
    """

    block: list[Block] = Field(min_length=1)
    user_h_per_year: Positive
    reserve_h_per_year: NotNegative = 0.0

    @property
    def period_h(self) -> float:
        return sum(block.hours for block in self.block)

    @model_validator(mode="after")
    def _reserve_is_a_part(self) -> "Schedule":
        if self.reserve_h_per_year >= self.user_h_per_year:
            raise ValueError(
                f"reserve_h_per_year = {self.reserve_h_per_year:g} is not below "
                f"user_h_per_year = {self.user_h_per_year:g}, of which it is a part"
            )
        return self


class Visit(Table):
    """A booked experiment: it arrives at this hour of every period of the schedule."""

    start_h: NotNegative
    samples: int = Field(ge=1)


class Beamline(Table):
    """An experiment station with a queue of samples.

    Experiments arrive at random (``experiments_per_week``) or as booked (``visit``). The exposure time of each
    experiment is the reference exposure times a lognormal dose of mean 1 and sigma ``dose_sigma``. The share
    ``urgent_share`` of the experiments is urgent: it is next when the present experiment is finished.
    """

    name: Name
    title: str
    flux: Name
    exchange_min: Positive
    exposure_min: Positive
    warmup_min: NotNegative = 0.0
    warmup_tau_min: Positive = 30.0
    experiments_per_week: Positive | None = None
    samples_per_experiment: Annotated[float, Field(ge=1)] | None = None
    visit: list[Visit] = []
    dose_sigma: Annotated[float, Field(ge=0, le=3)] = 0.0
    urgent_share: Share = 0.0
    weight: Positive = 1.0
    source: str = "assumed"

    @model_validator(mode="after")
    def _arrivals_are_given_once(self) -> "Beamline":
        at_random = self.experiments_per_week, self.samples_per_experiment
        if (None in at_random) != bool(self.visit) or (self.visit and any(at_random)):
            raise ValueError("give either experiments_per_week and samples_per_experiment, or visit")
        return self


class Metrics(Table):
    """The facility's counting rules (PRAB 19, 082802, 2016); the threshold current is ``beam.low_share``.

    Outages less than ``merge_h`` apart count as one, and the beam between them counts as lost. ``faults`` states
    what counts in availability, mean time between failures and mean outage: any loss of beam as promised, or
    only no beam. With ``faults_plus_one`` the mean time between failures divides by the failures plus one per run.
    """

    merge_h: NotNegative = 0.0
    faults: Literal["any", "no_beam"] = "any"
    faults_plus_one: bool = False


class Published(Table):
    """A published yearly statistic that the facility is meant to reproduce."""

    metric: Literal["availability_pct", "mtbf_h", "mean_outage_h"]
    value: float
    source: str

"""The inputs of a recommendation: the calibrated facility at the end of a log, and the schedule ahead."""

from dataclasses import dataclass, replace

import numpy as np

from controllers.recommend.envelope import Envelope
from replay_data.view import LogView
from surrogate.learned import LearnedLaw
from surrogate.monitor import up_to_date
from surrogate.registry import Model
from twin import Facility, Space, UserError
from twin.scenario import Scenario, ahead

CONDITIONS_H = 168.0  # conditions are means over so long before the log's end


@dataclass(frozen=True)
class Effort:
    """The computing effort, the risk and the horizon of a recommendation.

    Settings are ranked by the ``risk`` quantile of their expected gain: a sure small gain ranks before an unsure large
    one. Raises UserError where ``risk`` is not between 0 and 1, or the horizon is not above 0.
    """

    risk: float = 0.10
    horizon_h: float = 672.0
    evaluations: int = 28  # candidates in the search, each in one batch of runs
    random: int = 6  # random candidates, the baseline of the other searches
    tops: int = 6  # candidates from gradient ascent of the expected gain, at most
    finalists: int = 3  # candidates kept of Bayesian optimisation; of each other search one
    choosing: int = 2  # batches of selection runs, which rank the finalists and attribute the gain to knobs
    batches: int = 4  # batches of hold-out runs, from which the stated gain comes
    replay_laws: int = 8  # laws drawn from the posterior for the replay
    replay_runs: int = 4  # runs of each

    def __post_init__(self) -> None:
        if not 0.0 < self.risk < 1.0:
            raise UserError(
                f"the risk, {self.risk:g}, is not between 0 and 1: it is a quantile of the gain, 0.1 by default"
            )
        if not 0.0 < self.horizon_h < np.inf:
            raise UserError(
                f"the horizon, {self.horizon_h:g} h, is not above 0: give hours, 672 h (four weeks) by default"
            )


@dataclass(frozen=True)
class Case:
    """A machine at the end of a log, with the scenario of the weeks ahead."""

    facility: Facility  # calibrated, with the present settings as values of its knobs
    envelope: Envelope
    scenario: Scenario
    round_h: float  # hours into the round of the schedule at which the scenario begins

    @property
    def law(self) -> LearnedLaw:
        return self.envelope.law

    @property
    def space(self) -> Space:
        return self.envelope.space

    @property
    def conditions(self) -> np.ndarray:
        """Conditions [C], constant over the horizon."""
        return self.envelope.conditions

    def named(self, settings) -> dict[str, float]:
        """Settings [K] by name of knob."""
        return {name: float(v) for name, v in zip(self.space.names, settings, strict=True)}

    @property
    def refill_h(self) -> float | None:
        """Hours until the next refill at the latest; None where no knob sets the interval between refills."""
        knob = self.facility.beam.topup_knob
        return float(self.space.present[self.space.names.index(knob)]) / 60.0 if knob else None

    @property
    def access_h(self) -> float | None:
        """Hours until the next block without beam; None if there is none within the horizon."""
        ends = np.concatenate([[0.0], self.scenario.calendar.end_h[:-1]])
        off = ends[~self.scenario.calendar.beam]
        return float(off[0]) if len(off) and off[0] < self.scenario.horizon_h else None


def case(model: Model, log: LogView, horizon_h: float) -> Case:
    """The case at the end of a log: present settings, mean conditions of the last week and the schedule ahead.

    The intervals of the model are updated with what the log has measured since the model was trained.

    Raises UserError if a knob was never recorded or the present settings lie beyond a limit or an interlock.
    """
    facility = model.facility
    data, held = log.frame, log.present
    space = replace(Space.of(facility), present=held)
    space.check(held)
    last_week = data["time"].values >= data["time"].values[-1] - CONDITIONS_H
    conditions = np.array([_mean(data[c.name].values[last_week], c.value) for c in facility.condition])
    now = facility.model_copy(
        update={
            "knob": [
                k.model_copy(update={"value": float(v)}) for k, v in zip(facility.knob, held, strict=True)
            ]
        }
    )
    round_h = into_the_round(log)
    coming = ahead(now, horizon_h, round_h=round_h)
    made = Case(now, Envelope(now, space, up_to_date(model, log), conditions), coming, round_h)
    also = tuple(h for h in (made.refill_h, made.access_h) if h)  # hours at which a ramp may begin
    coming = ahead(now, horizon_h, round_h=round_h, also_h=also)
    constant = np.broadcast_to(conditions, (len(coming.edges_h) - 1, len(conditions))).copy()
    return replace(made, scenario=replace(coming, conditions=constant))


def into_the_round(log: LogView) -> float:
    """Hours into the round of the facility's schedule at which the log ends, from the last recorded blocks.

    0 without a recorded schedule, or where its phases do not match those of the facility.
    """
    plan, blocks = log.schedule, log.facility.schedule.block
    begun = np.flatnonzero(plan["start_h"] < log.hours) if len(plan["start_h"]) else []
    if not len(begun):
        return 0.0
    phases = [str(plan["phase"][i]) for i in begun[-len(blocks) :]]
    starts = np.cumsum([0.0, *(b.hours for b in blocks)])
    for b in range(len(blocks)):
        before = [blocks[(b - i) % len(blocks)].phase for i in range(len(phases))][::-1]
        since = log.hours - float(plan["start_h"][begun[-1]])
        if before == phases and since <= blocks[b].hours + 1e-9:
            return float((starts[b] + since) % starts[-1])
    return 0.0


def _mean(values: np.ndarray, default: float) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else default

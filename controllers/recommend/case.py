"""What a recommendation is made from: the calibrated facility as it stands now, and the weeks that come."""

from dataclasses import dataclass, replace

import numpy as np

from controllers.recommend.envelope import Envelope
from replay_data.view import LogView
from surrogate.learned import LearnedLaw
from surrogate.monitor import up_to_date
from surrogate.registry import Model
from twin import Facility, Space, UserError
from twin.scenario import Scenario, ahead

CONDITIONS_H = 168.0


@dataclass(frozen=True)
class Effort:
    """How much work a recommendation is given, and how much risk it takes.

    Settings are ranked by the ``risk`` quantile of their expected gain: a sure small gain beats an unsure large one.
    Raises UserError where that is no quantile, or the horizon is not above 0.
    """

    risk: float = 0.10
    horizon_h: float = 672.0
    evaluations: int = 28  # of candidates, one batch of runs each
    random: int = 6  # of them at random, which the others must beat
    tops: int = 6  # of them at most where gradient ascent of the surrogate's expected gain ends
    finalists: int = 3  # of Bayesian optimisation, and one of each other
    choosing: int = 2  # batches of other runs, on which the finalists are ranked and the gain is shared out
    batches: int = 4  # of yet other runs, on which the winner's promise rests
    replay_laws: int = 8
    replay_runs: int = 4

    def __post_init__(self) -> None:
        if not 0.0 < self.risk < 1.0:
            raise UserError(
                f"the risk, {self.risk:g}, is not between 0 and 1: it is a quantile of the gain, 0.1 if not said"
            )
        if not 0.0 < self.horizon_h < np.inf:
            raise UserError(f"the horizon, {self.horizon_h:g} h, is not above 0: 672 h are four weeks")


@dataclass(frozen=True)
class Case:
    """A machine at the end of a log, and its next weeks."""

    facility: Facility  # calibrated, the present settings those of the log's end
    envelope: Envelope
    scenario: Scenario
    round_h: float  # into the schedule's round, when the scenario begins

    @property
    def law(self) -> LearnedLaw:
        return self.envelope.law

    @property
    def space(self) -> Space:
        return self.envelope.space

    @property
    def conditions(self) -> np.ndarray:
        """[C], held over the horizon."""
        return self.envelope.conditions

    def named(self, settings) -> dict[str, float]:
        """Settings [K] by the name of their knob."""
        return {name: float(v) for name, v in zip(self.space.names, settings, strict=True)}

    @property
    def refill_h(self) -> float | None:
        """Until the next refill at the latest; None where no knob says how often the machine is filled."""
        knob = self.facility.beam.topup_knob
        return float(self.space.present[self.space.names.index(knob)]) / 60.0 if knob else None

    @property
    def access_h(self) -> float | None:
        """Until the next block without beam; None if there is none within the horizon."""
        ends = np.concatenate([[0.0], self.scenario.calendar.end_h[:-1]])
        off = ends[~self.scenario.calendar.beam]
        return float(off[0]) if len(off) and off[0] < self.scenario.horizon_h else None


def case(model: Model, log: LogView, horizon_h: float) -> Case:
    """The present settings, the weather of the log's last week and the schedule, on the calibrated facility.

    Intervals are those that stand after what the log has measured since the model was trained.

    Raises UserError if a knob was never recorded or the present settings lie beyond a limit or an interlock.
    """
    facility = model.facility
    data, held = log.frame, log.present
    space = replace(Space.of(facility), present=held)
    space.check(held)
    late = data["time"].values >= data["time"].values[-1] - CONDITIONS_H
    conditions = np.array([_mean(data[c.name].values[late], c.value) for c in facility.condition])
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
    also = tuple(h for h in (made.refill_h, made.access_h) if h)  # a ramp may begin there
    coming = ahead(now, horizon_h, round_h=round_h, also_h=also)
    steady = np.broadcast_to(conditions, (len(coming.edges_h) - 1, len(conditions))).copy()
    return replace(made, scenario=replace(coming, conditions=steady))


def into_the_round(log: LogView) -> float:
    """Hours into the facility's schedule at which the log ends: in the block that it recorded last, if it fits.

    Without a recorded schedule, or with phases that the facility does not have, the round begins anew.
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

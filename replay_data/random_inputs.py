"""The luck of a record: the ageing budgets and repair draws that a law sees in it, and their way back.

The hazard spent between two recorded failures *is* the ageing budget of that life (time rescaling), and a
recorded repair *is* its repair draw. What the record did not reach is drawn afresh, given that it had not
failed by then.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from replay_data.window import Window
from twin.draws import Draws, draw
from twin.plant import Law, LawOutput, OperatingPoint
from twin.reference import Alarm, Run
from twin.reference import FailureProcess as Life
from twin.reference.run import operating_point_at


class RandomInputs(NamedTuple):
    """What a law makes of the recorded failures: budgets of whole lives, hazard spent by unfinished ones."""

    budget: list[np.ndarray]  # [P] arrays of the lives that ended in the window
    spent: np.ndarray  # [P] by the life that had not ended
    repair_z: list[np.ndarray]


class Told(Life):
    """A life that fails when the record says so, and tells what it had spent by then."""

    def __init__(self, run: Run, p: int):
        self.budgets: list[float] = []
        self.told = Alarm(run.env, self.fail)
        super().__init__(run, p)

    def next_budget(self) -> float:
        return 0.0

    def next_due(self) -> float:
        return np.inf

    def aim(self) -> None:
        waits = self.up and self.ordinal < len(self.budget)
        self.told.set(max(self.budget[self.ordinal], self.run.env.now) if waits else np.inf)

    def follow(self, hazard: float) -> None:
        super().follow(hazard)
        self.aim()

    def fail(self) -> None:
        self.spend()
        self.budgets.append(-self.left)
        super().fail()


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Times:
    """A law with its hazards multiplied, process by process."""

    law: Any
    factor: Any  # [P]

    def __call__(self, settings, conditions) -> LawOutput:
        point = self.law(settings, conditions)
        return LawOutput(point.hazard * self.factor, point.quantity)


def operating_points(view: Window, law: Law) -> list[tuple[float, OperatingPoint]]:
    """(end [h], operating_point) of each epoch of a window under a law."""
    law = law if view.hazard_times is None else Times(law, view.hazard_times)
    scenario = view.scenario
    rows = zip(scenario.edges_h[1:].tolist(), scenario.settings, scenario.conditions, strict=True)
    return [
        (end_h, operating_point_at(view.plant, law, settings, conditions))
        for end_h, settings, conditions in rows
    ]


def play(
    view: Window, plan: list[tuple[float, OperatingPoint]], draws: Draws, life=Life, record: bool = True
) -> Run:
    """One run through a window: ages and faults under way at its start are there from hour 0.

    The reference engine: a window is short and of a shape of its own, so compiling would cost more than running.
    """
    run = Run(view.plant, draws, view.scenario.calendar, life, record)
    for own, age_h in zip(run.processes, view.age_h.tolist(), strict=True):
        own.born -= age_h
    down = view.down if life is Life else []
    for end_h, operating_point in plan:
        run.follow(operating_point)
        while down:
            run.processes[down.pop(0)].fail()
        run.proceed(end_h)
    return run


def recover(view: Window, law: Law) -> RandomInputs:
    """The luck that this law sees in the record, found by driving the twin through the recorded failures."""
    plant, faults = view.plant, view.faults
    mine = [faults["process"] == p for p in range(len(plant.shape))]
    repair = [
        process.mode.repair.time.z_of(faults["repair_h"][m])
        for process, m in zip(view.facility.processes, mine, strict=True)
    ]
    room = 1 + max((m.sum() for m in mine), default=0)
    starts, z = np.full((len(mine), room), np.inf), np.zeros((len(mine), room))
    for p, m in enumerate(mine):
        starts[p, : m.sum()], z[p, : m.sum()] = faults["start_h"][m], repair[p]
    arrive, demand = _demand(view, 1)
    run = play(
        view, operating_points(view, law), Draws(starts, z, arrive[0], demand[0], np.zeros((0, 1))), Told
    )
    lives = [life for life in run.processes if isinstance(life, Told)]
    for life in lives:
        life.spend()
    return RandomInputs(
        [np.array(life.budgets) for life in lives], np.array([-life.left for life in lives]), repair
    )


def _demand(view: Window, runs: int):
    """Recorded arrivals for every run; none come after the record."""
    room = 2 ** int(np.ceil(np.log2(max(len(a) for a in view.arrive_h) + 2)))
    arrive = np.full((runs, len(view.arrive_h), room), 1e12)
    demand = np.zeros((runs, len(view.arrive_h), room + 1))
    for b, (times, sizes) in enumerate(zip(view.arrive_h, view.samples, strict=True)):
        arrive[:, b, : len(times)] = times
        total = np.cumsum(sizes)
        demand[:, b, 1 : len(total) + 1] = total
        demand[:, b, len(total) + 1 :] = total[-1]
    return arrive, demand


def same_random_events(view: Window, recovered: list[RandomInputs], each: int, seed: int) -> Draws:
    """Draws of ``len(recovered) * each`` runs: the recovered luck, then fresh draws given what was spent."""
    runs = len(recovered) * each
    most = max((len(b) for inputs in recovered for b in inputs.budget), default=0)
    room = 2 ** int(np.ceil(np.log2(2 * most + 32)))
    fresh = draw(view.facility, runs, room, 1, seed)
    budget, z = np.array(fresh.budget), np.array(fresh.repair_z)
    for r in range(runs):
        inputs = recovered[r // each]
        for p, known in enumerate(inputs.budget):
            budget[r, p, : len(known)] = np.maximum(known, 1e-300)
            budget[r, p, len(known)] += inputs.spent[p]
            z[r, p, : len(inputs.repair_z[p])] = inputs.repair_z[p]
    return Draws(budget, z, *_demand(view, runs), fresh.coin)

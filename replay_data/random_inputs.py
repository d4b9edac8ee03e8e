"""The random inputs of a record: recover ageing budgets and repair draws under a law, and replay them.

The hazard integrated between two recorded failures *is* the ageing budget of that life (time rescaling), and
a recorded repair *is* its repair draw. Random inputs beyond the end of the record are drawn, conditional on
no failure until then.
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
    """The random inputs of the recorded failures under a law."""

    budget: list[np.ndarray]  # [P] arrays: ageing budgets of the lives that ended in the window
    spent: np.ndarray  # [P] integrated hazard of the life that had not ended
    repair_z: list[np.ndarray]  # [P] arrays: repair draws, normal scores


class RecordedProcess(Life):
    """A failure process that fails at the recorded times, and stores the integrated hazard of each life."""

    def __init__(self, run: Run, p: int):
        self.budgets: list[float] = []
        self.recorded = Alarm(run.env, self.fail)
        super().__init__(run, p)

    def next_budget(self) -> float:
        return 0.0

    def next_due(self) -> float:
        return np.inf

    def aim(self) -> None:
        waits = self.up and self.ordinal < len(self.budget)
        self.recorded.set(max(self.budget[self.ordinal], self.run.env.now) if waits else np.inf)

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
    """A law with its hazards multiplied by a factor per process."""

    law: Any
    factor: Any  # [P]

    def __call__(self, settings, conditions) -> LawOutput:
        point = self.law(settings, conditions)
        return LawOutput(point.hazard * self.factor, point.quantity)


def operating_points(view: Window, law: Law) -> list[tuple[float, OperatingPoint]]:
    """(end [h], operating point) of each epoch of a window under a law."""
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
    """Run the reference engine through a window, with the ages and faults under way at its start.

    The batched engine is not used: every window has another shape, and compiling would take longer than the run.
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
    """Recover the random inputs of the record under a law, by running the twin through the recorded failures."""
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
        view,
        operating_points(view, law),
        Draws(starts, z, arrive[0], demand[0], np.zeros((0, 1))),
        RecordedProcess,
    )
    processes = [process for process in run.processes if isinstance(process, RecordedProcess)]
    for process in processes:
        process.spend()
    budgets, spent = [np.array(p.budgets) for p in processes], np.array([-p.left for p in processes])
    return RandomInputs(budgets, spent, repair)


def _demand(view: Window, runs: int):
    """The recorded arrivals of experiments, for every run; none after the end of the record."""
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
    """Draws of ``len(recovered) * each`` runs: the recovered random inputs, then new draws conditional on them."""
    runs = len(recovered) * each
    most = max((len(b) for inputs in recovered for b in inputs.budget), default=0)
    room = 2 ** int(np.ceil(np.log2(2 * most + 32)))
    new = draw(view.facility, runs, room, 1, seed)
    budget, z = np.array(new.budget), np.array(new.repair_z)
    for r in range(runs):
        inputs = recovered[r // each]
        for p, known in enumerate(inputs.budget):
            budget[r, p, : len(known)] = np.maximum(known, 1e-300)
            budget[r, p, len(known)] += inputs.spent[p]
            z[r, p, : len(inputs.repair_z[p])] = inputs.repair_z[p]
    return Draws(budget, z, *_demand(view, runs), new.coin)

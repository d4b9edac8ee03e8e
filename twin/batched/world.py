"""What the batched engine's runs do not change: plant, chance and calendar, as the compiled program takes them."""

from typing import Any, NamedTuple

import numpy as np

from twin.batched.facts import StaticConfiguration
from twin.batched.gates import Branches, branches, shared
from twin.draws import Draws
from twin.errors import UserError
from twin.plant import Plant, repair_hours
from twin.scenario import Calendar
from twin.supported import lacking
from twin.tree import DUMP

CALENDAR = 0  # the clock that never stands still


class RunInputs(NamedTuple):
    """What a run does not change: its plant, its chance, its calendar."""

    plant: Plant
    tree: Branches
    owner: Any  # [P + S] the process of each row: its own, then a place for each unit of the like ones
    chance: Any  # [R, P, 2 N] what each process awaits in turn: a life's budget, its repair hours, ...
    drawn: Any  # [P] lives that are drawn of each process, alike in all runs
    arrive_h: Any  # [R, B, A]
    demand: Any  # [R, B, A + 1]
    calendar: Calendar
    facts: StaticConfiguration

    @property
    def runs(self) -> int:
        return self.chance.shape[0]

    @property
    def processes(self) -> int:
        return self.chance.shape[1]

    @property
    def rows(self) -> int:
        return self.owner.shape[0]


def world(plant: Plant, draws: Draws, calendar: Calendar) -> RunInputs:
    """The world of R runs, one for each run of ``draws``."""
    if lacks := lacking(plant.facility):
        raise UserError(f"the batched engine lacks {'; '.join(lacks)}; take the reference engine")
    facts, used = _facts(plant), _clocks(plant)
    processes = np.arange(len(plant.units))
    places = (
        np.repeat(processes, np.where(plant.units > 1, plant.units, 0)) if facts.several else processes[:0]
    )
    arrays = plant._replace(
        minimal=plant.minimal & (plant.shape != 1.0),
        diagnosis_h=np.where(plant.crew < 0, 0.0, plant.diagnosis_h),
        conditioning_h=np.where(plant.crew < 0, 0.0, plant.conditioning_h),
        clock=np.searchsorted(used, plant.clock),
        clock_beam=plant.clock_beam[used],
        clock_phase=plant.clock_phase[used],
        tree=None,
        processes=None,
        facility=None,
    )
    owner = np.concatenate([processes, places]).astype(np.int32)
    drawn = np.isfinite(draws.budget[:1]).sum(-1)[0]
    chance = _chance(plant, draws, drawn)
    return RunInputs(
        arrays, branches(plant), owner, chance, drawn, draws.arrive_h, draws.demand, calendar, facts
    )


def _clocks(plant: Plant) -> list[int]:
    """The clocks that some process ages by, after the calendar."""
    return [CALENDAR, *sorted(set(plant.clock.tolist()) - {CALENDAR})]


def _facts(plant: Plant) -> StaticConfiguration:
    stops = (plant.effect == DUMP) & plant.clock_beam[
        plant.clock
    ]  # itself: no beam, no ageing, no second failure
    return StaticConfiguration(
        ring=bool(plant.ring),
        ageing=tuple(np.flatnonzero(plant.shape != 1.0).tolist()),
        clocks=len(_clocks(plant)),
        phased=not plant.clock_phase[_clocks(plant)].all(),
        minimal=bool((plant.minimal & (plant.shape != 1.0)).any()),
        several=bool(((plant.units > 1) & ~stops).any()),
        staged=bool(((plant.crew >= 0) & (plant.diagnosis_h + plant.conditioning_h > 0)).any()),
        shared=len(plant.tree.names) if shared(plant) else 0,
        levels=any(node.share for node in plant.tree.gates),
    )


def _chance(plant: Plant, draws: Draws, drawn) -> np.ndarray:
    """Budgets and hours out of service by turns, so that the next of a process lies beside its last."""
    idle = np.where(plant.crew < 0, plant.diagnosis_h + plant.conditioning_h, 0.0)
    hours = repair_hours(plant, draws.repair_z, drawn) + idle[:, None]
    return np.stack([draws.budget, hours], axis=-1).reshape(*hours.shape[:2], 2 * hours.shape[2])

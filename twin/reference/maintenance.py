"""Preventive maintenance of units: asked for by age, at fixed times, or by their wear."""

import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import count, islice
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from twin.facility import Mode, Preventive, Subsystem
from twin.reference.crews import Job
from twin.reference.standby import Reserve
from twin.reference.units import Exchange, Unit

if TYPE_CHECKING:
    from twin.reference.clocks import Clock
    from twin.reference.failures import Life
    from twin.reference.run import Run

LAST = -(10**9)
"""The priority of maintenance for a crew: repairs come first."""
ROUNDING = 1e-9


class PreventiveMaintenance:
    """The maintenance of one unit: when it is due, when it is done, what it does.

    Due, at a limit T = ``every_h``, by ``policy``:

    - age: an ageing mode reaches the age T in its own clock; each renewal of the mode begins anew;
    - block: at T, 2 T, 3 T, ... on the calendar, whatever the age;
    - condition: at T, 2 T, 3 T, ... the wear is read, and if for an ageing mode rate * Lambda(age),
      the spent hazard at its present rate, has reached ``limit``.

    Ageing modes are those that are not memoryless; where all are, they count. Work begins when it is due
    or, with ``when`` = "shutdown", in the first maintenance block from then on (at once in one), and as
    soon as a crew is free, repairs first. If by then a failure is known or the policy does not ask for it
    any more, it is dropped: by age and condition the repair has done its work, a block is skipped.

    From its beginning to its end all modes of the unit act as if they had failed; then all have age 0, minimal
    repair or not, and go on with the rest of their budgets; hidden failures are put right by it. User time
    that it costs has no failure as its cause; ``down_h`` counts failures alone.
    """

    def __init__(self, unit: Unit, table: Preventive, modes: list[Mode], coin: str):
        self.unit, self.run, self.table, self.coin = unit, unit.run, table, coin
        unit.preventive = self
        ageing = [life for life, mode in zip(unit.lives, modes, strict=True) if not mode.memoryless]
        self.ageing = ageing or unit.lives
        self.takes = table.takes.time
        self.planned, self.job = False, None
        self.watches = [Watch(self, life) for life in self.ageing] if table.policy == "age" else []
        if table.policy != "age":
            self.run.env.process(self.inspections())

    def inspections(self):
        env, every_h = self.run.env, self.table.every_h
        for k in count(1):
            yield env.timeout(max(k * every_h - env.now, 0.0))
            self.consider()

    def aim(self) -> None:
        for watch in self.watches:
            watch.aim()

    @property
    def needed(self) -> bool:
        """Does the policy ask for it, and is no repair in hand?"""
        if not self.unit.sound or self.table.policy == "block":
            return self.unit.sound
        worn = self.age if self.table.policy == "age" else self.spent
        limit = self.table.every_h if self.table.policy == "age" else self.table.limit or 0.0
        return any(worn(life) >= limit * (1.0 - ROUNDING) for life in self.ageing)

    @staticmethod
    def age(life: "Life") -> float:
        life.spend()
        return life.aged - life.born

    @staticmethod
    def spent(life: "Life") -> float:
        return life.ages.spending(0.0, PreventiveMaintenance.age(life), life.rate)

    def consider(self) -> None:
        """It may be due: plan it, and ask for it now or at the next shutdown."""
        if not (self.planned or self.job) and self.needed:
            self.planned = True
            if self.table.when == "due" or not self.run.wanted:
                self.ask()

    def shutdown(self) -> None:
        """A maintenance block begins."""
        if self.planned:
            self.ask()

    def ask(self) -> None:
        self.planned = False
        if self.needed:
            self.job = Job(self.run.crews, self.table.crew, LAST, self.hours(), self.tell)
            self.job.done.callbacks.append(lambda _event: self.end())
            self.run.crews.post(self.job)

    def hours(self) -> float:
        """How long it will take: the quantile of the next coin, [h]."""
        if not self.takes.random:
            return self.takes.mean_h
        quantile = max(self.run.streams.uniform(self.coin), np.finfo(float).tiny)
        return float(self.takes.hours(ndtri(np.array([quantile])))[0])

    def drop(self) -> None:
        """The unit has failed: a call for a crew that still waits is taken back."""
        if self.job and not self.job.begun:
            self.run.crews.withdraw(self.job)
            self.job = None

    def tell(self, kind: str) -> None:
        """Hands are there: take the unit out of service."""
        if kind == "repair":
            self.run.accounting.count()
            self.run.note("maintain", self.unit.lives[0].p)
            self.unit.rest()
            self.run.settle()

    def end(self) -> None:
        self.job = None
        self.run.accounting.count()
        self.run.note("maintained", self.unit.lives[0].p)
        self.unit.resume()
        self.run.settle()


class Watch:
    """Waits on a life's clock for the age at which its unit is due."""

    def __init__(self, preventive: PreventiveMaintenance, life: "Life"):
        self.preventive, self.life = preventive, life
        self.p, self.called = -1 - life.p, 0

    @property
    def clock(self) -> "Clock":
        return self.life.clock

    def next_due(self) -> float:
        return self.life.born + self.preventive.table.every_h if self.life.up else math.inf

    def aim(self) -> None:
        self.clock.put(self, self.next_due())
        self.clock.aim()

    def fail(self) -> None:
        self.preventive.consider()


def maintenance(run: "Run") -> tuple[list[Reserve], list[PreventiveMaintenance]]:
    """The units of all subsystems that need more than lives: their reserves and their maintenance."""
    facility, reserves, preventives = run.plant.facility, list[Reserve](), list[PreventiveMaintenance]()
    if not any(map(_needs_units, facility.subsystem)):
        return reserves, preventives
    exchanges = defaultdict[tuple[str, int], Exchange](Exchange)
    for s, units, modes in _units(run):
        if s.standby:
            reserves.append(Reserve(run, s, units))
        for i, unit in enumerate(units):
            if s.preventive:
                preventives.append(
                    PreventiveMaintenance(unit, s.preventive, modes, f"maintain {s.name}.{i + 1}")
                )
            if s.replaced_with:
                exchanges[s.replaced_with, i].take(unit)
    return reserves, preventives


def _needs_units(s: Subsystem) -> bool:
    return bool(s.standby or s.preventive or s.replaced_with or any(m.proof_test_h for m in s.mode))


def _units(run: "Run") -> Iterator[tuple[Subsystem, list[Unit], list[Mode]]]:
    """The units of each subsystem that needs them, and the modes of which each unit has a life of its own."""
    individual, lives = run.plant.facility.individual_modes, iter(run.lives)
    for s in run.plant.facility.subsystem:
        modes = [mode for mode in s.mode if f"{s.name}.{mode.name}" in individual]
        rows = [list(islice(lives, s.units if mode in modes else 1)) for mode in s.mode]
        if _needs_units(s):
            single = [row for row, mode in zip(rows, s.mode, strict=True) if mode in modes]
            yield s, [Unit(run, list(own), modes) for own in zip(*single, strict=True)], modes

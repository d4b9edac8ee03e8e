"""Preventive maintenance of units: by age, at fixed times, or by condition."""

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
    from twin.reference.failures import FailureProcess
    from twin.reference.run import Run

LAST = -(10**9)
"""The priority of maintenance jobs: repairs come first."""
ROUNDING = 1e-9


class PreventiveMaintenance:
    """The preventive maintenance of one unit: when it is due, when it is done, and its effect.

    Due, at a limit T = ``every_h``, by ``policy``:

    - age: an ageing mode reaches the age T in its own clock; each renewal of the mode restarts the count;
    - block: at T, 2 T, 3 T, ... on the calendar, whatever the age;
    - condition: at T, 2 T, 3 T, ... the condition is read; it is due if for an ageing mode rate * Lambda(age),
      the cumulative hazard at its present rate, has reached ``limit``.

    Ageing modes are those that are not memoryless; if all are memoryless, all count. Work begins when it is due
    or, with ``when`` = "shutdown", in the first maintenance block from then on (at once during one), and as
    soon as a crew is free, repairs first. If by then a failure is known or the policy does not require it any
    more, it is dropped: with age and condition the repair has replaced it, with block this date is skipped.

    During the work all modes of the unit act as if they had failed. Afterwards all have age 0, minimal repair or
    not, and keep the rest of their ageing budgets; hidden failures are repaired by it. User time that it costs
    has no failure as its cause; ``down_h`` counts failures only.
    """

    def __init__(self, unit: Unit, table: Preventive, modes: list[Mode], stream: str):
        self.unit, self.run, self.table, self.stream = unit, unit.run, table, stream
        unit.preventive = self
        ageing = [process for process, mode in zip(unit.processes, modes, strict=True) if not mode.memoryless]
        self.ageing = ageing or unit.processes
        self.takes = table.takes.time
        self.planned, self.job = False, None
        self.age_limits = (
            [AgeLimit(self, process) for process in self.ageing] if table.policy == "age" else []
        )
        if table.policy != "age":
            self.run.env.process(self.inspections())

    def inspections(self):
        env, every_h = self.run.env, self.table.every_h
        for k in count(1):
            yield env.timeout(max(k * every_h - env.now, 0.0))
            self.consider()

    def aim(self) -> None:
        for age_limit in self.age_limits:
            age_limit.aim()

    @property
    def needed(self) -> bool:
        """True if the policy requires it and no repair is under way."""
        if not self.unit.sound or self.table.policy == "block":
            return self.unit.sound
        worn = self.age if self.table.policy == "age" else self.spent
        limit = self.table.every_h if self.table.policy == "age" else self.table.limit or 0.0
        return any(worn(process) >= limit * (1.0 - ROUNDING) for process in self.ageing)

    @staticmethod
    def age(process: "FailureProcess") -> float:
        process.spend()
        return process.aged - process.born

    @staticmethod
    def spent(process: "FailureProcess") -> float:
        return process.law.spending(0.0, PreventiveMaintenance.age(process), process.rate)

    def consider(self) -> None:
        """Check whether it is due; if so, request it now or at the next shutdown."""
        if not (self.planned or self.job) and self.needed:
            self.planned = True
            if self.table.when == "due" or not self.run.wanted:
                self.request()

    def shutdown(self) -> None:
        """A maintenance block begins."""
        if self.planned:
            self.request()

    def request(self) -> None:
        self.planned = False
        if self.needed:
            self.job = Job(self.run.crews, self.table.crew, LAST, self.hours(), self.report)
            self.job.done.callbacks.append(lambda _event: self.end())
            self.run.crews.post(self.job)

    def hours(self) -> float:
        """The duration [h]: the quantile at the next number of its stream."""
        if not self.takes.random:
            return self.takes.mean_h
        quantile = max(self.run.streams.uniform(self.stream), np.finfo(float).tiny)
        return float(self.takes.hours(ndtri(np.array([quantile])))[0])

    def drop(self) -> None:
        """The unit has failed: withdraw a maintenance job that still waits for a crew."""
        if self.job and not self.job.begun:
            self.run.crews.withdraw(self.job)
            self.job = None

    def report(self, kind: str) -> None:
        """The job begins: take the unit out of service."""
        if kind == "repair":
            self.run.accounting.count()
            self.run.note("maintain", self.unit.processes[0].p)
            self.unit.rest()
            self.run.settle()

    def end(self) -> None:
        self.job = None
        self.run.accounting.count()
        self.run.note("maintained", self.unit.processes[0].p)
        self.unit.resume()
        self.run.settle()


class AgeLimit:
    """An item on the clock of a failure process: due at the age at which its unit needs maintenance."""

    def __init__(self, preventive: PreventiveMaintenance, process: "FailureProcess"):
        self.preventive, self.process = preventive, process
        self.p, self.version = -1 - process.p, 0

    @property
    def clock(self) -> "Clock":
        return self.process.clock

    def next_due(self) -> float:
        return self.process.born + self.preventive.table.every_h if self.process.up else math.inf

    def aim(self) -> None:
        self.clock.put(self, self.next_due())
        self.clock.aim()

    def fail(self) -> None:
        self.preventive.consider()


def maintenance(run: "Run") -> tuple[list[Reserve], list[PreventiveMaintenance]]:
    """The reserves and the preventive maintenance of all subsystems that have them."""
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
    """The units of each subsystem that needs them, and the modes with one failure process for each unit."""
    individual, processes = run.plant.facility.individual_modes, iter(run.processes)
    for s in run.plant.facility.subsystem:
        modes = [mode for mode in s.mode if f"{s.name}.{mode.name}" in individual]
        rows = [list(islice(processes, s.units if mode in modes else 1)) for mode in s.mode]
        if _needs_units(s):
            single = [row for row, mode in zip(rows, s.mode, strict=True) if mode in modes]
            yield s, [Unit(run, list(own), modes) for own in zip(*single, strict=True)], modes

"""A failure process: units age, fail when the ageing budget is spent, and are renewed by repair."""

from math import isinf
from typing import TYPE_CHECKING

from twin.laws import NEVER
from twin.reference.clocks import Clock

if TYPE_CHECKING:
    from twin.reference.run import Run
    from twin.reference.units import Unit


class FailureProcess:
    """One failure mode of one unit, or of several identical units: ``up`` of them work.

    ``left`` is what remains of the ageing budget until the next failure. Identical units age at the summed hazard
    of those that work; a single unit does not age while it is down. ``unit`` is set where standby, preventive
    maintenance or proof tests act on the whole unit.
    """

    unit: "Unit | None" = None

    def __init__(self, run: "Run", p: int):
        self.run, self.p = run, p
        self.units = self.up = int(run.plant.units[p])
        self.clock = run.clocks[run.plant.clock[p]]
        self.law = run.plant.processes[p].mode.life
        self.minimal = bool(run.plant.minimal[p])
        self.hazard = 0.0
        self.version, self.ordinal = 0, 0
        self.budget = run.draws.budget[p].tolist()
        self.left, self.aged = self.next_budget(), self.clock.now
        self.born = self.aged

    def next_budget(self) -> float:
        """The ageing budget until the next failure; the last one is used again when all are used up."""
        return self.budget[min(self.ordinal, len(self.budget) - 1)]

    def spend(self) -> None:
        """Spend the ageing budget up to now at the present hazard."""
        now = self.clock.now
        if not self.up:
            self.born += now - self.aged  # a unit that is down does not age
        elif now > self.aged:
            self.left -= self.law.spending(self.aged - self.born, now - self.born, self.rate)
        self.aged = now

    @property
    def rate(self) -> float:
        """The hazard of the units that work."""
        return self.hazard * self.up / self.units

    @property
    def in_service(self) -> bool:
        """True if a unit works and is not in reserve."""
        return self.up > 0 and (self.unit is None or self.unit.in_service)

    def next_due(self) -> float:
        """Time of the clock at which the budget will be spent, [h]."""
        rate = self.rate
        if rate <= 0:
            return NEVER
        return self.aged + self.law.hours_left(self.aged - self.born, max(self.left, 0.0), rate)

    def aim(self) -> None:
        """Schedule the next failure from the budget that is left."""
        if self.up and (self.ordinal >= len(self.budget) or isinf(self.budget[self.ordinal])):
            self.run.exhausted = True
        self.clock.put(self, self.next_due())
        self.clock.aim()

    def move(self, clock: Clock) -> None:
        """Continue ageing on another clock."""
        self.spend()
        age = self.aged - self.born
        self.clock.put(self, NEVER)
        self.clock.aim()
        self.clock, self.aged = clock, clock.now
        self.born = self.aged - age
        self.aim()

    def fail(self) -> None:
        """A unit fails: its budget is spent, or a common-cause event or a demand fails it."""
        self.run.failed(self, self.end())

    def end(self) -> int:
        """Take a failed unit out of service and prepare its next budget; the ordinal of this failure."""
        ordinal = self.stop()
        self.ordinal += 1
        self.left = self.next_budget()
        self.aim()
        return ordinal

    def stop(self) -> int:
        """Take one unit out of service; the ordinal of its present budget."""
        self.spend()
        self.up -= 1
        return self.ordinal

    def renew(self) -> None:
        """A unit returns to service, as good as new or, after a minimal repair, as old as before."""
        self.spend()
        self.up += 1
        if not self.minimal:
            self.born = self.aged
        self.aim()

    def as_new(self) -> None:
        """A working unit is renewed before it fails: its age is 0 again.

        It keeps what is left of the budget, since the remainder of a unit exponential is again a unit exponential.
        """
        self.spend()
        self.born = self.aged
        self.aim()

    def follow(self, hazard: float) -> None:
        """Use a new hazard from now on; the budget spent so far stays spent."""
        self.spend()
        self.hazard = hazard

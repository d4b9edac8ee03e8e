"""A failure process: it spends its ageing budget in its own time, fails, is repaired, is renewed."""

from math import isinf
from typing import TYPE_CHECKING

from twin.laws import NEVER
from twin.reference.clocks import Clock

if TYPE_CHECKING:
    from twin.reference.run import Run
    from twin.reference.units import Unit


class Life:
    """The ``up`` working units of one failure process, and the budget that the next failure will have spent.

    Like units age at the summed hazard of those that work; a unit apart stops ageing while it is down.
    ``unit`` is set where standby, upkeep or proof tests need to know the whole unit.
    """

    unit: "Unit | None" = None

    def __init__(self, run: "Run", p: int):
        self.run, self.p = run, p
        self.units = self.up = int(run.plant.units[p])
        self.clock = run.clocks[run.plant.clock[p]]
        self.ages = run.plant.processes[p].mode.life
        self.minimal = bool(run.plant.minimal[p])
        self.hazard = 0.0
        self.called, self.ordinal = 0, 0
        self.budget = run.draws.budget[p].tolist()
        self.left, self.aged = self.next_budget(), self.clock.now
        self.born = self.aged

    def next_budget(self) -> float:
        """What the present life can spend; the last draw stands in once they are used up."""
        return self.budget[min(self.ordinal, len(self.budget) - 1)]

    def spend(self) -> None:
        """Age up to now at the present hazard."""
        now = self.clock.now
        if not self.up:
            self.born += now - self.aged  # what is down does not age
        elif now > self.aged:
            self.left -= self.ages.spending(self.aged - self.born, now - self.born, self.rate)
        self.aged = now

    @property
    def rate(self) -> float:
        """The hazard of the units that work."""
        return self.hazard * self.up / self.units

    @property
    def serves(self) -> bool:
        """Does a unit of it work, and not wait in reserve?"""
        return self.up > 0 and (self.unit is None or self.unit.serves)

    def next_due(self) -> float:
        """Own time at which the budget will be spent."""
        rate = self.rate
        if rate <= 0:
            return NEVER
        return self.aged + self.ages.hours_left(self.aged - self.born, max(self.left, 0.0), rate)

    def aim(self) -> None:
        """Await the failure anew, from what has been spent so far."""
        if self.up and (self.ordinal >= len(self.budget) or isinf(self.budget[self.ordinal])):
            self.run.exhausted = True
        self.clock.put(self, self.next_due())
        self.clock.aim()

    def move(self, clock: Clock) -> None:
        """Age on in another clock's time."""
        self.spend()
        age = self.aged - self.born
        self.clock.put(self, NEVER)
        self.clock.aim()
        self.clock, self.aged = clock, clock.now
        self.born = self.aged - age
        self.aim()

    def fail(self) -> None:
        """A unit fails: its budget is spent, or a common cause has struck it."""
        self.run.failed(self, self.end())

    def end(self) -> int:
        """One unit's life is over, its next one waits for the repair; the ordinal of the one that is over."""
        ordinal = self.stop()
        self.ordinal += 1
        self.left = self.next_budget()
        self.aim()
        return ordinal

    def stop(self) -> int:
        """Take one unit out of service; the ordinal of its life."""
        self.spend()
        self.up -= 1
        return self.ordinal

    def renew(self) -> None:
        """A unit comes back, as good as new or, after a minimal repair, as old as it was."""
        self.spend()
        self.up += 1
        if not self.minimal:
            self.born = self.aged
        self.aim()

    def as_new(self) -> None:
        """A working unit is renewed before it failed: its age is 0 again.

        The next life has what is left of the budget: the rest of a unit exponential is one itself.
        """
        self.spend()
        self.born = self.aged
        self.aim()

    def follow(self, hazard: float) -> None:
        """Take over a new law's hazard; what was spent stays spent."""
        self.spend()
        self.hazard = hazard

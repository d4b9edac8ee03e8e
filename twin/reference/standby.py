"""Standby: some units of a subsystem are in service, the others wait in reserve to replace them."""

from typing import TYPE_CHECKING

from twin.facility import Subsystem
from twin.reference.clocks import Clock

if TYPE_CHECKING:
    from twin.reference.run import Run
    from twin.reference.units import Unit


class Reserve:
    """The service positions of one subsystem, and the units in reserve.

    - In reserve the clock of a unit runs at 0 (cold), ``dormancy`` (warm) or 1 (hot) times its rate in service;
      it stands still while the unit has failed or is under repair or maintenance.
    - When the failure of a unit in service is noticed and a unit is in reserve, the switching succeeds with
      probability ``coverage``. After ``switch_h`` the unit that has waited longest (at first the one with the
      lowest number) starts. With probability ``start_failure``, or if it has a hidden failure, it does not
      start: that is a failure of its first mode, known at once, and after ``switch_h`` the next unit is tried.
    - A position that is not filled (no coverage, or no unit in reserve) stays empty until a unit returns. After
      repair or maintenance a unit goes at once to an empty position, if any, else to the end of the reserve.
    - Maintenance is planned: the switching always succeeds, but it takes ``switch_h`` and the start may fail.

    The gates above count the positions filled by units that work.
    """

    def __init__(self, run: "Run", subsystem: Subsystem, units: "list[Unit]"):
        table = subsystem.standby
        assert table
        self.run, self.name, self.table, self.units = run, subsystem.name, table, units
        self.idle = {"cold": 0.0, "hot": 1.0}.get(table.kind, table.dormancy or 0.0)
        self.working, self.waiting = units[: table.in_service], units[table.in_service :]
        self.coming = 0  # positions for which a switching is under way
        self.clocks = {unit: [process.clock for process in unit.processes] for unit in units}
        for unit in units:
            unit.reserve = self
            for process in unit.processes:
                process.move(Clock(run.env))
        for unit in self.waiting:
            run.logic.troubles[self.leaf(unit)] += 1

    def leaf(self, unit: "Unit") -> int:
        return self.run.plant.tree.leaf[unit.processes[0].p]

    def follow(self) -> None:
        """Update the clocks of the units after a change of the plant's clocks."""
        for unit in self.units:
            self.pace(unit)

    def pace(self, unit: "Unit") -> None:
        """Set the rate of a unit's clocks: in service, in reserve or down."""
        share = 0.0
        if unit.whole:
            share = 1.0 if unit in self.working else self.idle if unit in self.waiting else 0.0
        for process, clock in zip(unit.processes, self.clocks[unit], strict=True):
            process.clock.run(share * clock.rate)

    def leave(self, unit: "Unit", planned: bool = False) -> None:
        """A unit goes to repair or maintenance; if it was in service, another is called to replace it."""
        if unit in self.waiting:
            self.waiting.remove(unit)
        elif unit in self.working:
            self.working.remove(unit)
            self.run.logic.trouble(self.leaf(unit), 1)
            if self.available and (
                planned or self.run.streams.occurs(f"cover {self.name}", self.table.coverage)
            ):
                self.call()
        self.pace(unit)

    @property
    def available(self) -> bool:
        return len(self.waiting) > self.coming

    def call(self) -> None:
        """Fill a position from the reserve, now or after the switching time."""
        if self.table.switch_h == 0.0:
            self.start()
        else:
            self.coming += 1
            self.run.env.timeout(self.table.switch_h).callbacks.append(lambda _event: self.arrive())

    def arrive(self) -> None:
        self.run.accounting.count()
        self.coming -= 1
        self.start()
        self.run.settle()

    def start(self) -> None:
        """The unit that has waited longest starts; if it does not, its failure is known and the next one is called."""
        if not self.waiting:
            return
        unit = self.waiting.pop(0)
        if unit.whole and not self.run.streams.occurs(f"call {self.name}", self.table.start_failure):
            self.enter(unit)
            return
        if unit.whole:
            self.run.lose(unit.processes[0], unit.processes[0].end())
        unit.find()
        self.pace(unit)
        if self.available:
            self.call()

    def enter(self, unit: "Unit") -> None:
        self.run.note("start", unit.processes[0].p)
        self.working.append(unit)
        self.run.logic.trouble(self.leaf(unit), -1)
        self.pace(unit)

    def take(self, unit: "Unit") -> None:
        """A unit returns: to an empty position, else to the end of the reserve."""
        if unit not in self.working and unit not in self.waiting:
            if len(self.working) + self.coming < self.table.in_service:
                self.enter(unit)
            else:
                self.waiting.append(unit)
        self.pace(unit)

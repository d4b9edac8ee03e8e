"""Standby: some units of a subsystem work, the others wait in reserve and take over."""

from typing import TYPE_CHECKING

from twin.facility import Subsystem
from twin.reference.clocks import Clock

if TYPE_CHECKING:
    from twin.reference.run import Run
    from twin.reference.units import Unit


class Reserve:
    """The places in service of one subsystem, and the units that wait for one.

    - Own time of a unit runs as that of its modes does in service, times 0 (cold), ``dormancy`` (warm) or
      1 (hot) in reserve, and stands still while it has failed, is repaired or maintained.
    - When the failure of a working unit is noticed and a unit waits, one switching is covered with
      probability ``coverage``. After ``switch_h`` the unit that has waited longest (at first the one of
      the lowest number) starts; with probability ``start_failure``, or if it has failed unnoticed, it does
      not: that is a failure of its first mode, known at once, and after ``switch_h`` the next one is tried.
    - A place that is not filled (not covered, or nobody waits) stays empty until a unit comes back: from
      repair or maintenance a unit goes at once to an empty place, if any, and else to the end of the reserve.
    - Going to maintenance is planned: always covered, but the change takes ``switch_h`` and may fail to start.

    The gates above count the places filled by units that work.
    """

    def __init__(self, run: "Run", subsystem: Subsystem, units: "list[Unit]"):
        table = subsystem.standby
        assert table
        self.run, self.name, self.table, self.units = run, subsystem.name, table, units
        self.idle = {"cold": 0.0, "hot": 1.0}.get(table.kind, table.dormancy or 0.0)
        self.working, self.waiting = units[: table.in_service], units[table.in_service :]
        self.coming = 0  # places for which a switching is under way
        self.clocks = {unit: [life.clock for life in unit.lives] for unit in units}
        for unit in units:
            unit.reserve = self
            for life in unit.lives:
                life.move(Clock(run.env))
        for unit in self.waiting:
            run.logic.troubles[self.leaf(unit)] += 1

    def leaf(self, unit: "Unit") -> int:
        return self.run.plant.tree.leaf[unit.lives[0].p]

    def follow(self) -> None:
        """The clocks of the plant have changed; those of the units go with them."""
        for unit in self.units:
            self.pace(unit)

    def pace(self, unit: "Unit") -> None:
        """Let the own time of a unit run as its place demands."""
        share = 0.0
        if unit.whole:
            share = 1.0 if unit in self.working else self.idle if unit in self.waiting else 0.0
        for life, clock in zip(unit.lives, self.clocks[unit], strict=True):
            life.clock.run(share * clock.rate)

    def leave(self, unit: "Unit", planned: bool = False) -> None:
        """A unit goes to be repaired or maintained; if it worked, another is called to its place."""
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
        """Fill a place from the reserve, now or after the time that switching takes."""
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
        """The unit that has waited longest starts, or is found failed and the next one is called."""
        if not self.waiting:
            return
        unit = self.waiting.pop(0)
        if unit.whole and not self.run.streams.occurs(f"call {self.name}", self.table.start_failure):
            self.enter(unit)
            return
        if unit.whole:
            self.run.lose(unit.lives[0], unit.lives[0].end())
        unit.find()
        self.pace(unit)
        if self.available:
            self.call()

    def enter(self, unit: "Unit") -> None:
        self.run.note("start", unit.lives[0].p)
        self.working.append(unit)
        self.run.logic.trouble(self.leaf(unit), -1)
        self.pace(unit)

    def take(self, unit: "Unit") -> None:
        """A unit is back: to an empty place, else to the end of the reserve."""
        if unit not in self.working and unit not in self.waiting:
            if len(self.working) + self.coming < self.table.in_service:
                self.enter(unit)
            else:
                self.waiting.append(unit)
        self.pace(unit)

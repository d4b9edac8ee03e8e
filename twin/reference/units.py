"""Units with several modes: failures noticed at once or by a proof test, and units that are replaced together."""

from math import floor
from typing import TYPE_CHECKING

from twin.facility import Mode

if TYPE_CHECKING:
    from twin.reference.failures import FailureProcess
    from twin.reference.maintenance import PreventiveMaintenance
    from twin.reference.run import Run
    from twin.reference.standby import Reserve


class Unit:
    """One unit of a subsystem, with a failure process for each mode that has one for each unit.

    A failure acts on the fault tree at once. Recovery begins when the failure is noticed: at once; with
    ``proof_test_h`` = T at the first multiple of T on the calendar after the failure; or earlier, when the
    unit is called from reserve and does not start. Maintenance repairs hidden failures.
    """

    def __init__(self, run: "Run", processes: "list[FailureProcess]", modes: list[Mode]):
        self.run, self.processes = run, processes
        self.tests_h = {process: mode.proof_test_h for process, mode in zip(processes, modes, strict=True)}
        self.open: dict[FailureProcess, int] = {}  # failures not yet repaired, and their ordinals
        self.hidden: set[FailureProcess] = set()  # those of them that are not noticed yet
        self.resting = False  # under maintenance
        self.stopped: list[FailureProcess] = []  # by maintenance
        self.reserve: Reserve | None = None
        self.exchange: Exchange | None = None
        self.preventive: PreventiveMaintenance | None = None
        for process in processes:
            process.unit = self

    @property
    def whole(self) -> bool:
        """True if the unit works and is not under maintenance."""
        return not self.open and not self.resting

    @property
    def in_service(self) -> bool:
        return self.reserve is None or self in self.reserve.working

    @property
    def sound(self) -> bool:
        """True if no failure is known and the unit is not under maintenance."""
        return len(self.open) == len(self.hidden) and not self.resting

    def failed(self, process: "FailureProcess", ordinal: int) -> None:
        """A mode of the unit has failed: notice it now, or at the proof test."""
        self.open[process] = ordinal
        test_h = self.tests_h[process]
        if test_h is None:
            self.notice(process)
            return
        self.hidden.add(process)
        if self.reserve:
            self.reserve.pace(self)
        env = self.run.env
        test = env.timeout(max(test_h * (floor(env.now / test_h) + 1) - env.now, 0.0))
        test.callbacks.append(lambda _event: self.test(process, ordinal))

    def test(self, process: "FailureProcess", ordinal: int) -> None:
        """The proof test after failure number ``ordinal``."""
        if process in self.hidden and self.open[process] == ordinal and not self.resting:
            self.run.accounting.count()
            self.notice(process)
            self.run.settle()

    def find(self) -> None:
        """The unit is inspected: all its hidden failures are noticed."""
        for process in [process for process in self.processes if process in self.hidden]:
            self.notice(process)

    def notice(self, process: "FailureProcess") -> None:
        """A failure is known: the unit leaves its position and its recovery begins."""
        if process in self.hidden:
            self.hidden.discard(process)
            self.run.note("noticed", process.p, self.open[process])
        if self.preventive:
            self.preventive.drop()
        if self.reserve:
            self.reserve.leave(self)
        if self.exchange is None or self.exchange.begin():
            self.run.recoveries[process.p].begin(process, self.open[process])

    def fixed(self, process: "FailureProcess") -> None:
        """A repair is done: of this failure, or of all units that are replaced together."""
        if self.exchange:
            self.exchange.done()
        else:
            self.clear(process)
            self.back()

    def clear(self, process: "FailureProcess") -> None:
        self.hidden.discard(process)
        self.run.regain(process, self.open.pop(process))

    def rest(self) -> None:
        """Maintenance takes the unit out of service: all its modes act as failed."""
        accounting, logic = self.run.accounting, self.run.logic
        up_before = not logic.machine_down
        self.resting = True
        self.stopped = [process for process in self.processes if process.up]
        if self.reserve:
            self.reserve.leave(self, planned=True)
        for process in self.stopped:
            process.stop()
            process.aim()
            logic.lose(process.p)
        if up_before and logic.machine_down:
            accounting.cause = accounting.none

    def resume(self) -> None:
        """Maintenance is over: all modes are as good as new."""
        for process in self.stopped:
            self.run.logic.regain(process.p)
            process.renew()
        self.resting = False
        self.renew()

    def renew(self) -> None:
        """The whole unit is as good as new; hidden failures are repaired too."""
        for process in self.processes:
            if process in self.open:
                self.clear(process)
            process.as_new()
        self.back()

    def back(self) -> None:
        """Part of the unit is renewed; if no failure is known it returns to service."""
        if self.reserve and self.sound:
            self.reserve.take(self)
        if self.preventive:
            self.preventive.aim()


class Exchange:
    """A replaceable assembly: the units with the same number in all subsystems with the same ``replaced_with``.

    The first noticed failure begins an exchange, with the recovery of its mode. Failures that occur or are
    noticed meanwhile begin no recovery. When the exchange is done, all failures of these units are repaired,
    hidden ones too, and every mode has age 0, minimal repair or not.
    """

    def __init__(self):
        self.units: list[Unit] = []
        self.under_way = False

    def take(self, unit: Unit) -> None:
        unit.exchange = self
        self.units.append(unit)

    def begin(self) -> bool:
        """Begin an exchange; True unless one is under way."""
        first, self.under_way = not self.under_way, True
        return first

    def done(self) -> None:
        self.under_way = False
        for unit in self.units:
            if not unit.resting:
                unit.renew()

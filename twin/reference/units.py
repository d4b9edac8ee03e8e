"""Whole units: their failures, noticed at once or by a proof test, and units that are exchanged together."""

from math import floor
from typing import TYPE_CHECKING

from twin.facility import Mode

if TYPE_CHECKING:
    from twin.reference.failures import Life
    from twin.reference.maintenance import PreventiveMaintenance
    from twin.reference.run import Run
    from twin.reference.standby import Reserve


class Unit:
    """One unit of a subsystem, with a life for each mode that is followed unit by unit.

    A failure acts on the tree at once, but recovery from it begins when it is noticed: at once; with
    ``proof_test_h`` = T at the next multiple of T on the calendar, the first after the failure; or before,
    when the unit is called from reserve and does not start. Maintenance puts hidden failures right.
    """

    def __init__(self, run: "Run", lives: "list[Life]", modes: list[Mode]):
        self.run, self.lives = run, lives
        self.tests_h = {life: mode.proof_test_h for life, mode in zip(lives, modes, strict=True)}
        self.open: dict[Life, int] = {}  # failures not yet put right: the ordinal of the life that each ended
        self.hidden: set[Life] = set()  # those of them that nobody has noticed
        self.resting = False  # under maintenance
        self.stopped: list[Life] = []  # by it
        self.reserve: Reserve | None = None
        self.exchange: Exchange | None = None
        self.preventive: PreventiveMaintenance | None = None
        for life in lives:
            life.unit = self

    @property
    def whole(self) -> bool:
        """In truth, fit to work."""
        return not self.open and not self.resting

    @property
    def serves(self) -> bool:
        return self.reserve is None or self in self.reserve.working

    @property
    def sound(self) -> bool:
        """Fit to work as far as anybody knows."""
        return len(self.open) == len(self.hidden) and not self.resting

    def failed(self, life: "Life", ordinal: int) -> None:
        """A mode of the unit has failed: notice it now, or wait for the proof test."""
        self.open[life] = ordinal
        test_h = self.tests_h[life]
        if test_h is None:
            self.notice(life)
            return
        self.hidden.add(life)
        if self.reserve:
            self.reserve.pace(self)
        env = self.run.env
        test = env.timeout(max(test_h * (floor(env.now / test_h) + 1) - env.now, 0.0))
        test.callbacks.append(lambda _event: self.test(life, ordinal))

    def test(self, life: "Life", ordinal: int) -> None:
        """The proof test after the failure that ended life ``ordinal``."""
        if life in self.hidden and self.open[life] == ordinal and not self.resting:
            self.run.accounting.count()
            self.notice(life)
            self.run.settle()

    def find(self) -> None:
        """The unit is looked at: whatever was hidden shows."""
        for life in [life for life in self.lives if life in self.hidden]:
            self.notice(life)

    def notice(self, life: "Life") -> None:
        """A failure is known: the unit leaves its place, recovery begins."""
        if life in self.hidden:
            self.hidden.discard(life)
            self.run.note("noticed", life.p, self.open[life])
        if self.preventive:
            self.preventive.drop()
        if self.reserve:
            self.reserve.leave(self)
        if self.exchange is None or self.exchange.begin():
            self.run.recoveries[life.p].begin(life, self.open[life])

    def fixed(self, life: "Life") -> None:
        """A repair is done: of this failure, or of all that is exchanged with it."""
        if self.exchange:
            self.exchange.done()
        else:
            self.put_right(life)
            self.back()

    def put_right(self, life: "Life") -> None:
        self.hidden.discard(life)
        self.run.regain(life, self.open.pop(life))

    def rest(self) -> None:
        """Maintenance takes the unit out of service: the effects of all its modes act."""
        accounting, logic = self.run.accounting, self.run.logic
        whole = not logic.machine_down
        self.resting = True
        self.stopped = [life for life in self.lives if life.up]
        if self.reserve:
            self.reserve.leave(self, planned=True)
        for life in self.stopped:
            life.stop()
            life.aim()
            logic.lose(life.p)
        if whole and logic.machine_down:
            accounting.cause = accounting.none

    def resume(self) -> None:
        """Maintenance is over: all modes are as good as new."""
        for life in self.stopped:
            self.run.logic.regain(life.p)
            life.renew()
        self.resting = False
        self.renew()

    def renew(self) -> None:
        """The whole unit is as good as new, what had failed unnoticed too."""
        for life in self.lives:
            if life in self.open:
                self.put_right(life)
            life.as_new()
        self.back()

    def back(self) -> None:
        """Something of the unit has been renewed; if it is sound it may work again."""
        if self.reserve and self.sound:
            self.reserve.take(self)
        if self.preventive:
            self.preventive.aim()


class Exchange:
    """A minimal replaceable unit: units of one number in all subsystems of one ``replaced_with``.

    The first failure that is noticed in it begins an exchange, with that mode's recovery. Failures that
    come or are noticed meanwhile begin no recovery of their own. When it is done, whatever has failed in
    the exchanged units is put right, hidden failures too, and every mode has age 0, minimal repair or not.
    """

    def __init__(self):
        self.units: list[Unit] = []
        self.under_way = False

    def take(self, unit: Unit) -> None:
        unit.exchange = self
        self.units.append(unit)

    def begin(self) -> bool:
        """Is this the failure that begins an exchange?"""
        first, self.under_way = not self.under_way, True
        return first

    def done(self) -> None:
        self.under_way = False
        for unit in self.units:
            if not unit.resting:
                unit.renew()

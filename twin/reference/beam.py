"""The stored beam: off, restarting or stored; while stored it fills, holds or decays."""

from typing import TYPE_CHECKING

from twin import laws
from twin.beam_states import OFF, RESTARTING, STORED
from twin.laws import NEVER, SCALAR
from twin.reference.clocks import Alarm
from twin.tree import DISTORT, DUMP, INJECTION

if TYPE_CHECKING:
    from twin.reference.run import Run

FILL, HOLD, DECAY = range(3)


class Beam:
    """The mode of the beam, and its current since the last new piece of the curve."""

    def __init__(self, run: "Run"):
        plant = run.plant
        self.run, self.mode, self.regime = run, OFF, HOLD
        self.current, self.since = 0.0, 0.0
        self.ring, self.restart_h = bool(plant.ring), float(plant.restart_h)
        self.fill_per_h, self.low_share = float(plant.fill_per_h), float(plant.low_share)
        self.off_since = 0.0
        self.alarm = Alarm(run.env, self.due)

    def now_ma(self) -> float:
        if self.mode != STORED or self.regime == HOLD:
            return self.current
        hours = self.run.env.now - self.since
        if self.regime == FILL:
            return self.current + self.fill_per_h * hours
        return laws.decay(
            self.current, self.run.operating_point.gas, self.run.operating_point.touschek, hours, SCALAR
        )

    def rebase(self, current=None) -> None:
        """Begin a new piece of the current curve now."""
        self.current = self.now_ma() if current is None else current
        self.since = self.run.env.now

    @property
    def injector_up(self) -> bool:
        return not self.run.logic.down[INJECTION]

    def due(self) -> None:
        """The next event of the beam: restart over, target reached, or current too low."""
        run, target = self.run, self.run.operating_point.target
        run.accumulate()
        if self.mode == RESTARTING:
            self.mode = STORED
            self.rebase(0.0 if self.ring else target)
            run.note("stored", 0)
        elif self.regime == FILL or (self.injector_up and self.current > target):
            self.rebase(target)
            run.note("target", 0)
        else:
            self.rebase(self.low_share * target)
            run.note("low", 0)
        run.settle(new_piece=True)

    def settle(self, new_piece: bool) -> bool:
        """Update the beam for failures, calendar and injector; True if the curve has a new piece."""
        before = self.mode
        may_start = self.injector_up or not self.ring
        stop = not self.run.wanted or self.run.logic.down[DUMP]
        if stop or (before == RESTARTING and not may_start):
            self.switch_off()
        elif before == OFF and may_start:
            self.begin()
        if self.mode != STORED:
            return before == STORED
        regime = self.wanted_regime()
        if regime == self.regime and not new_piece:
            return False
        self.rebase()
        self.regime = regime
        self.alarm.set(self.since + self.hours_to_next())
        return True

    def switch_off(self) -> None:
        if self.mode == OFF:
            return
        self.alarm.set(NEVER)
        self.off_since = self.run.env.now
        if self.mode == STORED:
            self.run.note("lost", 0)
            self.rebase(0.0)
        self.mode = OFF

    def begin(self) -> None:
        """Start up; units may fail on this demand."""
        self.mode = RESTARTING
        self.alarm.set(self.run.env.now + self.restart_h)
        self.run.demands.start()

    def wanted_regime(self) -> int:
        target, current = self.run.operating_point.target, self.now_ma()
        if not self.ring or (self.injector_up and current == target):
            return HOLD
        return FILL if self.injector_up and current < target else DECAY

    def hours_to_next(self) -> float:
        operating_point, low = self.run.operating_point, self.low_share * self.run.operating_point.target
        if self.regime == FILL:
            return (operating_point.target - self.current) / self.fill_per_h
        if self.regime == HOLD:
            return NEVER
        goal = operating_point.target if self.injector_up else low
        if self.current <= goal or goal == 0.0:
            return NEVER
        return laws.decay_time(self.current, goal, operating_point.gas, operating_point.touschek, SCALAR)

    @property
    def low(self) -> bool:
        return self.regime == DECAY and self.current <= self.low_share * self.run.operating_point.target

    @property
    def good(self) -> bool:
        """Beam as promised to the users."""
        steady = self.mode == STORED and self.regime != FILL and not self.low
        return steady and not self.run.logic.down[DISTORT]

    @property
    def phase(self) -> str | None:
        """The operating phase that follows from the beam, if any."""
        if self.mode == RESTARTING:
            return "startup"
        return "injection" if self.mode == STORED and self.regime == FILL else None

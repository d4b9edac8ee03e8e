"""A beamline: optics that warm up, a queue of samples, samples spoilt when the beam is lost."""

from bisect import bisect_right
from math import floor
from typing import TYPE_CHECKING

from twin import laws
from twin.beam_states import STORED
from twin.laws import NEVER, SCALAR
from twin.reference.beam import HOLD
from twin.reference.clocks import Alarm

if TYPE_CHECKING:
    from twin.reference.run import Run


class Line:
    """One beamline: whether its optics have beam, whether it measures, and the samples done, in closed form."""

    def __init__(self, run: "Run", b: int):
        plant = run.plant
        self.run, self.b = run, b
        self.done, self.arrived, self.spoilt = 0.0, 0, 0
        self.since, self.since_ma, self.per_ma = 0.0, 0.0, 0.0
        self.heated, self.measuring = False, False
        self.times = float(plant.exchange_h[b]), float(plant.exposure_h[b])
        self.optics = float(plant.warmup_h[b]), float(plant.warmup_tau_h[b])
        self.warm_left, self.dark_since, self.warm_at = self.optics[0], 0.0, NEVER
        self.flux_before = 0.0
        self.arrive_h, self.demand = run.draws.arrive_h[b].tolist(), run.draws.demand[b].tolist()
        self.warm_alarm = Alarm(run.env, self.warm)
        self.empty_alarm = Alarm(run.env, self.empty)
        self.arrival = Alarm(run.env, self.arrive)
        self.arrival.set(self.arrive_h[0])

    def accumulate(self, now_ma: float) -> None:
        """Count the samples measured since the last call, with the beam until now."""
        run, per_ma = self.run, self.per_ma
        now = run.env.now
        if self.measuring and run.beam.regime == HOLD:
            self.done += (now - self.since) / laws.sample_h(per_ma * now_ma, *self.times)
        elif self.measuring:
            losses = run.operating_point.gas, run.operating_point.touschek
            self.done += laws.samples_in_decay(self.since_ma, now_ma, *losses, *self.times, per_ma, SCALAR)
        self.since, self.since_ma = now, now_ma
        self.flux_before = per_ma * now_ma

    def settle(self, new_piece: bool, good: bool) -> None:
        """Update warm-up, spoilt samples and measuring, and set the alarms."""
        run = self.run
        now = run.env.now
        heated = run.beam.mode == STORED and run.open[self.b] and not run.logic.line_down[self.b]
        if self.heated and not heated:
            self.cool(now)
        elif heated and not self.heated:
            dark_h = now - self.dark_since
            self.warm_at = now + laws.warmup_left(self.warm_left, dark_h, *self.optics, SCALAR)
            self.warm_alarm.set(self.warm_at if self.warm_at > now else NEVER)
        self.heated = heated
        measuring = heated and good and now >= self.warm_at and self.demand[self.arrived] - self.done > 0
        if measuring != self.measuring or new_piece:
            self.per_ma = run.operating_point.flux_per_ma[self.b] * run.logic.share
            self.measuring, self.since, self.since_ma = measuring, now, run.beam.now_ma()
            self.aim()

    def cool(self, now: float) -> None:
        """The optics lose the beam: store the remaining warm-up, spoil the sample in exposure."""
        self.warm_left, self.dark_since = max(self.warm_at - now, 0.0), now
        self.warm_at = NEVER
        self.warm_alarm.set(NEVER)
        share = laws.exchange_share(max(self.flux_before, 1e-12), *self.times)
        if self.done - floor(self.done) > share:
            self.done, self.spoilt = float(floor(self.done)), self.spoilt + 1

    def aim(self) -> None:
        """Set the alarm for the time when the queue will be empty."""
        self.empty_alarm.set(self.run.env.now + self.hours_to_empty())

    def left(self) -> float:
        """Samples left in the queue, or in the present experiment."""
        return self.demand[self.arrived] - self.done

    def hours_to_empty(self) -> float:
        run, left = self.run, self.left()
        if not self.measuring:
            return NEVER
        if run.beam.regime == HOLD:
            return left * laws.sample_h(self.per_ma * run.beam.current, *self.times)
        losses = run.operating_point.gas, run.operating_point.touschek
        at_ma = laws.decay_for_samples(self.since_ma, left, *losses, *self.times, self.per_ma, SCALAR)
        return laws.decay_time(self.since_ma, at_ma, *losses, SCALAR) if at_ma > 0 else NEVER

    def finished(self) -> int:
        """Experiments completed: first come, first served."""
        return bisect_right(self.demand, self.done + 1e-9) - 1

    def empty(self) -> None:
        self.run.accumulate()
        self.done = self.demand[self.arrived]
        self.changed("empty")

    def warm(self) -> None:
        self.warm_at = self.run.env.now
        self.changed("warm")

    def changed(self, kind: str) -> None:
        self.run.note(kind, self.b)
        self.run.settle()

    def arrive(self) -> None:
        """An experiment arrives with its samples."""
        self.run.accumulate()
        self.arrived += 1
        self.run.note("arrive", self.b)
        if self.arrived < len(self.arrive_h):
            self.arrival.set(self.arrive_h[self.arrived])
        else:
            self.run.exhausted = True
        if self.measuring:
            self.aim()
        self.run.settle()

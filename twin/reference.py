"""The reference engine: one run of the plant in SimPy, plain to read; the definition of the twin."""

from functools import partial
from typing import NamedTuple

import numpy as np
import simpy

from twin import laws
from twin.draws import Draws
from twin.outcome import Tally
from twin.plant import BEAMLINE, DISTORT, DUMP, INJECTION, Drive, Law, Plant, Point, at, drive
from twin.scenario import Calendar, Scenario

OFF, RESTARTING, STORED = range(3)
FILL, HOLD, DECAY = range(3)


NOTHING = Drive(np.zeros(0), 0.0, 0.0, 0.0, np.zeros(0))


class Event(NamedTuple):
    """Something that happened: when, what, and to which process or beamline (by index)."""

    at_h: float
    kind: str
    subject: int


class Piece(NamedTuple):
    """A piece of the current's curve and the samples counted when it began."""

    at_h: float
    mode: int
    regime: int
    current: float
    gas: float
    touschek: float
    done: tuple[float, ...]


class Alarm:
    """A wake-up call that can be moved: only the latest time set for it rings."""

    def __init__(self, env: simpy.Environment, ring):
        self.env, self.ring, self.latest = env, ring, 0

    def set(self, at_h: float) -> None:
        self.latest += 1
        if np.isfinite(at_h):
            timeout = self.env.timeout(max(at_h - self.env.now, 0.0))
            timeout.callbacks.append(partial(self._wake, self.latest))

    def _wake(self, number: int, _event) -> None:
        if number == self.latest:
            self.ring()


class Life:
    """One failure process: it spends its ageing budget, fails, waits for its crew, is renewed."""

    def __init__(self, run: "Run", p: int):
        self.run, self.p, self.ordinal, self.failed = run, p, 0, False
        self.alarm = Alarm(run.env, self.fail)
        self.running, self.shape = False, run.plant.shape[p]
        self.renew()

    def renew(self) -> None:
        self.age_h, self.since = 0.0, self.run.env.now
        lives = self.run.draws.budget.shape[1]
        self.run.exhausted |= self.ordinal >= lives
        self.left = self.run.draws.budget[self.p, min(self.ordinal, lives - 1)]

    def spend(self) -> None:
        """Age up to now at the present hazard."""
        if self.running:
            older = self.age_h + self.run.env.now - self.since
            hazard = self.run.drive.hazard[self.p]
            self.left -= laws.ageing(older, hazard, self.shape) - laws.ageing(self.age_h, hazard, self.shape)
            self.age_h = older
        self.since = self.run.env.now

    def settle(self, new_law: bool) -> None:
        """Start or stop ageing; aim the alarm at the moment the budget will be spent."""
        stored = self.run.beam.mode == STORED
        running = not self.failed and (stored or not self.run.plant.with_beam[self.p])
        if running == self.running and not new_law:
            return
        self.spend()
        self.running = running
        hazard = self.run.drive.hazard[self.p]
        ages = running and hazard > 0
        left = max(self.left, 0.0)
        self.alarm.set(
            self.since + laws.time_to_spend(self.age_h, left, hazard, self.shape) if ages else laws.NEVER
        )

    def fail(self) -> None:
        self.run.note("fail", self.p)
        self.run.tally_failure(self.p)
        self.failed, self.running = True, False
        self.run.env.process(self.repair())
        self.run.settle()

    def repair(self):
        plant, env = self.run.plant, self.run.env
        z = self.run.draws.repair_z[self.p, min(self.ordinal, self.run.draws.repair_z.shape[1] - 1)]
        hours = laws.repair_h(plant.repair_mu[self.p], plant.repair_sigma[self.p], z)
        if plant.crew[self.p] < 0:
            yield env.timeout(hours)
        else:
            with self.run.crews[plant.crew[self.p]].request() as turn:
                yield turn
                self.run.note("repair", self.p)
                yield env.timeout(hours)
        self.run.note("fixed", self.p)
        self.run.count()
        self.failed, self.ordinal = False, self.ordinal + 1
        self.renew()
        self.run.settle()


class Beam:
    """The beam's state: off, restarting, stored; while stored it fills, holds or decays."""

    def __init__(self, run: "Run"):
        self.run, self.mode, self.regime = run, OFF, HOLD
        self.current, self.since = 0.0, 0.0
        self.alarm = Alarm(run.env, self.due)

    def now_ma(self) -> float:
        hours = self.run.env.now - self.since
        if self.mode == STORED and self.regime == DECAY:
            return laws.decay(self.current, self.run.drive.gas, self.run.drive.touschek, hours)
        if self.mode == STORED and self.regime == FILL:
            return self.current + self.run.plant.fill_per_h * hours
        return self.current

    def rebase(self, current=None) -> None:
        """Begin a new piece of the current's curve here."""
        self.current = self.now_ma() if current is None else current
        self.since = self.run.env.now

    def due(self) -> None:
        """The awaited moment: restart over, target reached, or current too low."""
        run, target = self.run, self.run.drive.target
        run.bank()
        if self.mode == RESTARTING:
            self.mode = STORED
            self.rebase(0.0 if run.plant.ring else target)
            run.note("stored", 0)
        elif self.regime == FILL or (run.injector_up and self.current > target):
            self.rebase(target)
            run.note("target", 0)
        else:
            self.rebase(run.plant.low_share * target)
            run.note("low", 0)
        run.settle(new_piece=True)

    def settle(self, new_piece: bool) -> bool:
        """Follow the faults, the calendar and the injector; True if the curve has a new piece."""
        run, before = self.run, self.mode
        may_start = run.injector_up or not run.plant.ring
        if not run.wanted or run.any_down(DUMP) or (self.mode == RESTARTING and not may_start):
            self.mode = OFF
        elif self.mode == OFF and may_start:
            self.mode = RESTARTING
            self.alarm.set(run.env.now + run.plant.restart_h)
        if self.mode == OFF and before != OFF:
            self.alarm.set(laws.NEVER)
        if before == STORED and self.mode == OFF:
            run.note("lost", 0)
            self.rebase(0.0)
        if self.mode != STORED:
            return before == STORED
        regime = self.wanted_regime()
        if regime == self.regime and not new_piece:
            return False
        self.rebase()
        self.regime = regime
        self.alarm.set(self.since + self.hours_to_next())
        return True

    def wanted_regime(self) -> int:
        target, current = self.run.drive.target, self.now_ma()
        if not self.run.plant.ring or (self.run.injector_up and current == target):
            return HOLD
        return FILL if self.run.injector_up and current < target else DECAY

    def hours_to_next(self) -> float:
        drive_, low = self.run.drive, self.run.plant.low_share * self.run.drive.target
        if self.regime == FILL:
            return (drive_.target - self.current) / self.run.plant.fill_per_h
        if self.regime == HOLD:
            return laws.NEVER
        goal = drive_.target if self.run.injector_up else low
        if self.current <= goal or goal == 0.0:
            return laws.NEVER
        return laws.decay_time(self.current, goal, drive_.gas, drive_.touschek)

    @property
    def low(self) -> bool:
        return self.regime == DECAY and self.current <= self.run.plant.low_share * self.run.drive.target

    @property
    def good(self) -> bool:
        """Beam as promised to the users."""
        steady = self.mode == STORED and self.regime != FILL and not self.low
        return steady and not self.run.any_down(DISTORT)


class Line:
    """A beamline: optics that warm up, a queue of samples, samples spoilt when the beam goes."""

    def __init__(self, run: "Run", b: int):
        self.run, self.b = run, b
        self.done, self.arrived, self.spoilt = 0.0, 0, 0
        self.since, self.since_ma = 0.0, 0.0
        self.heated, self.measuring = False, False
        self.warm_left, self.dark_since, self.warm_at = run.plant.warmup_h[b], 0.0, laws.NEVER
        self.flux_before = 0.0
        self.warm_alarm = Alarm(run.env, self.warm)
        self.empty_alarm = Alarm(run.env, self.empty)
        run.env.process(self.arrivals())

    def _times(self):
        plant = self.run.plant
        return plant.exchange_h[self.b], plant.exposure_h[self.b]

    def bank(self) -> None:
        """Count the samples measured since the last look, under the beam there was."""
        run, beam, now_ma = self.run, self.run.beam, self.run.beam.now_ma()
        per_ma = run.drive.flux_per_ma[self.b]
        exchange, exposure = self._times()
        if self.measuring and beam.regime == HOLD:
            self.done += (run.env.now - self.since) / laws.sample_h(per_ma * now_ma, exchange, exposure)
        elif self.measuring:
            losses = run.drive.gas, run.drive.touschek
            self.done += laws.samples_in_decay(self.since_ma, now_ma, *losses, exchange, exposure, per_ma)
        self.since, self.since_ma = run.env.now, now_ma
        self.flux_before = per_ma * now_ma

    def settle(self, new_piece: bool) -> None:
        """Heat or cool, spoil, measure or wait; aim the alarms."""
        run = self.run
        now = run.env.now
        fault = run.line_down(self.b)
        heated = run.beam.mode == STORED and bool(run.calendar.open[run.block, self.b]) and not fault
        if self.heated and not heated:
            self.cool(now)
        elif heated and not self.heated:
            self.warm_at = now + laws.warmup_left(
                self.warm_left,
                now - self.dark_since,
                run.plant.warmup_h[self.b],
                run.plant.warmup_tau_h[self.b],
            )
            self.warm_alarm.set(self.warm_at if self.warm_at > now else laws.NEVER)
        self.heated = heated
        waiting = run.draws.demand[self.b, self.arrived] - self.done > 0
        measuring = heated and now >= self.warm_at and run.beam.good and waiting
        if measuring != self.measuring or new_piece:
            self.measuring, self.since, self.since_ma = measuring, now, run.beam.now_ma()
            self.aim()

    def cool(self, now: float) -> None:
        """The beam has left the optics: note the warm-up still owed, spoil the exposed sample."""
        self.warm_left, self.dark_since = max(self.warm_at - now, 0.0), now
        self.warm_at = laws.NEVER
        self.warm_alarm.set(laws.NEVER)
        share = laws.exchange_share(max(self.flux_before, 1e-12), *self._times())
        if self.done - np.floor(self.done) > share:
            self.done, self.spoilt = np.floor(self.done), self.spoilt + 1

    def aim(self) -> None:
        """Set the alarm for the moment the queue will be empty."""
        run, (exchange, exposure) = self.run, self._times()
        left = run.draws.demand[self.b, self.arrived] - self.done
        per_ma = run.drive.flux_per_ma[self.b]
        hours = laws.NEVER
        if self.measuring and run.beam.regime == HOLD:
            hours = left * laws.sample_h(per_ma * run.beam.current, exchange, exposure)
        elif self.measuring:
            losses = run.drive.gas, run.drive.touschek
            at_ma = laws.decay_for_samples(self.since_ma, left, *losses, exchange, exposure, per_ma)
            if at_ma > 0:
                hours = laws.decay_time(self.since_ma, at_ma, *losses)
        self.empty_alarm.set(run.env.now + hours)

    def empty(self) -> None:
        self.run.bank()
        self.done = self.run.draws.demand[self.b, self.arrived]
        self.ring("empty")

    def warm(self) -> None:
        self.warm_at = self.run.env.now
        self.ring("warm")

    def ring(self, kind: str) -> None:
        self.run.note(kind, self.b)
        self.run.settle()

    def arrivals(self):
        """Experiments arrive with their samples."""
        times = self.run.draws.arrive_h[self.b]
        for at_h in times:
            yield self.run.env.timeout(max(at_h - self.run.env.now, 0.0))
            self.bank()
            self.arrived += 1
            self.run.note("arrive", self.b)
            if self.measuring:
                self.aim()
            self.run.settle()
        self.run.exhausted = True


class Run:
    """One run: start it, ``advance`` it from epoch to epoch, read its ``tally``."""

    def __init__(self, plant: Plant, draws: Draws, calendar: Calendar, life: "type[Life]" = Life):
        self.plant, self.draws, self.calendar = plant, draws, calendar
        self.env = simpy.Environment()
        self.drive, self.started = NOTHING, False
        self.exhausted, self.block = False, 0
        self.trace: list[Event] = []
        self.curve: list[Piece] = []
        self.crews = [simpy.Resource(self.env, int(size)) for size in plant.crew_size]
        processes, lines = len(plant.shape), len(plant.flux)
        self.cause, self.back_at = processes, -np.inf
        self.user_h = self.delivered_h = self.failures = self.counted_to = 0.0
        self.failures_by, self.lost_h = np.zeros(processes), np.zeros(processes + 1)
        self.open_h = np.zeros(lines)
        self.good = False
        self.outage = bool(calendar.user[0])  # switching on is not a failure
        self.beam = Beam(self)
        self.lives = [life(self, p) for p in range(processes)]
        self.lines = [Line(self, b) for b in range(lines)]
        self.env.process(self.turn_pages())

    def note(self, kind: str, subject: int) -> None:
        self.trace.append(Event(self.env.now, kind, subject))

    def any_down(self, effect: int) -> bool:
        return any(life.failed and self.plant.effect[life.p] == effect for life in self.lives)

    def line_down(self, b: int) -> bool:
        at_line = (life for life in self.lives if self.plant.effect[life.p] == BEAMLINE)
        return any(life.failed and self.plant.line[life.p] == b for life in at_line)

    @property
    def injector_up(self) -> bool:
        return not self.any_down(INJECTION)

    @property
    def wanted(self) -> bool:
        return bool(self.calendar.beam[self.block])

    def machine_down(self) -> bool:
        return any(life.failed and self.plant.effect[life.p] != BEAMLINE for life in self.lives)

    def bank(self) -> None:
        for line in self.lines:
            line.bank()

    def turn_pages(self):
        """The calendar turns block by block."""
        for end_h in self.calendar.end_h[:-1]:
            yield self.env.timeout(end_h - self.env.now)
            self.count()
            self.block += 1
            if not self.machine_down():
                self.cause = len(self.lives)
            self.settle()

    def tally_failure(self, p: int) -> None:
        self.count()
        self.failures_by[p] += 1
        begins = self.good or not self.machine_down()
        if begins and self.plant.effect[p] != BEAMLINE:
            self.cause = p

    def count(self) -> None:
        """Book the hours since the last change under the state there was."""
        hours = self.env.now - self.counted_to
        self.counted_to = self.env.now
        if self.started and self.calendar.user[self.block]:
            self.user_h += hours
            self.delivered_h += hours * self.good
            self.lost_h[self.cause] += hours * (not self.good)
            self.open_h += hours * self.calendar.open[self.block]

    def settle(self, new_law: bool = False, new_piece: bool = False) -> None:
        """Bring beam, beamlines and ageing into line with what has just happened."""
        self.count()
        if not new_piece:
            self.bank()
        new_piece = self.beam.settle(new_piece) or new_piece
        for line in self.lines:
            line.settle(new_piece)
        for life in self.lives:
            life.settle(new_law)
        self.judge_outage()
        self.draw_curve()

    def draw_curve(self) -> None:
        beam, drive_ = self.beam, self.drive
        counts = tuple(float(line.done) for line in self.lines)
        now = float(self.env.now)
        piece = Piece(now, beam.mode, beam.regime, beam.now_ma(), drive_.gas, drive_.touschek, counts)
        if not self.curve or piece[1:] != self.curve[-1][1:]:
            self.curve.append(piece)

    def judge_outage(self) -> None:
        """Count an outage of user time when it begins, unless it follows the last too closely."""
        self.good = self.beam.good
        broken = self.beam.mode != STORED or self.beam.low or self.any_down(DISTORT)
        outage = broken and bool(self.calendar.user[self.block])
        if outage and not self.outage and self.env.now - self.back_at >= self.plant.merge_h:
            self.failures += 1
        if self.outage and not outage:
            self.back_at = self.env.now
        self.outage = outage

    def advance(self, law: Law, settings, conditions, until_h: float) -> None:
        """Run on to ``until_h`` at these settings [K] under these conditions [C].

        What happens at ``until_h`` itself still happens under these settings.
        """
        settings = np.asarray(settings, float)
        point = Point(*(np.asarray(f) for f in at(law, settings, np.asarray(conditions, float))))
        new = drive(self.plant, point, settings)
        if not self.started:
            self.drive, self.started = new, True
        self.bank()
        self.beam.rebase()
        for life in self.lives:
            life.spend()
        self.count()
        self.drive = new
        if self.good and not self.machine_down():
            self.cause = len(self.lives)
        if self.beam.mode == STORED and not self.plant.ring:
            self.beam.rebase(new.target)
        self.settle(new_law=True, new_piece=True)
        while self.env.peek() <= until_h:
            self.env.step()
        if until_h > self.env.now:
            self.env.run(until=until_h)
        self.count()
        self.bank()

    def tally(self) -> Tally:
        done = np.array([line.done for line in self.lines])
        finished = [
            np.searchsorted(self.draws.demand[b, 1:], done[b] + 1e-9, "right") for b in range(len(done))
        ]
        return Tally(
            self.user_h, self.delivered_h, self.failures, self.failures_by.copy(), self.lost_h.copy(),
            self.open_h.copy(), np.floor(done + 1e-9), np.array([line.spoilt for line in self.lines]),
            np.array(finished), self.exhausted,
        )  # fmt: skip


def start(plant: Plant, draws: Draws, calendar: Calendar) -> Run:
    """A run at time zero on one run's draws (``Draws.run``), beam off."""
    return Run(plant, draws, calendar)


def simulate(plant: Plant, law: Law, draws: Draws, scenario: Scenario, runs: int | None = None) -> Tally:
    """The tallies of the first ``runs`` runs of a scenario, stacked: leading axis R."""
    tallies = []
    for r in range(draws.budget.shape[0] if runs is None else runs):
        run = start(plant, draws.run(r), scenario.calendar)
        for e, until_h in enumerate(scenario.edges_h[1:]):
            run.advance(law, scenario.settings[e], scenario.conditions[e], float(until_h))
        tallies.append(run.tally())
    return Tally(*(np.stack(field) for field in zip(*tallies, strict=True)))

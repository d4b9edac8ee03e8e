"""One run of the plant in SimPy: what happens, in which order, and what everything follows."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import simpy

from twin.beam_states import STORED
from twin.draws import Draws
from twin.nominal import at
from twin.outcome import Tally
from twin.plant import PHASES, Law, LawOutput, OperatingPoint, Plant, operating_point, repair_hours
from twin.reference.access import Access
from twin.reference.accounting import Accounting
from twin.reference.beam import Beam
from twin.reference.bernoulli import BernoulliStreams
from twin.reference.clocks import Clock
from twin.reference.common_causes import Shocks, Starts
from twin.reference.crews import Crews
from twin.reference.failures import Life
from twin.reference.logic import Logic
from twin.reference.maintenance import maintenance
from twin.reference.recovery import Recovery
from twin.reference.spares import spare_stores
from twin.reference.visits import line_of
from twin.scenario import Calendar, Scenario


class Event(NamedTuple):
    """Something that happened: when, what, to which process or beamline (by index), in which life of it."""

    at_h: float
    kind: str
    subject: int
    life: int = -1


class Piece(NamedTuple):
    """A piece of the current's curve and the samples counted when it began."""

    at_h: float
    mode: int
    regime: int
    current: float
    gas: float
    touschek: float
    done: tuple[float, ...]


class Run:
    """One run: start it, ``advance`` it from epoch to epoch, read its ``tally``.

    ``record`` keeps the trace of events and the curve of the current; ``life`` makes the processes;
    ``repair_h`` [P, N] are the hours that the repair draws mean, if they are known already.
    """

    def __init__(
        self,
        plant: Plant,
        draws: Draws,
        calendar: Calendar,
        life: "type[Life]" = Life,
        record: bool = True,
        repair_h: np.ndarray | None = None,
    ):
        self.plant, self.draws, self.calendar, self.record = plant, draws, calendar, record
        self.env = simpy.Environment()
        self.operating_point, self.started, self.exhausted = NOTHING, False, False
        self.trace: list[Event] = []
        self.curve: list[Piece] = []
        self.repair_h = repair_hours(plant, draws.repair_z) if repair_h is None else repair_h
        self.logic = Logic(plant)
        self.clocks = [Clock(self.env) for _ in plant.clock_beam]
        self.rates = _rates(plant)
        self.block, self.at_phase = -1, None
        self.turn_page()
        self.accounting = Accounting(self)
        self.crews, self.streams = Crews(self), BernoulliStreams(self)
        self.spare_stores = spare_stores(self)
        self.beam = Beam(self)
        self.access = Access(self)
        self.lives = [life(self, p) for p in range(len(plant.shape))]
        self.recoveries = [Recovery(self, p, process.mode) for p, process in enumerate(plant.processes)]
        self.shocks, self.starts = Shocks(self), Starts(self)
        self.lines = [line_of(self, b) for b in range(len(plant.flux))]
        self.reserves, self.preventives = maintenance(self)
        self.env.process(self.turn_pages())

    def note(self, kind: str, subject: int, life: int = -1) -> None:
        if self.record:
            self.trace.append(Event(self.env.now, kind, subject, life))

    def accumulate(self) -> None:
        now_ma = self.beam.now_ma()
        for line in self.lines:
            line.accumulate(now_ma)

    def turn_pages(self):
        """The calendar turns block by block."""
        for end_h in self.calendar.end_h[:-1].tolist():
            yield self.env.timeout(end_h - self.env.now)
            self.accounting.count()
            self.turn_page()
            self.accounting.turn_over()
            self.settle()
            self.access.look()
            if not self.wanted:
                for preventive in self.preventives:
                    preventive.shutdown()

    def turn_page(self) -> None:
        self.block += 1
        calendar, s = self.calendar, self.block
        self.wanted, self.user = bool(calendar.beam[s]), bool(calendar.user[s])
        self.open = calendar.open[s].tolist()

    def failed(self, life: Life, ordinal: int) -> None:
        """A unit of a process has failed: its life is over, its repair begins."""
        self.lose(life, ordinal)
        self.settle()

    def lose(self, life: Life, ordinal: int) -> None:
        """Book a failure, and begin to recover from it as soon as it is noticed."""
        p, accounting, logic = life.p, self.accounting, self.logic
        if p >= self.shocks.first:
            self.shocks.strike(life, ordinal)
            return
        self.note("fail", p, ordinal)
        accounting.count()
        whole, troubles = accounting.good or not logic.machine_down, logic.machine_down
        logic.lose(p)
        if life.unit is None:
            self.recoveries[p].begin(life, ordinal)
        else:
            life.unit.failed(life, ordinal)
        accounting.down_now(p, 1)
        accounting.failed(p, whole, troubles)

    def fixed(self, life: Life, ordinal: int) -> None:
        """A unit is back from the failure that ended its life ``ordinal``."""
        self.accounting.count()
        if life.unit is None:
            self.regain(life, ordinal)
        else:
            life.unit.fixed(life)
        self.settle()

    def regain(self, life: Life, ordinal: int) -> None:
        self.note("fixed", life.p, ordinal)
        self.logic.regain(life.p)
        self.accounting.down_now(life.p, -1)
        life.renew()

    @property
    def phase(self) -> str:
        """The operating phase: what the beam does in the block of the calendar."""
        block = "user" if self.user else "study" if self.wanted else "shutdown"
        return self.beam.phase or block

    def settle(self, new_piece: bool = False) -> None:
        """Bring beam, beamlines and clocks into line with what has just happened."""
        self.accounting.count()
        if not new_piece:
            self.accumulate()
        new_piece = self.beam.settle(new_piece) or new_piece or self.logic.share != self.accounting.share
        good = self.beam.good
        for line in self.lines:
            line.settle(new_piece, good)
        self.set_clocks()
        self.accounting.judge()
        if self.record:
            self.draw_curve()

    def set_clocks(self) -> None:
        """Let each clock run or stand as the phase and the beam demand."""
        state = self.beam.mode == STORED, self.phase
        if state != self.at_phase:
            self.at_phase = state
            for clock, rate in zip(self.clocks, self.rates[state], strict=True):
                clock.run(rate)
            for reserve in self.reserves:
                reserve.follow()

    def draw_curve(self) -> None:
        beam, operating_point = self.beam, self.operating_point
        counts = tuple(line.done for line in self.lines)
        now = float(self.env.now)
        piece = Piece(
            now, beam.mode, beam.regime, beam.now_ma(), operating_point.gas, operating_point.touschek, counts
        )
        if not self.curve or piece[1:] != self.curve[-1][1:]:
            self.curve.append(piece)

    def advance(
        self, law: Law, settings, conditions, until_h: float, retire: Sequence[int] | np.ndarray = ()
    ) -> None:
        """Run on to ``until_h`` at these settings [K] under these conditions [C].

        What happens at ``until_h`` itself still happens under these settings. ``retire``: processes of which
        a unit is retired first, in rising order.
        """
        self.follow(operating_point_at(self.plant, law, settings, conditions))
        for p in sorted(retire):
            self.retire(int(p))
        self.proceed(until_h)

    def retire(self, p: int) -> None:
        """A unit that is up forfeits the rest of its life: it fails now, with all that follows from a failure.

        Effect, crew, drawn repair hours and books are those of a failure; its next life has a budget of its own.
        Where no beam is wanted this costs no user time unless the repair outlasts it. Nothing happens to a process
        that has no unit up.
        """
        if self.lives[p].up:
            self.lives[p].fail()

    def proceed(self, until_h: float) -> None:
        """Let happen what happens up to ``until_h`` and at it."""
        env, accounting = self.env, self.accounting
        while env.peek() <= until_h:
            env.step()
        if until_h > env.now:
            env.run(until=until_h)
        accounting.count()
        self.accumulate()

    def follow(self, new: OperatingPoint) -> None:
        """Take over a new operating_point; what was spent, stored and measured under the old one stays."""
        if not self.started:
            self.operating_point, self.started = new, True
        self.accumulate()
        self.beam.rebase()
        self.accounting.count()
        for life, hazard in zip(self.lives, new.hazard, strict=True):
            life.follow(hazard)
        self.operating_point = new
        if self.accounting.good:
            self.accounting.turn_over()
        if self.beam.mode == STORED and not self.beam.ring:
            self.beam.rebase(new.target)
        self.refill()
        self.settle(new_piece=True)

    def refill(self) -> None:
        """Await everything that is due on a clock anew."""
        due = {}
        for waits in (
            *self.lives,
            *(watch for preventive in self.preventives for watch in preventive.watches),
        ):
            due.setdefault(waits.clock, []).append(waits)
        for clock, waiting in due.items():
            clock.refill(waiting)

    def tally(self) -> Tally:
        return self.accounting.tally()


NOTHING = OperatingPoint([], 0.0, 0.0, 0.0, [])


def _rates(plant: Plant) -> dict[Any, list[float]]:
    """For each (beam stored, phase): the rate of every clock."""
    return {
        (stored, name): [
            float(runs[PHASES.index(name)] and (stored or not needs_beam))
            for runs, needs_beam in zip(plant.clock_phase, plant.clock_beam, strict=True)
        ]
        for stored in (False, True)
        for name in PHASES
    }


def operating_point_at(plant: Plant, law: Law, settings, conditions) -> OperatingPoint:
    """What a law says of one operating point, in Python floats."""
    settings = np.asarray(settings, float)
    point = LawOutput(*(np.asarray(f) for f in at(law, settings, np.asarray(conditions, float))))
    return OperatingPoint(*(np.asarray(field).tolist() for field in operating_point(plant, point, settings)))


def start(plant: Plant, draws: Draws, calendar: Calendar) -> Run:
    """A run at time zero on one run's draws (``Draws.run``), beam off."""
    return Run(plant, draws, calendar)


def simulate(plant: Plant, law: Law, draws: Draws, scenario: Scenario, runs: int | None = None) -> Tally:
    """The tallies of the first ``runs`` runs of a scenario, stacked: leading axis R."""
    points = zip(scenario.settings, scenario.conditions, strict=True)
    operating_points = [
        operating_point_at(plant, law, settings, conditions) for settings, conditions in points
    ]
    repair_h, tallies = repair_hours(plant, draws.repair_z[:runs]), []
    for r in range(len(repair_h)):
        run = Run(plant, draws.run(r), scenario.calendar, record=False, repair_h=repair_h[r])
        for held, until_h in zip(operating_points, scenario.edges_h[1:].tolist(), strict=True):
            run.follow(held)
            run.proceed(until_h)
        tallies.append(run.tally())
    return Tally(*(np.stack(field) for field in zip(*tallies, strict=True)))

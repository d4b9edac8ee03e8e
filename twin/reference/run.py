"""One run of the plant in SimPy: the sequence of events, and the update of all parts after each event."""

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
from twin.reference.common_causes import CommonCauses, Demands
from twin.reference.crews import Crews
from twin.reference.failures import FailureProcess
from twin.reference.logic import Logic
from twin.reference.maintenance import maintenance
from twin.reference.recovery import Recovery
from twin.reference.spares import spare_stores
from twin.reference.visits import line_of
from twin.scenario import Calendar, Scenario


class Event(NamedTuple):
    """An event of the trace: time, kind, index of the process or beamline, and ordinal of the failure (``life``)."""

    at_h: float
    kind: str
    subject: int
    life: int = -1


class Piece(NamedTuple):
    """A piece of the current curve, and the samples measured when it began."""

    at_h: float
    mode: int
    regime: int
    current: float
    gas: float
    touschek: float
    done: tuple[float, ...]


class Run:
    """One run: start it, ``advance`` it from epoch to epoch, read its ``tally``.

    ``record`` keeps the trace of events and the current curve. ``process_type`` is the class of the failure
    processes. ``repair_h`` [P, N] are the repair times of the random inputs, if they are already computed.
    """

    def __init__(
        self,
        plant: Plant,
        draws: Draws,
        calendar: Calendar,
        process_type: "type[FailureProcess]" = FailureProcess,
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
        self.next_block()
        self.accounting = Accounting(self)
        self.crews, self.streams = Crews(self), BernoulliStreams(self)
        self.spare_stores = spare_stores(self)
        self.beam = Beam(self)
        self.access = Access(self)
        self.processes = [process_type(self, p) for p in range(len(plant.shape))]
        self.recoveries = [Recovery(self, p, process.mode) for p, process in enumerate(plant.processes)]
        self.common_causes, self.demands = CommonCauses(self), Demands(self)
        self.lines = [line_of(self, b) for b in range(len(plant.flux))]
        self.reserves, self.preventives = maintenance(self)
        self.env.process(self.follow_calendar())

    def note(self, kind: str, subject: int, ordinal: int = -1) -> None:
        if self.record:
            self.trace.append(Event(self.env.now, kind, subject, ordinal))

    def accumulate(self) -> None:
        now_ma = self.beam.now_ma()
        for line in self.lines:
            line.accumulate(now_ma)

    def follow_calendar(self):
        """Go through the calendar block by block."""
        for end_h in self.calendar.end_h[:-1].tolist():
            yield self.env.timeout(end_h - self.env.now)
            self.accounting.count()
            self.next_block()
            self.accounting.clear_cause()
            self.settle()
            self.access.update()
            if not self.wanted:
                for preventive in self.preventives:
                    preventive.shutdown()

    def next_block(self) -> None:
        self.block += 1
        calendar, s = self.calendar, self.block
        self.wanted, self.user = bool(calendar.beam[s]), bool(calendar.user[s])
        self.open = calendar.open[s].tolist()

    def failed(self, process: FailureProcess, ordinal: int) -> None:
        """A unit of a process has failed; its recovery begins."""
        self.lose(process, ordinal)
        self.settle()

    def lose(self, process: FailureProcess, ordinal: int) -> None:
        """Count a failure, and begin its recovery as soon as it is noticed."""
        p, accounting, logic = process.p, self.accounting, self.logic
        if p >= self.common_causes.first:
            self.common_causes.occur(process, ordinal)
            return
        self.note("fail", p, ordinal)
        accounting.count()
        up_before, down_before = accounting.good or not logic.machine_down, logic.machine_down
        logic.lose(p)
        if process.unit is None:
            self.recoveries[p].begin(process, ordinal)
        else:
            process.unit.failed(process, ordinal)
        accounting.down_now(p, 1)
        accounting.failed(p, up_before, down_before)

    def fixed(self, process: FailureProcess, ordinal: int) -> None:
        """A unit is repaired after failure number ``ordinal``."""
        self.accounting.count()
        if process.unit is None:
            self.regain(process, ordinal)
        else:
            process.unit.fixed(process)
        self.settle()

    def regain(self, process: FailureProcess, ordinal: int) -> None:
        self.note("fixed", process.p, ordinal)
        self.logic.regain(process.p)
        self.accounting.down_now(process.p, -1)
        process.renew()

    @property
    def phase(self) -> str:
        """The operating phase: by the beam, else by the block of the calendar."""
        block = "user" if self.user else "study" if self.wanted else "shutdown"
        return self.beam.phase or block

    def settle(self, new_piece: bool = False) -> None:
        """Update beam, beamlines, clocks and accounting after an event."""
        self.accounting.count()
        if not new_piece:
            self.accumulate()
        new_piece = self.beam.settle(new_piece) or new_piece or self.logic.share != self.accounting.share
        good = self.beam.good
        for line in self.lines:
            line.settle(new_piece, good)
        self.set_clocks()
        self.accounting.update()
        if self.record:
            self.draw_curve()

    def set_clocks(self) -> None:
        """Set the rate of each clock by the phase and the beam."""
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

        Events at ``until_h`` itself still occur under these settings. ``retire``: processes of which a unit is
        retired first, in rising order.
        """
        self.follow(operating_point_at(self.plant, law, settings, conditions))
        for p in sorted(retire):
            self.retire(int(p))
        self.proceed(until_h)

    def retire(self, p: int) -> None:
        """Retire a unit that is up: it fails now, with all the consequences of a failure.

        Effect, crew, drawn repair time and accounting are those of a failure, and the next ageing budget follows.
        While no beam is scheduled this costs no user time unless the repair takes longer. A process without a unit
        that is up is not changed.
        """
        if self.processes[p].up:
            self.processes[p].fail()

    def proceed(self, until_h: float) -> None:
        """Process all events up to and including ``until_h``."""
        env, accounting = self.env, self.accounting
        while env.peek() <= until_h:
            env.step()
        if until_h > env.now:
            env.run(until=until_h)
        accounting.count()
        self.accumulate()

    def follow(self, new: OperatingPoint) -> None:
        """Use a new operating point from now on; budgets spent, current and samples so far are kept."""
        if not self.started:
            self.operating_point, self.started = new, True
        self.accumulate()
        self.beam.rebase()
        self.accounting.count()
        for process, hazard in zip(self.processes, new.hazard, strict=True):
            process.follow(hazard)
        self.operating_point = new
        if self.accounting.good:
            self.accounting.clear_cause()
        if self.beam.mode == STORED and not self.beam.ring:
            self.beam.rebase(new.target)
        self.refill()
        self.settle(new_piece=True)

    def refill(self) -> None:
        """Schedule again everything that is due on a clock."""
        due = {}
        for item in (
            *self.processes,
            *(age_limit for preventive in self.preventives for age_limit in preventive.age_limits),
        ):
            due.setdefault(item.clock, []).append(item)
        for clock, items in due.items():
            clock.refill(items)

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
    """The operating point of a law at these settings and conditions, in Python floats."""
    settings = np.asarray(settings, float)
    point = LawOutput(*(np.asarray(f) for f in at(law, settings, np.asarray(conditions, float))))
    return OperatingPoint(*(np.asarray(field).tolist() for field in operating_point(plant, point, settings)))


def start(plant: Plant, draws: Draws, calendar: Calendar) -> Run:
    """A run at time zero with beam off, on the random inputs of one run (``Draws.run``)."""
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

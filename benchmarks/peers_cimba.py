"""cimba (a C engine with models compiled by numba), written both ways: one process a unit, and bare events.

Its clock of a trial stops processes but not events, so an event that plans another must itself look at the time,
or the trial never ends. One worker: its default is a thread a core.
"""

import cimba as cb
import numpy as np
import peers_models as given


class Series(cb.Model):
    """The books of units in series."""

    down: int = 0
    since_h: float = 0.0
    lost_h: cb.Output[float] = 0.0
    failures: cb.Output[int] = 0

    @cb.on_end
    def close(self):
        if self.down > 0:
            self.lost_h += given.YEAR_H - self.since_h


class SeriesProcesses(Series):
    @cb.process(copies=given.SERIES_UNITS)
    def unit(self):
        while True:
            cb.hold(cb.random.exponential(given.SERIES_MTBF_H))
            if self.down == 0:
                self.since_h = cb.now()
                self.failures += 1
            self.down += 1
            cb.hold(cb.random.exponential(given.SERIES_REPAIR_H))
            self.down -= 1
            if self.down == 0:
                self.lost_h += cb.now() - self.since_h


class SeriesEvents(Series):
    @cb.on_start
    def begin(self):
        for _ in range(given.SERIES_UNITS):
            cb.schedule(self.fail, cb.random.exponential(given.SERIES_MTBF_H))

    @cb.event
    def fail(self):
        if cb.now() < given.YEAR_H:
            if self.down == 0:
                self.since_h = cb.now()
                self.failures += 1
            self.down += 1
            cb.schedule(self.mend, cb.random.exponential(given.SERIES_REPAIR_H))

    @cb.event
    def mend(self):
        if cb.now() < given.YEAR_H:
            self.down -= 1
            if self.down == 0:
                self.lost_h += cb.now() - self.since_h
            cb.schedule(self.fail, cb.random.exponential(given.SERIES_MTBF_H))


class Machines(cb.Model):
    """The books of units that wait for a repairman."""

    down: int = 0
    last_h: float = 0.0
    lost_h: cb.Output[float] = 0.0
    failures: cb.Output[int] = 0

    @cb.on_end
    def close(self):
        self.lost_h += self.down * (given.YEAR_H - self.last_h)


class MachinesProcesses(Machines):
    crews: cb.Resource = cb.Resource(capacity=given.CREWS)

    @cb.process(copies=given.MACHINES)
    def unit(self):
        while True:
            cb.hold(cb.random.exponential(given.MACHINE_MTBF_H))
            self.lost_h += self.down * (cb.now() - self.last_h)
            self.last_h = cb.now()
            self.down += 1
            self.failures += 1
            self.crews.acquire()
            cb.hold(cb.random.exponential(given.MACHINE_REPAIR_H))
            self.crews.release()
            self.lost_h += self.down * (cb.now() - self.last_h)
            self.last_h = cb.now()
            self.down -= 1


class MachinesEvents(Machines):
    @cb.on_start
    def begin(self):
        for _ in range(given.MACHINES):
            cb.schedule(self.fail, cb.random.exponential(given.MACHINE_MTBF_H))

    @cb.event
    def fail(self):
        if cb.now() < given.YEAR_H:
            self.lost_h += self.down * (cb.now() - self.last_h)
            self.last_h = cb.now()
            self.down += 1
            self.failures += 1
            if self.down <= given.CREWS:
                cb.schedule(self.mend, cb.random.exponential(given.MACHINE_REPAIR_H))

    @cb.event
    def mend(self):
        if cb.now() < given.YEAR_H:
            self.lost_h += self.down * (cb.now() - self.last_h)
            self.last_h = cb.now()
            self.down -= 1
            cb.schedule(self.fail, cb.random.exponential(given.MACHINE_MTBF_H))
            if self.down >= given.CREWS:
                cb.schedule(self.mend, cb.random.exponential(given.MACHINE_REPAIR_H))


def simulate(model: cb.Model, unit_hours: float, years: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(availability, failures), each ``(years,)``: one trial a year, the hours lost as a share of ``unit_hours``."""
    experiment = cb.Experiment(model, replications=years, window=cb.Window(duration=given.YEAR_H), seed=seed)
    outcome = experiment.run(workers=1, on_failure="raise")[model]
    return 1 - outcome.lost_h.values.ravel() / unit_hours, outcome.failures.values.ravel()


def series_processes(years: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return simulate(SeriesProcesses(), given.YEAR_H, years, seed)


def series_events(years: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return simulate(SeriesEvents(), given.YEAR_H, years, seed)


def machines_processes(years: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return simulate(MachinesProcesses(), given.MACHINES * given.YEAR_H, years, seed)


def machines_events(years: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return simulate(MachinesEvents(), given.MACHINES * given.YEAR_H, years, seed)

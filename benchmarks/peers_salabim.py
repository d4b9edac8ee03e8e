"""salabim, one component a unit, in its generator mode (the faster one), with trace and monitors off."""

import random

import numpy as np
import peers_models as given
import salabim as sim


def environment() -> sim.Environment:
    """One that leaves Python's own random numbers alone (``random_seed=""``)."""
    return sim.Environment(trace=False, random_seed="", yieldless=False)


def unwatched(component: sim.Component) -> sim.Component:
    """The component without its default records of every change of status and mode."""
    component.status.monitor(False)
    component.mode.monitor(False)
    return component


class SeriesUnit(sim.Component):
    rng: random.Random
    book: given.SeriesBook
    began_h: float

    def process(self):
        while True:
            yield self.hold(self.rng.expovariate(1 / given.SERIES_MTBF_H))
            self.book.fail(self.env.now() - self.began_h)
            yield self.hold(self.rng.expovariate(1 / given.SERIES_REPAIR_H))
            self.book.mend(self.env.now() - self.began_h)


class Machine(sim.Component):
    rng: random.Random
    book: given.MachinesBook
    crews: sim.Resource

    def process(self):
        while True:
            yield self.hold(self.rng.expovariate(1 / given.MACHINE_MTBF_H))
            self.book.fail(self.env.now())
            yield self.request(self.crews)
            yield self.hold(self.rng.expovariate(1 / given.MACHINE_REPAIR_H))
            self.release(self.crews)
            self.book.mend(self.env.now())


def series(years: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(availability, failures), each ``(years,)``, of units in series.

    The components are made once and restarted each year: making one inspects signatures for a quarter
    of a millisecond, and 200 a year would be six sevenths of the whole run.
    """
    SeriesUnit.rng = random.Random(seed)
    env = environment()
    units = [unwatched(SeriesUnit(at=0)) for _ in range(given.SERIES_UNITS)]
    found = []
    for year in range(years):
        SeriesUnit.book, SeriesUnit.began_h = given.SeriesBook(), year * given.YEAR_H
        if year:
            for unit in units:
                unit.activate(process="process")
        env.run(till=(year + 1) * given.YEAR_H)
        found.append(SeriesUnit.book.year())
    availability, failures = np.array(found).T
    return availability, failures


def machines(years: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(availability, failures), each ``(years,)``, of units that wait for a repairman."""
    Machine.rng = random.Random(seed)
    found = []
    for _ in range(years):
        env = environment()
        Machine.book, Machine.crews = given.MachinesBook(), sim.Resource(capacity=given.CREWS)
        for _ in range(given.MACHINES):
            unwatched(Machine())
        env.run(till=given.YEAR_H)
        found.append(Machine.book.year())
    availability, failures = np.array(found).T
    return availability, failures

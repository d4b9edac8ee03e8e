"""SimPy as a textbook would write it, one process a unit; and its bare loop of timeouts."""

import random
import time

import numpy as np
import peers_models as given
import simpy


def series(years: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(availability, failures), each ``(years,)``, of units in series."""

    def unit(env, book):
        while True:
            yield env.timeout(rng.expovariate(1 / given.SERIES_MTBF_H))
            book.fail(env.now)
            yield env.timeout(rng.expovariate(1 / given.SERIES_REPAIR_H))
            book.mend(env.now)

    def year():
        env, book = simpy.Environment(), given.SeriesBook()
        for _ in range(given.SERIES_UNITS):
            env.process(unit(env, book))
        env.run(until=given.YEAR_H)
        return book.year()

    rng = random.Random(seed)
    availability, failures = np.array([year() for _ in range(years)]).T
    return availability, failures


def machines(years: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(availability, failures), each ``(years,)``, of units that wait for a repairman."""

    def unit(env, crews, book):
        while True:
            yield env.timeout(rng.expovariate(1 / given.MACHINE_MTBF_H))
            book.fail(env.now)
            with crews.request() as crew:
                yield crew
                yield env.timeout(rng.expovariate(1 / given.MACHINE_REPAIR_H))
            book.mend(env.now)

    def year():
        env, book = simpy.Environment(), given.MachinesBook()
        crews = simpy.Resource(env, capacity=given.CREWS)
        for _ in range(given.MACHINES):
            env.process(unit(env, crews, book))
        env.run(until=given.YEAR_H)
        return book.year()

    rng = random.Random(seed)
    availability, failures = np.array([year() for _ in range(years)]).T
    return availability, failures


def bare_timeouts(processes: int = 1, events: int = 300_000) -> float:
    """Timeouts a processor second of a loop that does nothing else: the most that any engine on SimPy can do.

    With one process the event heap holds one entry; with 200 it is as deep as that of 200 units.
    """

    def ticking(env):
        while True:
            yield env.timeout(1.0)

    env = simpy.Environment()
    for _ in range(processes):
        env.process(ticking(env))
    began = time.process_time()
    env.run(until=events // processes)
    return events / (time.process_time() - began)

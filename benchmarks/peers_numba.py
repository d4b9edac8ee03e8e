"""An event heap in numba: what one core can do with compiled code and no features at all."""

import numpy as np
import peers_models as given
from numba import njit


@njit
def sink(times, fails, size):
    """Move the root of a heap of (time, is it a failure) down to its place."""
    time, fail, at = times[0], fails[0], 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and times[child + 1] < times[child]:
            child += 1
        if times[child] >= time:
            break
        times[at], fails[at], at = times[child], fails[child], child
    times[at], fails[at] = time, fail


@njit
def push(times, fails, size, time, fail):
    """Put one more event on the heap."""
    at = size
    while at > 0 and times[(at - 1) // 2] > time:
        parent = (at - 1) // 2
        times[at], fails[at], at = times[parent], fails[parent], parent
    times[at], fails[at] = time, fail


@njit
def series(years, seed):
    """(availability, failures), each ``(years,)``, of units in series."""
    np.random.seed(seed)
    availability, failures = np.empty(years), np.zeros(years)
    times, fails = np.empty(given.SERIES_UNITS), np.empty(given.SERIES_UNITS, np.bool_)
    for year in range(years):
        for unit in range(given.SERIES_UNITS):
            push(times, fails, unit, np.random.exponential(given.SERIES_MTBF_H), True)
        down, since, lost = 0, 0.0, 0.0
        while times[0] < given.YEAR_H:
            now = times[0]
            if fails[0]:
                if down == 0:
                    since = now
                    failures[year] += 1
                down += 1
                times[0], fails[0] = now + np.random.exponential(given.SERIES_REPAIR_H), False
            else:
                down -= 1
                if down == 0:
                    lost += now - since
                times[0], fails[0] = now + np.random.exponential(given.SERIES_MTBF_H), True
            sink(times, fails, given.SERIES_UNITS)
        if down > 0:
            lost += given.YEAR_H - since
        availability[year] = 1 - lost / given.YEAR_H
    return availability, failures


@njit
def machines(years, seed):
    """(availability, failures), each ``(years,)``, of units that wait for a repairman."""
    np.random.seed(seed)
    availability, failures = np.empty(years), np.zeros(years)
    times, fails = np.empty(given.MACHINES), np.empty(given.MACHINES, np.bool_)
    for year in range(years):
        for unit in range(given.MACHINES):
            push(times, fails, unit, np.random.exponential(given.MACHINE_MTBF_H), True)
        size, down, last, lost = given.MACHINES, 0, 0.0, 0.0
        while times[0] < given.YEAR_H:
            now = times[0]
            lost += down * (now - last)
            last = now
            if fails[0]:
                failures[year] += 1
                down += 1
                if down <= given.CREWS:
                    times[0], fails[0] = now + np.random.exponential(given.MACHINE_REPAIR_H), False
                else:  # it waits: no event of its own until a crew is free
                    size -= 1
                    times[0], fails[0] = times[size], fails[size]
                sink(times, fails, size)
            else:
                down -= 1
                times[0], fails[0] = now + np.random.exponential(given.MACHINE_MTBF_H), True
                sink(times, fails, size)
                if down >= given.CREWS:
                    push(times, fails, size, now + np.random.exponential(given.MACHINE_REPAIR_H), False)
                    size += 1
        lost += down * (given.YEAR_H - last)
        availability[year] = 1 - lost / (given.MACHINES * given.YEAR_H)
    return availability, failures

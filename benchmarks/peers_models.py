"""The two models that every peer simulates, their exact values, and the books that the pure Python peers keep.

Both are simulated year by year, each year from all units up, each chance law exponential:

- ``series``: 200 independent units; the system is down while any unit is. Availability is the share of the
  year with the system up, failures are the system's.
- ``machines``: 50 units and 3 repairmen, first come, first served. Availability is the mean share of units
  up, failures are the units'.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm

YEAR_H = 8760.0
SERIES_UNITS, SERIES_MTBF_H, SERIES_REPAIR_H = 200, 8760.0, 10.0  # assumed
MACHINES, CREWS, MACHINE_MTBF_H, MACHINE_REPAIR_H = 50, 3, 100.0, 5.0  # assumed


@dataclass(frozen=True)
class Exact:
    """Expected values of one year: mean availability, failures, and transitions of units (failures + repairs)."""

    availability: float
    failures: float
    transitions: float


def series_exact() -> Exact:
    """The mean over the year of A(t) = (1 - u + u exp(-ct))^n, u = r / (m + r), c = 1/m + 1/r, term by term.

    The system can fail only while all n units are up, so its failures are n / m times its hours up; a unit's
    transitions are twice its failures. The steady value (1 - u)^n lies 0.0002 below, by the start with all up.
    """
    n, m, r = SERIES_UNITS, SERIES_MTBF_H, SERIES_REPAIR_H
    u, c = r / (m + r), 1 / m + 1 / r

    def hours(k: int) -> float:
        return YEAR_H if k == 0 else -math.expm1(-k * c * YEAR_H) / (k * c)

    up_h = sum(math.comb(n, k) * (1 - u) ** (n - k) * u**k * hours(k) for k in range(n + 1))
    unit_up_h = (1 - u) * YEAR_H + u * hours(1)
    return Exact(up_h / YEAR_H, n / m * up_h, 2 * n / m * unit_up_h)


def machines_exact() -> Exact:
    """The mean over the year of the birth-death chain of units down, from the exponential of its rates.

    With d units down, one more fails at rate (n - d) / m and one is repaired at rate min(d, crews) / r; a last
    state gathers the hours down, so that one matrix exponential gives their integral.
    """
    n, m, r = MACHINES, MACHINE_MTBF_H, MACHINE_REPAIR_H
    down = np.arange(n + 1)
    rates = np.zeros((n + 2, n + 2))
    rates[down[:-1], down[:-1] + 1] = (n - down[:-1]) / m
    rates[down[1:], down[1:] - 1] = np.minimum(down[1:], CREWS) / r
    rates[down, down] = -rates[down].sum(axis=1)
    rates[down, n + 1] = down
    availability = 1 - expm(rates * YEAR_H)[0, n + 1] / (n * YEAR_H)
    failures = n * availability * YEAR_H / m
    return Exact(availability, failures, 2 * failures)


EXACT = {"series": series_exact(), "machines": machines_exact()}


class SeriesBook:
    """Hours and failures of a system that is down while any unit is."""

    def __init__(self) -> None:
        self.down, self.since_h, self.lost_h, self.failures = 0, 0.0, 0.0, 0

    def fail(self, now_h: float) -> None:
        if self.down == 0:
            self.since_h = now_h
            self.failures += 1
        self.down += 1

    def mend(self, now_h: float) -> None:
        self.down -= 1
        if self.down == 0:
            self.lost_h += now_h - self.since_h

    def year(self) -> tuple[float, int]:
        """(availability, failures) of the year that ends now."""
        open_h = YEAR_H - self.since_h if self.down else 0.0
        return 1 - (self.lost_h + open_h) / YEAR_H, self.failures


class MachinesBook:
    """Unit-hours down and failures of units."""

    def __init__(self) -> None:
        self.down, self.last_h, self.lost_h, self.failures = 0, 0.0, 0.0, 0

    def fail(self, now_h: float) -> None:
        self._pass(now_h)
        self.down += 1
        self.failures += 1

    def mend(self, now_h: float) -> None:
        self._pass(now_h)
        self.down -= 1

    def year(self) -> tuple[float, int]:
        """(availability, failures) of the year that ends now."""
        self._pass(YEAR_H)
        return 1 - self.lost_h / (MACHINES * YEAR_H), self.failures

    def _pass(self, now_h: float) -> None:
        self.lost_h += self.down * (now_h - self.last_h)
        self.last_h = now_h

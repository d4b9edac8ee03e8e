"""90 % intervals of figures over independent runs: ratios of sums, zero counts, quantiles, the jackknife."""

import math
from typing import NamedTuple

import numpy as np

from twin.lazy import LazyModule

stats = LazyModule("scipy.stats")

SURE = 0.90
TAIL = 0.5 * (1.0 - SURE)
ZERO_COUNT = -math.log(TAIL)
"""3.0: the mean count at which zero events occur with probability 5 % (exact Poisson; rule of three)."""
MEDIAN_ZERO = math.log(2.0)
"""ln 2: the mean count at which zero events occur with probability one half."""


class Estimate(NamedTuple):
    """A figure and the ends of its 90 % interval."""

    value: float
    low: float
    high: float


def ratio(above: np.ndarray, below: np.ndarray, most: float = np.inf) -> Estimate:
    """sum(above) / sum(below) over R runs, [R] each, none negative; it cannot exceed ``most``.

    Without run i the ratio r = A / B differs by d_i = (above_i - r below_i) / (B - below_i), and the jackknife's
    error is s = sqrt((R - 1) / R sum d_i^2); for a mean it is the usual one. The interval r exp(+- t s / r) is
    symmetric on the logarithmic scale, since such figures are positive and skewed. Student's t has
    2 R / (k - 1) degrees of freedom, k the kurtosis of d (Satterthwaite), R - 1 at most: few runs with outages
    among many without give little information on the spread. One run, or one with all of B, gives 0 ... ``most``.

    A = 0: a count of events (``most`` infinite) has the Poisson bound 3.0 / B. For a share no run had any, so at
    most 1 - 0.05**(1/R) of all runs have some, and the mean is at most that part of ``most``.
    B = 0: the inverse of the above; the value is A / ln 2, at which zero has probability one half.
    A = B = 0: the value is nan, the interval 0 ... ``most``.
    """
    runs, total, base = len(above), float(above.sum()), float(below.sum())
    if base == 0.0:
        return (
            Estimate(total / MEDIAN_ZERO, total / ZERO_COUNT, most) if total else Estimate(np.nan, 0.0, most)
        )
    r = total / base
    if r == 0.0:
        return Estimate(r, r, ZERO_COUNT / base if np.isinf(most) else most * (1.0 - TAIL ** (1.0 / runs)))
    if np.max(below) >= base:
        return Estimate(r, 0.0, most)
    squares = ((above - r * below) / (base - below)) ** 2
    spread, fourth = float(squares.sum()), runs * float((squares**2).sum())
    if spread == 0.0:
        return Estimate(r, r, r)
    degrees = 2.0 * runs / max(fourth / spread**2 - 1.0, 2.0 * runs / (runs - 1))
    half = stats.t.ppf(1.0 - TAIL, degrees) * np.sqrt((runs - 1) / runs * spread) / r
    factor = float(np.exp(min(half, 700.0)))
    return Estimate(r, r / factor, min(r * factor, most))


def quantile(values: np.ndarray, level: float, bounds: tuple[float, float] = (0.0, np.inf)) -> Estimate:
    """The ``level`` quantile of R runs' values, [R], all within ``bounds``.

    Its interval extends from order statistic l to u, with P(fewer than l runs below the quantile) <= 5 % and
    P(u or more) <= 5 %, binomial: exact for any distribution. With too few runs an end is at its bound.
    """
    runs = len(values)
    if runs == 0:
        return Estimate(np.nan, *bounds)
    ordered = np.concatenate([bounds[:1], np.sort(values), bounds[1:]])
    first, last = (int(stats.binom.ppf(p, runs, level)) for p in (TAIL, 1.0 - TAIL))
    value = np.quantile(values, level, method="inverted_cdf")
    return Estimate(float(value), float(ordered[first]), float(ordered[last + 1]))


def jackknife(whole: np.ndarray, without: np.ndarray, most: float = np.inf) -> list[Estimate]:
    """Smooth figures [F] of all runs and [G, F] of all but one of G equal groups of runs.

    Variance (G - 1) / G * sum((without - mean)**2), Student's t with G - 1 degrees (Tukey), kept in 0 ... most.
    """
    groups = len(without)
    if groups < 2:
        return [Estimate(float(v), 0.0, most) for v in whole]
    error = np.sqrt((groups - 1) / groups * ((without - without.mean(0)) ** 2).sum(0))
    half = stats.t.ppf(1.0 - TAIL, groups - 1) * error
    ends = np.clip(whole - half, 0.0, most), np.clip(whole + half, 0.0, most)
    return [Estimate(*map(float, row)) for row in zip(whole, *ends, strict=True)]

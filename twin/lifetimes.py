"""How long a unit lives: the baseline cumulative hazard of each life law, and its inverse.

A life spends a unit-exponential budget u at H(a) = factor * Lambda(a), where a is the age in the
unit's own clock [h]. ``Lambda`` [-] belongs to the law and ``factor`` [-] to the moment: 1 at the
reference settings, twice the factor is twice the hazard at every age (proportional hazards), and n
pooled memoryless units have n times the factor. In the words of ``twin.laws.ageing`` an exponential
or Weibull mode has hazard = factor * (gamma(1 + 1/shape) / mean_h)**shape, in 1/h**shape.

Each law is stated by its mean life at factor 1. A repair that does not reset the age makes
``Weibull`` a power law with minimal repair: that is the caller's to do. The reference engine asks
for one life at a time, so every law takes and returns Python floats.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Protocol

import numpy as np

from twin.lazy import LazyModule

special = LazyModule("scipy.special.cython_special")

NEVER = math.inf
HOURS = (1e-6, 1e12)
SHAPE = (0.05, 20.0)
GAMMA_SHAPE = (0.05, 100.0)
SIGMA = (1e-3, 5.0)
DEEP = 600.0
"""Hazard spent beyond which a survival function, exp(-DEEP), is too near underflow to be used."""


class LifeLaw(Protocol):
    """What every life law can say."""

    @property
    def mean_h(self) -> float:
        """Mean life at factor 1, [h]: the integral of exp(-Lambda(a)) da."""
        ...

    def spent(self, age_h: float) -> float:
        """Lambda: baseline hazard spent by an age, [-]."""
        ...

    def age_at(self, spent: float) -> float:
        """Age at which so much baseline hazard is spent, [h]: the inverse of Lambda."""
        ...


def spending(law: LifeLaw, age_h: float, older_h: float, factor: float) -> float:
    """Budget spent between two ages at one factor, [-]: factor * (Lambda(older) - Lambda(age)).

    Nothing at factor 0 and nothing in no time, also past the end of a fixed life, where Lambda is inf.
    """
    if factor == 0.0 or older_h <= age_h:
        return 0.0
    before = law.spent(age_h)
    return NEVER if before == NEVER else factor * (law.spent(older_h) - before)


def hours_left(law: LifeLaw, age_h: float, left: float, factor: float) -> float:
    """Hours t until a budget ``left`` is spent: factor * (Lambda(age + t) - Lambda(age)) = left."""
    if factor == 0.0:
        return NEVER
    return max(law.age_at(law.spent(age_h) + max(left, 0.0) / factor) - age_h, 0.0)


@dataclass(frozen=True)
class Exponential:
    """Memoryless: Lambda(a) = a / mean."""

    mean_h: float

    def __post_init__(self):
        bounded("exponential", "mean_h", self.mean_h, HOURS)

    @cached_property
    def rate(self) -> float:
        """Hazard, [1/h]."""
        return 1.0 / self.mean_h

    def spent(self, age_h: float) -> float:
        return self.rate * age_h

    def age_at(self, spent: float) -> float:
        return spent / self.rate


@dataclass(frozen=True)
class Weibull:
    """Wears out (shape > 1) or settles in (shape < 1): Lambda(a) = (gamma(1 + 1/k) a / mean)**k."""

    mean_h: float
    shape: float

    def __post_init__(self):
        bounded("weibull", "mean_h", self.mean_h, HOURS)
        bounded("weibull", "shape", self.shape, SHAPE)

    @cached_property
    def hazard(self) -> float:
        """The constant of ``twin.laws.ageing``, [1/h**shape]."""
        return (math.gamma(1.0 + 1.0 / self.shape) / self.mean_h) ** self.shape

    def spent(self, age_h: float) -> float:
        try:
            return self.hazard * age_h**self.shape
        except OverflowError:
            return NEVER

    def age_at(self, spent: float) -> float:
        try:
            return (spent / self.hazard) ** (1.0 / self.shape)
        except OverflowError:
            return NEVER


@dataclass(frozen=True)
class Lognormal:
    """Hazard that rises and then falls: Lambda(a) = -log Phi(-(log a - mu) / sigma).

    mu = log(mean) - sigma**2 / 2, and Phi is the standard normal distribution.
    """

    mean_h: float
    sigma: float

    def __post_init__(self):
        bounded("lognormal", "mean_h", self.mean_h, HOURS)
        bounded("lognormal", "sigma", self.sigma, SIGMA)

    @cached_property
    def mu(self) -> float:
        """Mean of the logarithm of the life."""
        return math.log(self.mean_h) - 0.5 * self.sigma**2

    def spent(self, age_h: float) -> float:
        if age_h <= 0.0:
            return 0.0
        return -special.log_ndtr((self.mu - math.log(age_h)) / self.sigma)

    def age_at(self, spent: float) -> float:
        try:
            return math.exp(self.mu - self.sigma * special.ndtri_exp(-spent))
        except OverflowError:
            return NEVER


@dataclass(frozen=True)
class Gamma:
    """Fails at the shape-th of many blows: Lambda(a) = -log Q(k, k a / mean), Q the upper gamma ratio."""

    mean_h: float
    shape: float

    def __post_init__(self):
        bounded("gamma", "mean_h", self.mean_h, HOURS)
        bounded("gamma", "shape", self.shape, GAMMA_SHAPE)

    @cached_property
    def scale_h(self) -> float:
        """Mean over shape, [h]."""
        return self.mean_h / self.shape

    def spent(self, age_h: float) -> float:
        k, x = self.shape, age_h / self.scale_h
        if x < k:
            return -math.log1p(-special.gammainc(k, x))
        survival = special.gammaincc(k, x)
        return -math.log(survival) if survival > math.exp(-DEEP) else _deep_gamma(k, x)[0]

    def age_at(self, spent: float) -> float:
        k = self.shape
        if spent > DEEP:
            return self.scale_h * _deep_gamma_inverse(k, spent)
        if spent < 0.5:
            return self.scale_h * special.gammaincinv(k, -math.expm1(-spent))
        return self.scale_h * special.gammainccinv(k, math.exp(-spent))


def _deep_gamma(k: float, x: float) -> tuple[float, float]:
    """(-log Q(k, x), its slope) far in the upper tail, by Legendre's continued fraction.

    Gamma(k, x) = exp(-x) x**k / t, t = x + 1 - k - 1 (1 - k) / (x + 3 - k - 2 (2 - k) / (x + 5 - k ...)).
    Where Q < exp(-DEEP) and the shape is in its bounds, 5 terms already give every digit.
    """
    if x == NEVER:
        return NEVER, 1.0
    t = x
    for n in range(8, 0, -1):
        t = x + 2 * n - 1 - k - n * (n - k) / t
    return x - k * math.log(x) + math.lgamma(k) + math.log(t), t / x


def _deep_gamma_inverse(k: float, spent: float) -> float:
    """x with -log Q(k, x) = spent > DEEP, by Newton's steps: the slope is near 1 and steady there."""
    x = spent
    for _ in range(20 if spent < NEVER else 0):
        value, slope = _deep_gamma(k, x)
        step = (spent - value) / slope
        x += step
        if abs(step) < 1e-15 * x:
            break
    return x


@dataclass(frozen=True)
class Fixed:
    """Lives exactly ``mean_h`` at any factor above 0: Lambda is 0 up to that age and inf beyond."""

    mean_h: float

    def __post_init__(self):
        bounded("fixed", "mean_h", self.mean_h, HOURS)

    def spent(self, age_h: float) -> float:
        return 0.0 if age_h <= self.mean_h else NEVER

    def age_at(self, spent: float) -> float:
        return self.mean_h


@dataclass(frozen=True)
class Empirical:
    """As observed: Lambda is the Nelson-Aalen estimate, joined by straight lines from (0, 0).

    Each observed age adds (lives that end there) / (lives that reach it); beyond the last the line
    goes on at its last slope. Lives still under way cannot be told. The mean is the law's own; it
    nears the plain mean of n lives as 1 / n (lives of Weibull shape 1.5: 2.6 % below at n = 10, 0.3 % at 100).
    """

    observed_h: tuple[float, ...]

    def __post_init__(self):
        object.__setattr__(self, "observed_h", observed("empirical", self.observed_h))

    @cached_property
    def knots(self) -> tuple[list[float], list[float], list[float]]:
        """(ages [h], Lambda [-], slope onwards [1/h]) at 0 and at each distinct observed age."""
        distinct, ends = np.unique(self.observed_h, return_counts=True)
        reach = len(self.observed_h) - np.cumsum(ends) + ends
        ages = np.concatenate([[0.0], distinct])
        slope = ends / reach / np.diff(ages)
        spent = accumulate((ends / reach).tolist(), initial=0.0)
        return ages.tolist(), list(spent), [*slope.tolist(), float(slope[-1])]

    @cached_property
    def mean_h(self) -> float:
        """Sum over the pieces of (exp(-Lambda_i) - exp(-Lambda_i+1)) / slope_i, [h]."""
        _, spent, slope = self.knots
        alive = [*(math.exp(-s) for s in spent), 0.0]
        return sum((alive[i] - alive[i + 1]) / slope[i] for i in range(len(slope)))

    def spent(self, age_h: float) -> float:
        ages, spent, slope = self.knots
        i = bisect_right(ages, age_h) - 1
        return spent[i] + (age_h - ages[i]) * slope[i]

    def age_at(self, spent: float) -> float:
        ages, knots, slope = self.knots
        i = bisect_right(knots, spent) - 1
        return ages[i] + (spent - knots[i]) / slope[i]


LIFE_LAWS: dict[str, type] = {
    "exponential": Exponential,
    "weibull": Weibull,
    "lognormal": Lognormal,
    "gamma": Gamma,
    "fixed": Fixed,
    "empirical": Empirical,
}


def bounded(law: str, key: str, value: float, bounds: tuple[float, float]) -> None:
    """Raise a ValueError in words unless the value lies within the bounds, both included."""
    low, high = bounds
    if not low <= value <= high:
        raise ValueError(f"{key} = {value} lies outside {low:g} ... {high:g}, which the {law} law needs")


def observed(law: str, hours: Iterable[float]) -> tuple[float, ...]:
    """The observed hours as floats; a ValueError in words if there are none or one cannot be used."""
    values = tuple(float(h) for h in hours)
    if not values:
        raise ValueError(f"observed_h is empty: the {law} law needs at least one observed time in hours")
    for value in values:
        bounded(law, "observed_h", value, HOURS)
    return values

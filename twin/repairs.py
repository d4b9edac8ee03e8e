"""How long a repair takes: each law as the quantile function of one standard normal draw.

A draw z is the z-quantile of the law, hours(z) = F^-1(Phi(z)), so the chance table stays the same
whatever law reads it. A whole table is evaluated at once, and both engines use the result.
``z_of`` finds the draw of a recorded repair; where the law could not have taken so long it says so.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from twin.lazy import LazyModule
from twin.lifetimes import DEEP, GAMMA_SHAPE, HOURS, SIGMA, bounded, observed
from twin.lifetimes import Gamma as GammaLife

special = LazyModule("scipy.special")

TAIL_FROM = (0.5, 0.999999)
TAIL_INDEX = (1.01, 100.0)


class RepairLaw(Protocol):
    """What every repair law can say; arrays of any shape, in hours."""

    @property
    def mean_h(self) -> float:
        """Mean repair time, [h]."""
        ...

    def hours(self, z: Any) -> Any:
        """Repair times of standard normal draws, [h]; never falls as z rises."""
        ...

    def z_of(self, hours: Any) -> Any:
        """Draws that give these repair times: hours(z_of(t)) = t. A ValueError where none does."""
        ...


@dataclass(frozen=True)
class Lognormal:
    """hours(z) = median * exp(sigma z)."""

    median_h: float
    sigma: float

    def __post_init__(self):
        bounded("lognormal", "median_h", self.median_h, HOURS)
        bounded("lognormal", "sigma", self.sigma, SIGMA)

    @property
    def mean_h(self) -> float:
        return self.median_h * math.exp(0.5 * self.sigma**2)

    def hours(self, z: Any) -> Any:
        return np.exp(math.log(self.median_h) + self.sigma * np.asarray(z, float))

    def z_of(self, hours: Any) -> Any:
        return (np.log(_positive(hours)) - math.log(self.median_h)) / self.sigma


@dataclass(frozen=True)
class Exponential:
    """hours(z) = -mean * log Phi(-z)."""

    mean_h: float

    def __post_init__(self):
        bounded("exponential", "mean_h", self.mean_h, HOURS)

    def hours(self, z: Any) -> Any:
        return -self.mean_h * special.log_ndtr(-np.asarray(z, float))

    def z_of(self, hours: Any) -> Any:
        return -special.ndtri_exp(-_positive(hours) / self.mean_h)


@dataclass(frozen=True)
class Gamma:
    """Of mean and shape k: hours(z) = mean / k * P^-1(k, Phi(z)), P the lower gamma ratio."""

    mean_h: float
    shape: float

    def __post_init__(self):
        bounded("gamma", "mean_h", self.mean_h, HOURS)
        bounded("gamma", "shape", self.shape, GAMMA_SHAPE)

    def hours(self, z: Any) -> Any:
        z = np.asarray(z, float)
        spent = -special.log_ndtr(-z)
        low, deep = z < 0, spent > DEEP
        high = ~low & ~deep
        x = np.empty_like(z)
        x[low] = special.gammaincinv(self.shape, special.ndtr(z[low]))
        x[high] = special.gammainccinv(self.shape, special.ndtr(-z[high]))
        x[deep] = [self._unit.age_at(s) for s in spent[deep].tolist()]
        return self.mean_h / self.shape * x

    def z_of(self, hours: Any) -> Any:
        x = _positive(hours) * self.shape / self.mean_h
        below, above = special.gammainc(self.shape, x), special.gammaincc(self.shape, x)
        low, deep = below < 0.5, above < math.exp(-DEEP)
        high = ~low & ~deep
        z = np.empty_like(x)
        z[low] = special.ndtri(below[low])
        z[high] = -special.ndtri(above[high])
        z[deep] = [-special.ndtri_exp(-self._unit.spent(v)) for v in x[deep].tolist()]
        if np.isneginf(z).any():
            raise ValueError(
                f"a repair of {np.min(hours)} h is too short for a gamma law of mean {self.mean_h} h"
            )
        return z

    @cached_property
    def _unit(self) -> GammaLife:
        """The same law with scale 1, for tails where the ratios underflow."""
        return GammaLife(self.shape, self.shape)


@dataclass(frozen=True)
class ParetoTail:
    """Lognormal up to the quantile ``tail_from``, a Pareto tail beyond: the rare repair that rules the year.

    With q = tail_from and x_q the lognormal's q-quantile, P(T > t) = (1 - q) (t / x_q)**-tail_index for
    t > x_q. Above an index of 1 the mean exists, above 2 the variance.
    """

    median_h: float
    sigma: float
    tail_from: float
    tail_index: float

    def __post_init__(self):
        bounded("pareto_tail", "median_h", self.median_h, HOURS)
        bounded("pareto_tail", "sigma", self.sigma, SIGMA)
        bounded("pareto_tail", "tail_from", self.tail_from, TAIL_FROM)
        bounded("pareto_tail", "tail_index", self.tail_index, TAIL_INDEX)

    @cached_property
    def z_tail(self) -> float:
        """The draw from which on the tail holds."""
        return float(special.ndtri(self.tail_from))

    @cached_property
    def log_tail(self) -> float:
        """Log of the chance of the tail, taken from ``z_tail`` so that both sides meet there."""
        return float(special.log_ndtr(-self.z_tail))

    @cached_property
    def tail_h(self) -> float:
        """Where the tail begins, [h]."""
        return float(self._body.hours(self.z_tail))

    @property
    def mean_h(self) -> float:
        """exp(sigma**2 / 2) median Phi(z_q - sigma) + (1 - q) x_q index / (index - 1)."""
        body = self._body.mean_h * float(special.ndtr(self.z_tail - self.sigma))
        return body + math.exp(self.log_tail) * self.tail_h * self.tail_index / (self.tail_index - 1.0)

    def hours(self, z: Any) -> Any:
        z = np.asarray(z, float)
        beyond = (self.log_tail - special.log_ndtr(-np.maximum(z, self.z_tail))) / self.tail_index
        return self._body.hours(np.minimum(z, self.z_tail)) * np.exp(beyond)

    def z_of(self, hours: Any) -> Any:
        hours = _positive(hours)
        beyond = self.tail_index * np.log(np.maximum(hours / self.tail_h, 1.0))
        tail = -special.ndtri_exp(self.log_tail - beyond)
        return np.where(hours > self.tail_h, tail, self._body.z_of(hours))

    @cached_property
    def _body(self) -> Lognormal:
        return Lognormal(self.median_h, self.sigma)


@dataclass(frozen=True)
class Fixed:
    """hours(z) = mean, whatever the draw."""

    mean_h: float

    def __post_init__(self):
        bounded("fixed", "mean_h", self.mean_h, HOURS)

    def hours(self, z: Any) -> Any:
        return np.full(np.shape(z), float(self.mean_h))

    def z_of(self, hours: Any) -> Any:
        """0 for a repair of just this length (to 1e-9 of it), else a ValueError: no draw changes it."""
        hours = _positive(hours)
        _within(hours, self.mean_h, self.mean_h, "fixed")
        return np.zeros(hours.shape)


@dataclass(frozen=True)
class Empirical:
    """Straight lines between observed times: the i-th of n is the quantile (i - 1/2) / n.

    Flat beyond the shortest and the longest, so that the mean is the observed mean. No repair
    takes longer than the longest observed: where that matters, use a law with a tail.
    """

    observed_h: tuple[float, ...]

    def __post_init__(self):
        object.__setattr__(self, "observed_h", observed("empirical", self.observed_h))

    @property
    def mean_h(self) -> float:
        return math.fsum(self.observed_h) / len(self.observed_h)

    def hours(self, z: Any) -> Any:
        rising, share = self._steps
        return np.interp(special.ndtr(np.asarray(z, float)), share, rising)

    def z_of(self, hours: Any) -> Any:
        """A ValueError for repairs shorter or longer than any observed."""
        hours, (rising, share) = _positive(hours), self._steps
        _within(hours, rising[0], rising[-1], "empirical")
        return special.ndtri(np.interp(hours, rising, share))

    @cached_property
    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        n = len(self.observed_h)
        return np.sort(self.observed_h), (np.arange(n) + 0.5) / n


REPAIR_LAWS: dict[str, type] = {
    "lognormal": Lognormal,
    "exponential": Exponential,
    "gamma": Gamma,
    "pareto_tail": ParetoTail,
    "fixed": Fixed,
    "empirical": Empirical,
}


def _positive(hours: Any) -> np.ndarray:
    hours = np.asarray(hours, float)
    bad = hours[~((hours > 0) & (hours < np.inf))]
    if bad.size:
        raise ValueError(f"a repair of {bad[0]} h has no draw: leave it out, or give it its length above 0 h")
    return hours


def _within(hours: np.ndarray, low: float, high: float, law: str) -> None:
    """Raise unless all hours lie within what a law can give, to 1e-9 of it."""
    bad = hours[(hours < low * (1 - 1e-9)) | (hours > high * (1 + 1e-9))]
    if bad.size:
        raise ValueError(
            f"a repair of {bad[0]} h has no draw: this {law} law gives {low} ... {high} h; "
            "use a law that reaches it, such as lognormal"
        )

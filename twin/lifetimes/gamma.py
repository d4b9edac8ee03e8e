"""The gamma failure law, accurate far into the upper tail."""

import math
from dataclasses import dataclass
from functools import cached_property

from twin.lawbook import GammaShape, Hours
from twin.lazy import LazyModule
from twin.lifetimes.law import NEVER, LifeLaw

special = LazyModule("scipy.special.cython_special")

DEEP = 600.0
"""Cumulative hazard beyond which a survival function, exp(-DEEP), is too near underflow to be used."""


@dataclass(frozen=True)
class Gamma(LifeLaw, name="gamma"):
    """Failure at the k-th of random shocks, k the shape: Lambda(a) = -log Q(k, k a / mean), Q the upper gamma ratio."""

    mean_h: Hours
    shape: GammaShape

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
    Where Q < exp(-DEEP) and the shape is within its bounds, 5 terms already give full precision.
    """
    if x == NEVER:
        return NEVER, 1.0
    t = x
    for n in range(8, 0, -1):
        t = x + 2 * n - 1 - k - n * (n - k) / t
    return x - k * math.log(x) + math.lgamma(k) + math.log(t), t / x


def _deep_gamma_inverse(k: float, spent: float) -> float:
    """x with -log Q(k, x) = spent > DEEP, by Newton's method: the slope is near 1 and changes little there."""
    x = spent
    for _ in range(20 if spent < NEVER else 0):
        value, slope = _deep_gamma(k, x)
        step = (spent - value) / slope
        x += step
        if abs(step) < 1e-15 * x:
            break
    return x

"""The lognormal failure law."""

import math
from dataclasses import dataclass
from functools import cached_property

from twin.lawbook import Hours, Sigma
from twin.lazy import LazyModule
from twin.lifetimes.law import NEVER, LifeLaw

special = LazyModule("scipy.special.cython_special")


@dataclass(frozen=True)
class Lognormal(LifeLaw, name="lognormal"):
    """A hazard that rises, then falls: Lambda(a) = -log Phi(-(log a - mu) / sigma).

    mu = log(mean) - sigma**2 / 2, and Phi is the standard normal distribution.
    """

    mean_h: Hours
    sigma: Sigma

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

"""The empirical repair law: observed repair times."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from twin.lawbook import ObservedHours
from twin.lazy import LazyModule
from twin.repairs.law import RepairLaw, positive, within

special = LazyModule("scipy.special")


@dataclass(frozen=True)
class Empirical(RepairLaw, name="empirical"):
    """Straight lines between observed times: the i-th of n is the quantile (i - 1/2) / n.

    Constant beyond the shortest and the longest, so that the mean is the observed mean. No repair
    takes longer than the longest observed one: where that matters, use a law with a tail.
    """

    observed_h: ObservedHours

    @property
    def mean_h(self) -> float:
        return math.fsum(self.observed_h) / len(self.observed_h)

    def hours(self, z: Any) -> Any:
        rising, share = self._steps
        return np.interp(special.ndtr(np.asarray(z, float)), share, rising)

    def z_of(self, hours: Any) -> Any:
        """Standard normal quantiles; ValueError for repairs shorter or longer than any observed."""
        hours, (rising, share) = positive(hours), self._steps
        within(hours, rising[0], rising[-1], "empirical")
        return special.ndtri(np.interp(hours, rising, share))

    @cached_property
    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        n = len(self.observed_h)
        return np.sort(self.observed_h), (np.arange(n) + 0.5) / n

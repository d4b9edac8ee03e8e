"""The lognormal repair law with a Pareto tail."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np

from twin.lawbook import Bounds, Hours, Sigma
from twin.lazy import LazyModule
from twin.repairs.law import RepairLaw, positive
from twin.repairs.lognormal import Lognormal

special = LazyModule("scipy.special")


@dataclass(frozen=True)
class ParetoTail(RepairLaw, name="pareto_tail"):
    """Lognormal up to the quantile ``tail_from``, a Pareto tail beyond: rare, very long repairs.

    With q = tail_from and x_q the lognormal's q-quantile, P(T > t) = (1 - q) (t / x_q)**-tail_index for
    t > x_q. The mean exists above an index of 1, the variance above 2.
    """

    median_h: Hours
    sigma: Sigma
    tail_from: Annotated[float, Bounds(0.5, 0.999999)]
    tail_index: Annotated[float, Bounds(1.01, 100.0)]

    @cached_property
    def z_tail(self) -> float:
        """The z at which the tail begins."""
        return float(special.ndtri(self.tail_from))

    @cached_property
    def log_tail(self) -> float:
        """Log of the probability of the tail, computed from ``z_tail`` so that both parts meet there."""
        return float(special.log_ndtr(-self.z_tail))

    @cached_property
    def tail_h(self) -> float:
        """The repair time at which the tail begins, [h]."""
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
        hours = positive(hours)
        beyond = self.tail_index * np.log(np.maximum(hours / self.tail_h, 1.0))
        tail = -special.ndtri_exp(self.log_tail - beyond)
        return np.where(hours > self.tail_h, tail, self._body.z_of(hours))

    @cached_property
    def _body(self) -> Lognormal:
        return Lognormal(self.median_h, self.sigma)

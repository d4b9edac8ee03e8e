"""The Weibull failure law."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from twin.lawbook import Bounds, Hours
from twin.lifetimes.power import PowerLaw


@dataclass(frozen=True)
class Weibull(PowerLaw, name="weibull"):
    """Wear-out (shape > 1) or early failures (shape < 1): Lambda(a) = (gamma(1 + 1/k) a / mean)**k."""

    mean_h: Hours
    shape: Annotated[float, Bounds(0.05, 20.0)]

    @cached_property
    def hazard(self) -> float:
        """The constant of ``ageing``, [1/h**shape]."""
        return (math.gamma(1.0 + 1.0 / self.shape) / self.mean_h) ** self.shape

    @property
    def power(self) -> float:
        return self.shape

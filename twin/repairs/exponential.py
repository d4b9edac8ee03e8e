"""The exponential repair law."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.lawbook import Hours
from twin.lazy import LazyModule
from twin.repairs.law import RepairLaw, positive

special = LazyModule("scipy.special")


@dataclass(frozen=True)
class Exponential(RepairLaw, name="exponential"):
    """hours(z) = -mean * log Phi(-z)."""

    mean_h: Hours

    def hours(self, z: Any) -> Any:
        return -self.mean_h * special.log_ndtr(-np.asarray(z, float))

    def z_of(self, hours: Any) -> Any:
        return -special.ndtri_exp(-positive(hours) / self.mean_h)

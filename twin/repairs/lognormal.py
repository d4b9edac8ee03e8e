"""The lognormal repair law."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.lawbook import Hours, Sigma
from twin.repairs.law import RepairLaw, positive


def repair_h(mu, sigma, z, xp: Any = np):
    """Lognormal repair time of a standard normal random number ``z``, [h]; for numpy and JAX."""
    return xp.exp(mu + sigma * z)


@dataclass(frozen=True)
class Lognormal(RepairLaw, name="lognormal"):
    """hours(z) = median * exp(sigma z)."""

    median_h: Hours
    sigma: Sigma

    @property
    def mean_h(self) -> float:
        return self.median_h * math.exp(0.5 * self.sigma**2)

    def hours(self, z: Any) -> Any:
        return repair_h(math.log(self.median_h), self.sigma, np.asarray(z, float))

    def z_of(self, hours: Any) -> Any:
        return (np.log(positive(hours)) - math.log(self.median_h)) / self.sigma

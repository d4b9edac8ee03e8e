"""The gamma repair law."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from twin.lawbook import GammaShape, Hours
from twin.lazy import LazyModule
from twin.lifetimes.gamma import DEEP
from twin.lifetimes.gamma import Gamma as GammaLife
from twin.repairs.law import RepairLaw, positive

special = LazyModule("scipy.special")


@dataclass(frozen=True)
class Gamma(RepairLaw, name="gamma"):
    """Given by mean and shape k: hours(z) = mean / k * P^-1(k, Phi(z)), P the lower gamma ratio."""

    mean_h: Hours
    shape: GammaShape

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
        x = positive(hours) * self.shape / self.mean_h
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

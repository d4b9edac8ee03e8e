"""The fixed repair law: every repair takes the same time."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from twin.lawbook import Hours
from twin.repairs.law import RepairLaw, positive, within


@dataclass(frozen=True)
class Fixed(RepairLaw, name="fixed"):
    """hours(z) = mean for every z."""

    random: ClassVar[bool] = False
    mean_h: Hours

    def hours(self, z: Any) -> Any:
        return np.full(np.shape(z), float(self.mean_h))

    def z_of(self, hours: Any) -> Any:
        """0 for a repair of exactly this length (to 1e-9 of it), else a ValueError: this law gives no other length."""
        hours = positive(hours)
        within(hours, self.mean_h, self.mean_h, "fixed")
        return np.zeros(hours.shape)

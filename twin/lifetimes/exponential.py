"""The exponential failure law: no memory of age."""

from dataclasses import dataclass
from functools import cached_property

from twin.lawbook import Hours
from twin.lifetimes.power import PowerLaw


@dataclass(frozen=True)
class Exponential(PowerLaw, name="exponential"):
    """Memoryless: Lambda(a) = a / mean."""

    mean_h: Hours

    @cached_property
    def hazard(self) -> float:
        """Hazard, [1/h]."""
        return 1.0 / self.mean_h

    @property
    def power(self) -> float:
        return 1.0

"""The fixed failure law: every life has the same length."""

from dataclasses import dataclass

from twin.lawbook import Hours
from twin.lifetimes.law import NEVER, LifeLaw


@dataclass(frozen=True)
class Fixed(LifeLaw, name="fixed"):
    """Each life lasts exactly ``mean_h`` at any factor above 0: Lambda is 0 up to that age and inf beyond."""

    mean_h: Hours

    def spent(self, age_h: float) -> float:
        return 0.0 if age_h <= self.mean_h else NEVER

    def age_at(self, spent: float) -> float:
        return self.mean_h

"""The base class of failure laws: cumulative hazard of an age, its inverse, and both at a scaled hazard.

A unit fails when its cumulative hazard H(a) = factor * Lambda(a) reaches its ageing budget, a
unit-exponential random number; a is the age in the unit's own clock [h]. ``Lambda`` [-] is a property of the
law. ``factor`` [-] depends on settings and conditions: it is 1 at the reference settings, twice the factor is
twice the hazard at every age (proportional hazards), and n pooled memoryless units have n times the factor.

The parameter of each law is its mean life at factor 1. The reference engine evaluates one life at a time, so
every law takes and returns Python floats.
"""

from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from twin.lawbook import Parametric
from twin.laws import NEVER


class LifeLaw(Parametric):
    """A failure law. A subclass defines ``mean_h``, ``spent`` and ``age_at``; the rest follows."""

    laws: ClassVar[dict[str, type["LifeLaw"]]] = {}
    mean_h: Any  # a field or a property, float
    """Mean life at factor 1, [h]: the integral of exp(-Lambda(a)) da."""

    @property
    def power(self) -> float | None:
        """The shape k of a law with H(a) = hazard * a**k, which both engines support; None for other laws."""
        return None

    @cached_property
    def hazard(self) -> float:
        """The hazard at factor 1, which engines and learned laws scale: [1/h**k] for a power law, else 1."""
        return 1.0

    def spent(self, age_h: float) -> float:
        """Lambda: the baseline cumulative hazard at an age, [-]."""
        raise NotImplementedError

    def age_at(self, spent: float) -> float:
        """The age at a baseline cumulative hazard, [h]: the inverse of Lambda."""
        raise NotImplementedError

    def spent_each(self, age_h: np.ndarray) -> np.ndarray:
        """Lambda at many ages [S]."""
        return np.array([self.spent(age) for age in age_h.tolist()], float)

    def spending(self, age_h: float, older_h: float, hazard: float) -> float:
        """Ageing budget spent between two ages at a hazard, [-].

        It is 0 at hazard 0 and for equal ages, also beyond the end of a fixed life, where Lambda is inf.
        """
        if hazard == 0.0 or older_h <= age_h:
            return 0.0
        before = self.spent(age_h)
        return NEVER if before == NEVER else hazard * (self.spent(older_h) - before)

    def hours_left(self, age_h: float, left: float, hazard: float) -> float:
        """Hours t until an ageing budget ``left`` is spent at a hazard: ``spending(age, age + t, hazard)`` = left."""
        if hazard == 0.0:
            return NEVER
        return max(self.age_at(self.spent(age_h) + max(left, 0.0) / hazard) - age_h, 0.0)


LIFE_LAWS = LifeLaw.laws
"""Every failure law by its name."""

"""The base class of repair laws: repair time as a function of a standard normal random number, and the inverse.

The repair time is hours(z) = F^-1(Phi(z)), so the drawn random numbers do not depend on the law. A whole table
is evaluated at once, and both engines use the result. ``z_of`` gives the z of a recorded repair; it raises where
the law cannot give that time.
"""

from typing import Any, ClassVar

import numpy as np

from twin.lawbook import Parametric


class RepairLaw(Parametric):
    """A repair law: arrays of any shape, in hours. A subclass defines all but ``random``."""

    laws: ClassVar[dict[str, type["RepairLaw"]]] = {}
    random: ClassVar[bool] = True
    """True if the repair time depends on z."""
    mean_h: Any  # a field or a property, float
    """Mean repair time, [h]."""

    def hours(self, z: Any) -> Any:
        """Repair times of standard normal random numbers z, [h]; they never fall as z rises."""
        raise NotImplementedError

    def z_of(self, hours: Any) -> Any:
        """The z that give these repair times: hours(z_of(t)) = t. ValueError where none does."""
        raise NotImplementedError


REPAIR_LAWS = RepairLaw.laws
"""Every repair law by its name."""


def positive(hours: Any) -> np.ndarray:
    """Hours as an array; ValueError unless each is finite and above 0."""
    hours = np.asarray(hours, float)
    bad = hours[~((hours > 0) & (hours < np.inf))]
    if bad.size:
        raise ValueError(f"a repair of {bad[0]} h is not possible: leave it out, or give a length above 0 h")
    return hours


def within(hours: np.ndarray, low: float, high: float, law: str) -> None:
    """Raise ValueError unless all hours lie within the range of a law, to 1e-9 of it."""
    bad = hours[(hours < low * (1 - 1e-9)) | (hours > high * (1 + 1e-9))]
    if bad.size:
        raise ValueError(
            f"a repair of {bad[0]} h is not possible: this {law} law gives {low} ... {high} h; "
            "use a law that reaches it, such as lognormal"
        )

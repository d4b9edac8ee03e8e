"""What every repair law can say: its quantile function of one standard normal draw, and the inverse.

A draw z is the z-quantile of the law, hours(z) = F^-1(Phi(z)), so the chance table stays the same
whatever law reads it. A whole table is evaluated at once, and both engines use the result.
``z_of`` finds the draw of a recorded repair; where the law could not have taken so long it says so.
"""

from typing import Any, ClassVar

import numpy as np

from twin.lawbook import Parametric


class RepairLaw(Parametric):
    """A repair law: arrays of any shape, in hours. A law of its own defines all but ``random``."""

    laws: ClassVar[dict[str, type["RepairLaw"]]] = {}
    random: ClassVar[bool] = True
    """Does the draw change how long a repair takes?"""
    mean_h: Any  # a field or a property, float
    """Mean repair time, [h]."""

    def hours(self, z: Any) -> Any:
        """Repair times of standard normal draws, [h]; never falls as z rises."""
        raise NotImplementedError

    def z_of(self, hours: Any) -> Any:
        """Draws that give these repair times: hours(z_of(t)) = t. A ValueError where none does."""
        raise NotImplementedError


REPAIR_LAWS = RepairLaw.laws
"""Every repair law by its name."""


def positive(hours: Any) -> np.ndarray:
    """Hours as an array; a ValueError in words unless each is finite and above 0."""
    hours = np.asarray(hours, float)
    bad = hours[~((hours > 0) & (hours < np.inf))]
    if bad.size:
        raise ValueError(f"a repair of {bad[0]} h has no draw: leave it out, or give it its length above 0 h")
    return hours


def within(hours: np.ndarray, low: float, high: float, law: str) -> None:
    """Raise unless all hours lie within what a law can give, to 1e-9 of it."""
    bad = hours[(hours < low * (1 - 1e-9)) | (hours > high * (1 + 1e-9))]
    if bad.size:
        raise ValueError(
            f"a repair of {bad[0]} h has no draw: this {law} law gives {low} ... {high} h; "
            "use a law that reaches it, such as lognormal"
        )

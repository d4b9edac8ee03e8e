"""The space of settings: names, units, limits and ramp rates of the knobs."""

from dataclasses import dataclass

import numpy as np

from twin.errors import UserError, unknown
from twin.facility import Facility


@dataclass(frozen=True)
class Space:
    """The knobs of a facility as arrays of length K, in the facility's units."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    ramp_per_h: np.ndarray
    present: np.ndarray

    @classmethod
    def of(cls, facility: Facility) -> "Space":
        knobs = facility.knob
        return cls(
            tuple(k.name for k in knobs),
            tuple(k.unit for k in knobs),
            np.array([k.low for k in knobs]),
            np.array([k.high for k in knobs]),
            np.array([k.ramp_per_h for k in knobs]),
            np.array([k.value for k in knobs]),
        )

    def clip(self, settings) -> np.ndarray:
        """The nearest settings within the limits."""
        return np.clip(settings, self.low, self.high)

    def to_unit(self, settings) -> np.ndarray:
        """Settings as coordinates in the unit cube [0, 1]^K."""
        return (np.asarray(settings) - self.low) / (self.high - self.low)

    def from_unit(self, unit) -> np.ndarray:
        """Settings of a point of the unit cube."""
        return self.low + np.asarray(unit) * (self.high - self.low)

    def step(self, present, wanted, hours: float) -> np.ndarray:
        """As far from ``present`` towards ``wanted`` as ``hours`` of ramping allow, within limits."""
        reach = self.ramp_per_h * hours
        return self.clip(np.clip(self.clip(wanted), present - reach, present + reach))

    def ramp_h(self, present, wanted) -> float:
        """Hours until the slowest knob has ramped from ``present`` to ``wanted``."""
        return float(np.max(np.abs(np.asarray(wanted) - present) / self.ramp_per_h))

    def check(self, settings) -> np.ndarray:
        """The settings, or a UserError that names each knob beyond its limits."""
        settings = np.asarray(settings, float)
        beyond = [
            f"{name} = {value:g} {unit} lies outside {low:g} ... {high:g} {unit}"
            for name, unit, low, high, value in zip(
                self.names, self.units, self.low, self.high, settings, strict=True
            )
            if not low <= value <= high
        ]
        if beyond:
            raise UserError("; ".join(beyond))
        return settings

    def override(self, settings, changes: dict[str, float]) -> np.ndarray:
        """``settings`` with some knobs set by name; unknown names and values beyond limits are errors."""
        changed = np.array(settings, float)
        for name, value in changes.items():
            if name not in self.names:
                raise unknown("knob", name, self.names)
            changed[..., self.names.index(name)] = value
        lowest, highest = (
            changed.reshape(-1, len(self.names)).min(0),
            changed.reshape(-1, len(self.names)).max(0),
        )
        self.check(lowest)
        self.check(highest)
        return changed

"""The space of settings: names, units, limits, ramp rates and interlocks of the knobs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.errors import UserError, unknown
from twin.facility import Facility

TINY = 1e-12  # in an interlock's unit: tolerance for rounding


@dataclass(frozen=True)
class Fence:
    """L interlocks as half-spaces, ``factor @ settings <= most``; the allowed settings are convex."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    factor: np.ndarray  # [L, K]
    most: np.ndarray  # [L]

    @classmethod
    def of(cls, facility: Facility) -> "Fence":
        knobs, rows = [k.name for k in facility.knob], []
        for lock in facility.interlock:
            factor = np.array([lock.factor.get(name, 0.0) for name in knobs])
            rows += [(lock, factor, lock.high)] if lock.high is not None else []
            rows += [(lock, -factor, -lock.low)] if lock.low is not None else []
        locks = [lock for lock, _, _ in rows]
        return cls(
            tuple(lock.title for lock in locks),
            tuple(lock.unit for lock in locks),
            np.reshape([factor for _, factor, _ in rows], (-1, len(knobs))),
            np.array([most for _, _, most in rows], float),
        )

    def beyond(self, settings) -> np.ndarray:
        """How far settings [..., K] lie beyond each interlock [..., L], in its unit; negative inside."""
        return np.asarray(settings, float) @ self.factor.T - self.most

    def share(self, held, moved, xp: Any = np):
        """The greatest share [...] of the way from ``held`` to ``moved`` [..., K] that no interlock forbids.

        From beyond an interlock moving back is allowed, moving further is not.
        """
        now, then = (
            xp.asarray(s) @ self.factor.T - self.most[(None,) * (xp.ndim(s) - 1)] for s in (held, moved)
        )
        room = xp.where(
            then > xp.maximum(now, 0.0) + TINY, xp.maximum(-now, 0.0) / xp.maximum(then - now, TINY), 1.0
        )
        return xp.min(xp.minimum(room, 1.0), axis=-1, initial=1.0)


@dataclass(frozen=True)
class Space:
    """The knobs of a facility as arrays of length K, in the facility's units."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    ramp_per_h: np.ndarray
    present: np.ndarray
    fence: Fence | None = None

    def __post_init__(self) -> None:
        for name, unit, low, high in zip(self.names, self.units, self.low, self.high, strict=True):
            if not -np.inf < low < high < np.inf:
                raise UserError(
                    f"knob {name!r}: low = {low:g} {unit} and high = {high:g} {unit} must be finite and low < high; "
                    "leave out a knob that is fixed"
                )

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
            Fence.of(facility) if facility.interlock else None,
        )

    def clip(self, settings) -> np.ndarray:
        """The nearest settings within the limits of each knob; ``inside`` checks the interlocks."""
        return np.clip(settings, self.low, self.high)

    def inside(self, settings) -> Any:
        """Which settings [..., K] keep all limits and interlocks [...]; nan does not."""
        settings = np.asarray(settings, float)
        kept = ((settings >= self.low) & (settings <= self.high)).all(-1)
        if self.fence is None:
            return kept
        with np.errstate(invalid="ignore", over="ignore"):
            return kept & (self.fence.beyond(settings) <= TINY).all(-1)

    def to_unit(self, settings) -> np.ndarray:
        """Settings as coordinates in the unit cube [0, 1]^K."""
        return (np.asarray(settings) - self.low) / (self.high - self.low)

    def from_unit(self, unit) -> np.ndarray:
        """Settings of a point of the unit cube."""
        return self.low + np.asarray(unit) * (self.high - self.low)

    def step(self, present, wanted, hours, xp: Any = np):
        """As far from ``present`` towards ``wanted`` [..., K] as ``hours`` of ramping allow, within limits.

        Each knob ramps independently; where an interlock forbids that, all stop early together.
        """
        low, high, ramp = (
            a[(None,) * (xp.ndim(present) - 1)] for a in (self.low, self.high, self.ramp_per_h)
        )
        reach = ramp * hours
        moved = xp.clip(xp.clip(xp.clip(wanted, low, high), present - reach, present + reach), low, high)
        if self.fence is None:
            return moved
        share = self.fence.share(present, moved, xp)[..., None]
        return xp.where(share < 1.0, xp.clip(present + share * (moved - present), low, high), moved)

    def way(self, present, wanted, hours: float) -> np.ndarray:
        """Settings after ``hours`` of a straight ramp from ``present`` to ``wanted`` within the ramp rates.

        Limits and interlocks are convex: between two settings that keep them, the ramp keeps them. A target
        beyond an interlock is approached as far as the interlock allows.
        """
        wanted = self.step(present, wanted, np.inf)
        total = self.ramp_h(present, wanted)
        if hours >= total:
            return wanted
        return self.clip(present + max(hours, 0.0) / total * (wanted - present))

    def ramp_h(self, present, wanted) -> float:
        """Hours until the slowest knob has ramped from ``present`` to ``wanted``."""
        return float(np.max(np.abs(np.asarray(wanted) - present) / self.ramp_per_h))

    def check(self, settings) -> np.ndarray:
        """The settings, or a UserError that names each knob beyond its limits and each interlock."""
        settings = np.asarray(settings, float)
        beyond = [
            f"{name} = {value:g} {unit} lies outside {low:g} ... {high:g} {unit}"
            for name, unit, low, high, value in zip(
                self.names, self.units, self.low, self.high, settings, strict=True
            )
            if not low <= value <= high
        ]
        if self.fence is not None:
            locked = zip(
                self.fence.names, self.fence.units, self.fence.beyond(settings).tolist(), strict=True
            )
            beyond += [f"interlock {n!r} is {by:g} {u} beyond its bound" for n, u, by in locked if by > TINY]
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
        rows = changed.reshape(-1, len(self.names))
        for row in rows[~self.inside(rows)][:1]:
            self.check(row)
        return changed

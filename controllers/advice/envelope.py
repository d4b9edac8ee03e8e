"""The envelope that nothing leaves: limits, interlocks, promised quantities and the reach of the logs."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

from surrogate.learned import LearnedLaw
from twin import Facility, Space

ON_THE_WAY = (0.25, 0.5, 0.75)  # shares of a ramp at which it is looked at, beside its ends
NEAR = 0.8  # of the support limit: beyond it settings lie at the edge of what the logs have seen


class Look(NamedTuple):
    """What is known of settings [n, K] before anything is simulated."""

    distance: np.ndarray  # [n] from the logs, in their standard deviations
    mean: np.ndarray  # [n, Q] predicted quantities
    low: np.ndarray  # [n, Q] of their 90 % interval
    high: np.ndarray
    hazard: np.ndarray  # [n, P]


@dataclass(frozen=True)
class Envelope:
    """Where settings may go. Comparisons are such that what is not a number is never inside."""

    facility: Facility
    space: Space
    law: LearnedLaw
    weather: np.ndarray  # [C] held over the horizon

    def look(self, settings) -> Look:
        """Support, predicted quantities and hazards of settings [n, K]."""
        return Look(*(np.asarray(x) for x in _look(self.law, np.asarray(settings, float), self.weather)))

    @property
    def limit(self) -> float:
        """The greatest distance that counts as seen."""
        return float(np.asarray(self.law.seen.limit)) if self.law.seen is not None else np.inf

    def allowed(self, settings) -> np.ndarray:
        """Which settings [n, K] keep limits, interlocks, support and promises, they and the ramp there, [n].

        On the way nothing may be further out than the present settings are, if these are outside.
        """
        settings = np.asarray(settings, float)
        held = self.space.inside(settings)
        safe = np.where(held[:, None], settings, self.space.present)
        kept = held & self._kept(self.look(safe), self.limit, 0.0)
        here = self.look(self.space.present[None])
        reach, slack = max(self.limit, float(here.distance[0])), self._short(here)[0]
        for share in ON_THE_WAY:
            between = self.space.present + share * (safe - self.space.present)
            kept &= self._kept(self.look(between), reach, slack)
        return kept

    def _kept(self, look: Look, limit: float, slack) -> np.ndarray:
        known = np.isfinite(look.mean).all(-1) & np.isfinite(look.hazard).all(-1)
        return known & (look.distance <= limit) & (self._short(look) <= slack).all(-1)

    def _short(self, look: Look) -> np.ndarray:
        """How far the interval of each promised quantity is beyond its bounds [n, Q]; 0 inside, nan unknown."""
        bounds = [(q.low, q.high) for q in self.facility.quantity]
        low = np.array([-np.inf if low is None else low for low, _ in bounds])
        high = np.array([np.inf if high is None else high for _, high in bounds])
        with np.errstate(invalid="ignore"):
            below = np.where(np.isneginf(low), 0.0, np.maximum(low - look.low, 0.0))
            above = np.where(np.isposinf(high), 0.0, np.maximum(look.high - high, 0.0))
        return below + above

    def gate(self, settings) -> np.ndarray:
        """Settings [n, K] with each row that is not allowed replaced by the present ones: what any proposer gets."""
        return np.where(self.allowed(settings)[:, None], settings, self.space.present)

    def place(self, settings) -> str:
        """ "inside", "edge" or "outside" of what the logs have seen, for settings [K]."""
        distance = float(self.look(np.asarray(settings)[None]).distance[0])
        return "inside" if distance <= NEAR * self.limit else "edge" if distance <= self.limit else "outside"


@jax.jit
def _look(law: LearnedLaw, settings, weather):
    """Support distance [n], predicted quantities [n, Q] with their 90 % interval, hazards [n, P]."""

    def one(s):
        return law.support(s, weather), *law.predict(s, weather), law(s, weather).hazard

    return jax.vmap(one)(settings)

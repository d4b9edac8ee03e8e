"""The envelope that nothing leaves: limits, interlocks, promised quantities and the reach of the logs."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

from controllers.policy import STEP_H, ramps
from controllers.recommendation import Place
from surrogate.learned import LearnedLaw
from twin import Facility, Space

QUARTERS = (0.25, 0.5, 0.75)  # of a ramp, looked at beside its steps: a short one has none on the way
FEWEST = 16  # points looked at together on the way: a ramp or so
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
    conditions: np.ndarray  # [C] held over the horizon

    def look(self, settings) -> Look:
        """Support, predicted quantities and hazards of settings [n, K]."""
        return Look(*(np.asarray(x) for x in _look(self.law, np.asarray(settings, float), self.conditions)))

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
        kept[kept] = self._reached(safe[kept], max(len(settings), FEWEST))
        return kept

    def _reached(self, wanted: np.ndarray, rows: int) -> np.ndarray:
        """Which ramps to ``wanted`` [m, K] keep the envelope wherever they are looked at, [m].

        Looked at ``rows`` points at a time, however many there are, so that nothing is compiled anew.
        """
        present = self.space.present
        here = self.look(present[None])
        reach, slack = max(self.limit, float(here.distance[0])), self._short(here)[0]
        ramp, points = _on_the_way(self.space, wanted)
        spare = np.tile(present, (-len(points) % rows, 1))
        blocks = np.concatenate([points, spare]).reshape(-1, rows, len(present))
        kept = [self._kept(self.look(block), reach, slack) for block in blocks]
        broken = ramp[~np.concatenate([np.ones(0, bool), *kept])[: len(ramp)]]
        return ~np.isin(np.arange(len(wanted)), broken)

    def _kept(self, look: Look, limit: float, slack) -> np.ndarray:
        known = np.isfinite(look.mean).all(-1) & np.isfinite(look.hazard).all(-1)
        return known & (look.distance <= limit) & (self._short(look) <= slack).all(-1)

    def _short(self, look: Look) -> np.ndarray:
        """How far the interval of each quantity is below and above its bounds [n, 2 Q]; 0 inside, nan unknown."""
        bounds = [(q.low, q.high) for q in self.facility.quantity]
        low = np.array([-np.inf if low is None else low for low, _ in bounds])
        high = np.array([np.inf if high is None else high for _, high in bounds])
        with np.errstate(invalid="ignore"):
            below = np.where(np.isneginf(low), 0.0, np.maximum(low - look.low, 0.0))
            above = np.where(np.isposinf(high), 0.0, np.maximum(look.high - high, 0.0))
        return np.concatenate([below, above], axis=-1)

    def gate(self, settings) -> np.ndarray:
        """Settings [n, K] with each row that is not allowed replaced by the present ones: what any proposer gets."""
        return np.where(self.allowed(settings)[:, None], settings, self.space.present)

    def place(self, settings) -> Place:
        """ "inside", "edge" or "outside" of what the logs have seen, for settings [K]."""
        distance = float(self.look(np.asarray(settings)[None]).distance[0])
        return "inside" if distance <= NEAR * self.limit else "edge" if distance <= self.limit else "outside"


def _on_the_way(space: Space, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The steps and quarters of each ramp to ``wanted`` [m, K], without its ends: whose [N], and where [N, K]."""
    hours, way = ramps(space, wanted)
    between = (hours > 0.0) & (hours < hours[:, -1:])
    (short,) = np.nonzero(hours[:, 1] <= STEP_H)  # the twelve equal steps of a long one hold its quarters
    quarters = space.present + np.array(QUARTERS)[:, None] * (wanted[short] - space.present)[:, None]
    ramp = np.concatenate([np.nonzero(between)[0], np.repeat(short, len(QUARTERS))])
    return ramp, np.concatenate([way[between], *quarters])


@jax.jit
def _look(law: LearnedLaw, settings, conditions):
    """Support distance [n], predicted quantities [n, Q] with their 90 % interval, hazards [n, P]."""

    def one(s):
        return law.support(s, conditions), *law.predict(s, conditions), law(s, conditions).hazard

    return jax.vmap(one)(settings)

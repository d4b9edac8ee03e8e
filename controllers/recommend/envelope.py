"""The envelope: limits, interlocks, promised quantities and the support of the logs, which every proposal keeps."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

from controllers.policy import STEP_H, ramps
from controllers.recommendation import Place
from surrogate.learned import LearnedLaw
from twin import Facility, Space

QUARTERS = (0.25, 0.5, 0.75)  # of a ramp, checked beside its steps: a short ramp has no step between its ends
FEWEST = 16  # points of ramps that are checked together, at least: about one ramp
NEAR = 0.8  # of the support limit: beyond it settings lie at the edge of the support


class Assessment(NamedTuple):
    """What the model predicts of settings [n, K] without simulation."""

    distance: np.ndarray  # [n] from the data of the logs, in their standard deviations
    mean: np.ndarray  # [n, Q] predicted quantities
    low: np.ndarray  # [n, Q] lower end of their 90 % interval
    high: np.ndarray  # [n, Q] upper end
    hazard: np.ndarray  # [n, P]


@dataclass(frozen=True)
class Envelope:
    """The settings that are allowed. Comparisons are such that a value that is not a number is never inside."""

    facility: Facility
    space: Space
    law: LearnedLaw
    conditions: np.ndarray  # [C] held over the horizon

    def assess(self, settings) -> Assessment:
        """Support distance, predicted quantities and hazards of settings [n, K]."""
        rows = np.asarray(settings, float)
        return Assessment(*(np.asarray(x) for x in _assess(self.law, rows, self.conditions)))

    @property
    def limit(self) -> float:
        """The greatest distance from the data that counts as inside their support."""
        return float(np.asarray(self.law.seen.limit)) if self.law.seen is not None else np.inf

    def allowed(self, settings) -> np.ndarray:
        """Which settings [n, K], together with the ramps to them, keep limits, interlocks, support and promises, [n].

        Where the present settings violate a bound, no point of a ramp may violate it further (``ramp_tolerance``).
        """
        settings = np.asarray(settings, float)
        inside = self.space.inside(settings)
        safe = np.where(inside[:, None], settings, self.space.present)
        kept = inside & self._kept(self.assess(safe), self.limit, 0.0)
        kept[kept] = self._ramp_kept(safe[kept], max(len(settings), FEWEST))
        return kept

    def ramp_tolerance(self) -> tuple[float, np.ndarray]:
        """The greatest distance, and the greatest shortfall [2 Q] of each bound, that a point of a ramp may have."""
        here = self.assess(self.space.present[None])
        return max(self.limit, float(here.distance[0])), self.shortfall(here)[0]

    def ramp_points(self, wanted) -> np.ndarray:
        """The points [N, K] at which the ramp to ``wanted`` [K] is checked, filled up with the present settings."""
        return self._filled(_on_the_way(self.space, np.asarray(wanted)[None])[1], FEWEST)

    def _filled(self, points: np.ndarray, rows: int) -> np.ndarray:
        """Points filled up with the present settings to a multiple of ``rows``."""
        return np.concatenate([points, np.tile(self.space.present, (-len(points) % rows, 1))])

    def _ramp_kept(self, wanted: np.ndarray, rows: int) -> np.ndarray:
        """Which ramps to ``wanted`` [m, K] keep the envelope at every point that is checked, [m].

        Points are assessed in blocks of ``rows``, however many there are, so that no program is compiled again.
        """
        limit, slack = self.ramp_tolerance()
        ramp, points = _on_the_way(self.space, wanted)
        blocks = self._filled(points, rows).reshape(-1, rows, points.shape[1])
        kept = [self._kept(self.assess(block), limit, slack) for block in blocks]
        broken = ramp[~np.concatenate([np.ones(0, bool), *kept])[: len(ramp)]]
        return ~np.isin(np.arange(len(wanted)), broken)

    def _kept(self, assessment: Assessment, limit: float, slack) -> np.ndarray:
        known = np.isfinite(assessment.mean).all(-1) & np.isfinite(assessment.hazard).all(-1)
        return known & (assessment.distance <= limit) & (self.shortfall(assessment) <= slack).all(-1)

    def shortfall(self, assessment: Assessment) -> np.ndarray:
        """How far each quantity's interval extends below and above its bounds [n, 2 Q]; 0 inside, nan unknown."""
        bounds = [(q.low, q.high) for q in self.facility.quantity]
        low = np.array([-np.inf if low is None else low for low, _ in bounds])
        high = np.array([np.inf if high is None else high for _, high in bounds])
        with np.errstate(invalid="ignore"):
            below = np.where(np.isneginf(low), 0.0, np.maximum(low - assessment.low, 0.0))
            above = np.where(np.isposinf(high), 0.0, np.maximum(assessment.high - high, 0.0))
        return np.concatenate([below, above], axis=-1)

    def gate(self, settings) -> np.ndarray:
        """Settings [n, K] with each row that is not allowed replaced by the present settings."""
        return np.where(self.allowed(settings)[:, None], settings, self.space.present)

    def place(self, settings) -> Place:
        """Whether settings [K] lie "inside", at the "edge" or "outside" of the support of the logs."""
        distance = float(self.assess(np.asarray(settings)[None]).distance[0])
        return "inside" if distance <= NEAR * self.limit else "edge" if distance <= self.limit else "outside"


def _on_the_way(space: Space, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of the ramps to ``wanted`` [m, K], without their ends: index of the ramp [N], settings [N, K]."""
    hours, way = ramps(space, wanted)
    between = (hours > 0.0) & (hours < hours[:, -1:])
    (short,) = np.nonzero(hours[:, 1] <= STEP_H)  # the twelve equal steps of a long ramp include its quarters
    quarters = space.present + np.array(QUARTERS)[:, None] * (wanted[short] - space.present)[:, None]
    ramp = np.concatenate([np.nonzero(between)[0], np.repeat(short, len(QUARTERS))])
    return ramp, np.concatenate([way[between], *quarters])


@jax.jit
def _assess(law: LearnedLaw, settings, conditions):
    """Support distance [n], predicted quantities [n, Q] with their 90 % interval, hazards [n, P]."""

    def one(s):
        return law.support(s, conditions), *law.predict(s, conditions), law(s, conditions).hazard

    return jax.vmap(one)(settings)

"""Contribution of each knob to the gain of a change, in the runs of one evaluator."""

import numpy as np

from controllers.evaluation import Interval, PolicyEvaluator, paired
from controllers.policy import Policy
from controllers.recommend.attribution import shapley
from controllers.recommend.case import Case
from twin.types import Progress


class Contributions:
    """Gains of a change of settings by knob; each combination of moved knobs is simulated once.

    ``known`` holds the scores [R] that were computed before, by the bytes of their settings; new scores are added.
    """

    def __init__(
        self,
        this: Case,
        evaluator: PolicyEvaluator,
        wanted: np.ndarray,
        progress: Progress,
        known: dict[bytes, np.ndarray],
    ):
        self.this, self.evaluator, self.wanted, self.progress = this, evaluator, wanted, progress
        self.moved = [k for k in range(len(wanted)) if wanted[k] != this.space.present[k]]
        self.known = known
        self.share = shapley(self.moved, self.score)
        progress("finding which knob brings what", 1.0)

    def settings(self, knobs) -> np.ndarray:
        """The settings [K] if only these knobs move."""
        return np.where(
            np.isin(np.arange(len(self.wanted)), list(knobs)), self.wanted, self.this.space.present
        )

    def score(self, knobs) -> np.ndarray:
        """The score [R] if only these knobs move."""
        settings = self.settings(knobs)
        key = settings.tobytes()
        if key not in self.known:
            tally = self.evaluator.evaluate(Policy("some knobs", settings))
            self.known[key] = self.evaluator.score(tally)
            part = min(len(self.known) / 2 ** len(self.moved), 1.0)
            self.progress("finding which knob brings what", part)
        return self.known[key]

    def gain(self, knobs) -> Interval:
        """The gain if only these knobs move."""
        return paired(self.score(knobs), self.score(()))

    def alone(self) -> dict[str, Interval]:
        """The gain if one knob alone moves, by its name."""
        return {self.this.space.names[k]: self.gain((k,)) for k in self.moved}

    def shares(self) -> dict[str, Interval]:
        """The share of the gain that each knob contributes (Shapley value), by name."""
        none = self.score(())
        return {self.this.space.names[k]: paired(none + share, none) for k, share in self.share.items()}

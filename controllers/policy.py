"""A policy says which settings to hold in each epoch; every search ends as one."""

from dataclasses import dataclass

import numpy as np

from twin import Space

EARLY_H = 1e-9
STEP_H = 0.25
STEPS = 12  # of a ramp at most


@dataclass(frozen=True)
class Policy:
    """Settings [K] to go to from ``from_h`` on and then to hold, reached straight and as fast as ramp rates allow."""

    name: str
    wanted: np.ndarray
    from_h: float = 0.0

    def at(self, space: Space, hour: float) -> np.ndarray:
        """Settings [K] at an hour."""
        return space.way(space.present, self.wanted, hour - self.from_h)

    def plan(self, space: Space, edges_h: np.ndarray) -> np.ndarray:
        """Settings [E, K] of each epoch; the first step is taken at the start of the first epoch from ``from_h`` on.

        An epoch's ramp moves at its beginning, so a change counts from the epoch in which it starts.
        """
        begun = edges_h[:-1] >= self.from_h - EARLY_H
        return np.array(
            [
                self.at(space, float(end)) if on else space.present
                for end, on in zip(edges_h[1:], begun, strict=True)
            ]
        )

    def ramp(self, space: Space, step_h: float = STEP_H) -> list[tuple[float, np.ndarray]]:
        """The way from the present settings, [(hour, settings [K])], knobs moving together."""
        total = space.ramp_h(space.present, self.wanted)
        if self.from_h + total == self.from_h:  # no way at all, or one that rounding has made
            return [(self.from_h, space.present)]
        step_h = max(step_h, total / STEPS)
        hours = [0.0, *np.arange(step_h, total - EARLY_H, step_h), total]
        return [(self.from_h + float(h), self.at(space, self.from_h + h)) for h in hours]

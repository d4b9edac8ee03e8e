"""A policy says which settings to hold in each epoch; every search ends as one."""

from dataclasses import dataclass

import numpy as np

from twin import Space


@dataclass(frozen=True)
class Policy:
    """Settings [K] to go to and then to hold, reached as fast as the ramp rates allow."""

    name: str
    wanted: np.ndarray

    def plan(self, space: Space, edges_h: np.ndarray) -> np.ndarray:
        """Settings [E, K] of each epoch; the first step is taken at the first epoch's start.

        An epoch's ramp moves at its beginning, so a change counts from the epoch in which it starts.
        """
        held, rows = space.present, []
        for hours in np.diff(edges_h):
            held = space.step(held, self.wanted, float(hours))
            rows.append(held)
        return np.array(rows)

    def ramp(self, space: Space, step_h: float = 0.25) -> list[tuple[float, np.ndarray]]:
        """The way from the present settings, [(hour, settings [K])], knobs moving together."""
        total = space.ramp_h(space.present, self.wanted)
        hours = [*np.arange(0.0, total, max(step_h, total / 12)), total]
        rows = [(float(h), space.step(space.present, self.wanted, h)) for h in hours]
        return rows if total > 0 else [(0.0, space.present)]

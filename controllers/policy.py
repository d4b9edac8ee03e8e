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

    def ramp(self, space: Space) -> list[tuple[float, np.ndarray]]:
        """The way from the present settings, [(hour, settings [K])], knobs moving together."""
        hours, way = (rows[0] for rows in ramps(space, np.asarray(self.wanted)[None]))
        if self.from_h + hours[-1] == self.from_h:  # no way at all, or one that rounding has made
            return [(self.from_h, space.present)]
        moves = np.diff(hours, prepend=-1.0) > 0
        return [(self.from_h + float(h), s) for h, s in zip(hours[moves], way[moves], strict=True)]


def ramps(space: Space, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hours [n, S] and settings [n, S, K] of each step of the ways from the present settings to ``wanted`` [n, K].

    S is the same for all: a way of fewer steps waits at its end.
    """
    wanted = space.step(space.present[None], wanted, np.inf)
    moved = wanted - space.present
    total = (np.abs(moved) / space.ramp_per_h).max(-1, keepdims=True)
    hours = np.arange(STEPS + 1) * np.maximum(STEP_H, total / STEPS)
    hours = np.where(hours < total - EARLY_H, hours, total)
    hours[:, 0], hours[:, -1] = 0.0, total[:, 0]
    share = hours / np.where(total > 0.0, total, 1.0)
    way = space.clip(space.present + share[..., None] * moved[:, None])
    return hours, np.where((hours < total)[..., None], way, wanted[:, None])

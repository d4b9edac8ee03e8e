"""A policy gives the settings of each epoch: from an hour on, ramp to the wanted settings and hold them."""

from dataclasses import dataclass

import numpy as np

from twin import Space

EARLY_H = 1e-9
STEP_H = 0.25
STEPS = 12  # most steps of a ramp


@dataclass(frozen=True)
class Policy:
    """From ``from_h`` on ramp to the settings ``wanted`` [K] and hold them.

    The ramp is a straight line, as fast as the ramp rates allow.
    """

    name: str
    wanted: np.ndarray
    from_h: float = 0.0

    def at(self, space: Space, hour: float) -> np.ndarray:
        """Settings [K] at an hour."""
        return space.way(space.present, self.wanted, hour - self.from_h)

    def plan(self, space: Space, edges_h: np.ndarray) -> np.ndarray:
        """Settings [E, K] of each epoch. The ramp starts with the first epoch that begins at or after ``from_h``.

        An epoch has the settings that the ramp reaches at its end: a change counts from the epoch in which it starts.
        """
        begun = edges_h[:-1] >= self.from_h - EARLY_H
        return np.array(
            [
                self.at(space, float(end)) if on else space.present
                for end, on in zip(edges_h[1:], begun, strict=True)
            ]
        )

    def ramp(self, space: Space) -> list[tuple[float, np.ndarray]]:
        """Steps of the ramp from the present settings, [(hour, settings [K])]; all knobs move together."""
        hours, way = (rows[0] for rows in ramps(space, np.asarray(self.wanted)[None]))
        if self.from_h + hours[-1] == self.from_h:  # no change, or one smaller than rounding
            return [(self.from_h, space.present)]
        moves = np.diff(hours, prepend=-1.0) > 0
        return [(self.from_h + float(h), s) for h, s in zip(hours[moves], way[moves], strict=True)]


def ramps(space: Space, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hours [n, S] and settings [n, S, K] of the steps of the ramps from the present settings to ``wanted`` [n, K].

    S is the same for all ramps: one with fewer steps repeats its last step.
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

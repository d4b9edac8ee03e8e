"""A candidate policy as the settings that it would have chosen in each epoch of a log."""

import numpy as np

from twin import Space

DRAWS = 8
WIDTH = 0.05  # of a knob's range: two thirds of the settings of a region lie so near to its middle


def region(
    space: Space,
    held: np.ndarray,
    wanted: np.ndarray,
    width: float = WIDTH,
    draws: int = DRAWS,
    seed: int = 0,
) -> np.ndarray:
    """Draws [R, N, K] from the region about ``wanted`` [N, K]: Gaussian with ``width`` in units of each knob's range.

    Exact settings are chosen by hardly any operator twice; a region about them is. A knob that the policy leaves as it
    was ``held`` [N, K] in all epochs stays exactly so.
    """
    changed = (np.abs(wanted - held) > 1e-9 * (space.high - space.low)).any(0)
    noise = np.random.default_rng([seed, 6151]).normal(size=(draws, *held.shape))
    return space.step(held, wanted + width * (space.high - space.low) * changed * noise, np.inf)


def shifted(space: Space, held: np.ndarray, by: np.ndarray) -> np.ndarray:
    """[1, N, K]: what was ``held`` [N, K], shifted by ``by`` [K]: as operators chose, only higher or lower."""
    return space.step(held, held + by, np.inf)[None]

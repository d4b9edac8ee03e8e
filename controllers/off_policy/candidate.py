"""A candidate policy as the settings that it would have chosen in each epoch of a log."""

import numpy as np

from twin import Space

DRAWS = 8  # settings drawn from a region in each epoch
WIDTH = 0.05  # standard deviation of a region, as a share of the range of each knob


def region(
    space: Space,
    held: np.ndarray,
    wanted: np.ndarray,
    width: float = WIDTH,
    draws: int = DRAWS,
    seed: int = 0,
) -> np.ndarray:
    """Draws [R, N, K] from a region about ``wanted`` [N, K]: Gaussian with ``width`` as a share of each knob's range.

    Operators hardly ever choose the same settings twice, but often settings in a region. A knob that the policy leaves
    as ``held`` [N, K] in all epochs keeps its held values exactly.
    """
    changed = (np.abs(wanted - held) > 1e-9 * (space.high - space.low)).any(0)
    noise = np.random.default_rng([seed, 6151]).normal(size=(draws, *held.shape))
    return space.step(held, wanted + width * (space.high - space.low) * changed * noise, np.inf)


def shifted(space: Space, held: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Settings [1, N, K]: the operators' own, ``held`` [N, K], shifted by ``by`` [K] within limits and interlocks."""
    return space.step(held, held + by, np.inf)[None]

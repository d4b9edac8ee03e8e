"""Means of values that come one after another and are alike in their neighbours: their honest standard error."""

import numpy as np
from scipy import stats


def error(values) -> float:
    """Standard error of the mean of values [N] in order of time (W. K. Newey and K. D. West, 1987).

    Covariances of neighbours count up to a lag that grows as N**(1/3), with Bartlett's falling weights; it is never
    less than that of independent values, since few values tell little of what makes neighbours alike.
    """
    left = np.asarray(values, float) - np.mean(values)
    n, most = len(left), lag(len(left))
    own = left @ left
    together = sum((1.0 - k / (most + 1.0)) * (left[k:] @ left[:-k]) for k in range(1, most + 1))
    return float(np.sqrt(max(own + 2.0 * together, own) / max(n * (n - 1.0), 1.0)))


def lag(n: int) -> int:
    """Neighbours that are taken for alike, of N values."""
    return min(int(np.ceil(1.5 * n ** (1 / 3))), max(n - 1, 0))


def half(error: float, pieces: float, level: float = 0.95) -> float:
    """Half an interval from a standard error that rests on so many pieces (Student's t)."""
    return float(stats.t.ppf(level, max(pieces - 1.0, 1.0))) * error

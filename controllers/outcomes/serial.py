"""Standard error of the mean of a time series with autocorrelation."""

import numpy as np
from scipy import stats


def error(values) -> float:
    """Standard error of the mean of values [N] in order of time (W. K. Newey and K. D. West, 1987).

    Autocovariances count up to a lag that grows as N**(1/3), with Bartlett weights. The result is never less than the
    standard error of independent values, since few values estimate autocovariances poorly.
    """
    left = np.asarray(values, float) - np.mean(values)
    n, lags = len(left), lag(len(left))
    variance = left @ left
    covariance = sum((1.0 - k / (lags + 1.0)) * (left[k:] @ left[:-k]) for k in range(1, lags + 1))
    return float(np.sqrt(max(variance + 2.0 * covariance, variance) / max(n * (n - 1.0), 1.0)))


def lag(n: int) -> int:
    """The greatest lag with an autocovariance that counts, for n values."""
    return min(int(np.ceil(1.5 * n ** (1 / 3))), max(n - 1, 0))


def half(error: float, pieces: float, level: float = 0.95) -> float:
    """Half-width of an interval from a standard error with ``pieces`` - 1 degrees of freedom (Student's t)."""
    return float(stats.t.ppf(level, max(pieces - 1.0, 1.0))) * error

"""Error of the ensemble outside the data, where many recommendations lie."""

from collections.abc import Callable

import numpy as np

from surrogate.conformal import stretches
from surrogate.ensemble import Ensemble, predict
from surrogate.samples import Samples

OUTER_SHARE = 0.20
FEWEST_STRETCHES = 20


def extrapolation_error(samples: Samples, fit: Callable[[Samples], Ensemble]) -> np.ndarray:
    """Extrapolation error [Q] in units of the members' spread, at least 1.

    ``fit`` is called without the outermost fifth of the stretches of equal settings. The mean errors of these
    stretches are compared with the members' spread there. Errors that also occur inside (noise, drift) are
    subtracted: result**2 = (mean e_out**2 - mean e_in**2) / mean spread_out**2. Without this factor, members
    that extrapolate alike have a spread that is smaller than their error.
    """
    group = stretches(samples.x[:, : samples.knobs])
    count = group[-1] + 1
    quantities = samples.y.shape[1]
    if count < FEWEST_STRETCHES:
        return np.ones(quantities)
    away = _distance(samples.x[:, : samples.knobs])
    far = np.array([away[group == g].mean() for g in range(count)])
    outer = far > np.quantile(far, 1.0 - OUTER_SHARE)
    ensemble = fit(samples.cut(~outer[group]))
    mean, spread = predict(ensemble, samples.wide)
    error = ensemble.modelled(samples.y) - mean
    return np.array([_ratio(error[:, q], spread[:, q], group, outer) for q in range(quantities)])


def _distance(settings) -> np.ndarray:
    """Distance [N] of settings [N, K] from their mean, in standard deviations."""
    scale = np.maximum(settings.std(0), 1e-12)
    return np.sqrt((((settings - settings.mean(0)) / scale) ** 2).sum(1))


def _ratio(error, spread, group, outer) -> float:
    known = np.isfinite(error)
    size = np.bincount(group[known], minlength=len(outer))
    measured = size > 0
    mean = np.bincount(group[known], error[known], len(outer))[measured] / size[measured]
    wide = np.bincount(group[known], spread[known] ** 2, len(outer))[measured] / size[measured]
    out = outer[measured]
    if not out.any() or out.all():
        return 1.0
    excess = (mean[out] ** 2).mean() - (mean[~out] ** 2).mean()
    return float(np.sqrt(max(excess / max(wide[out].mean(), 1e-300), 1.0)))

"""Intervals that keep their promise: normalised split-conformal calibration on later rows."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from surrogate.ensemble import Ensemble, predict

COVERAGE = 0.90


class Band(eqx.Module):
    """Half-width = factor * sqrt(spread**2 + floor**2), in the units the ensemble models in (log or not)."""

    factor: Any  # [Q], infinite where too few rows could be calibrated on
    floor: Any  # [Q] typical residual

    def half_width(self, spread) -> Any:
        """Half-widths [..., Q] for the members' standard deviations [..., Q]."""
        return self.factor * jnp.sqrt(spread**2 + self.floor**2)


def calibrate(ensemble: Ensemble, x, y, coverage: float = COVERAGE) -> Band:
    """The band of rows that the ensemble was not fitted to: inputs [N, I], quantities [N, Q] with NaN.

    The factor is the ceil((n + 1) coverage)-th smallest of abs(y - mean) / scale(x): the next
    exchangeable row lies inside with at least that probability (J. Lei et al., Distribution-free
    predictive inference for regression, JASA 113, 1094, 2018).
    """
    mean, spread = predict(ensemble, x)
    error = np.abs(ensemble.modelled(y) - mean)
    factor, floor = [], []
    for q in range(error.shape[1]):
        known = np.isfinite(error[:, q])
        floor.append(max(float(np.median(error[known, q])), 1e-12) if known.any() else 1.0)
        score = np.sort(error[known, q] / np.sqrt(spread[known, q] ** 2 + floor[-1] ** 2))
        rank = int(np.ceil((len(score) + 1) * coverage))
        factor.append(float(score[rank - 1]) if 0 < rank <= len(score) else np.inf)
    return Band(jnp.array(factor), jnp.array(floor))


def interval(ensemble: Ensemble, band: Band, x) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, low and high [N, Q] for inputs [N, I], in the facility's units."""
    mean, spread = predict(ensemble, x)
    half = np.asarray(band.half_width(spread))
    low, high = (np.asarray(ensemble.natural(v)) for v in (mean - half, mean + half))
    return np.asarray(ensemble.natural(mean)), low, high


def coverage(ensemble: Ensemble, band: Band, x, y) -> np.ndarray:
    """The share of measured values [Q] that lie inside their interval (NaN for none)."""
    _, low, high = interval(ensemble, band, x)
    known = np.isfinite(y)
    inside = ((y >= low) & (y <= high) & known).sum(0)
    return np.where(known.any(0), inside / np.maximum(known.sum(0), 1), np.nan)

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
        factor, floor = (jnp.broadcast_to(own, jnp.shape(spread)) for own in (self.factor, self.floor))
        return factor * jnp.sqrt(spread**2 + floor**2)


def calibrate(ensemble: Ensemble, x, y, group, coverage: float = COVERAGE) -> Band:
    """The band of rows that the ensemble was not fitted to: inputs [N, I], quantities [N, Q] with NaN.

    Rows of one ``group`` [N] (one stretch of settings) err alike, so it is groups that are exchangeable:
    each of K groups weighs 1 / (K + 1), infinity the rest, and the factor is the quantile of abs(y - mean)
    / scale(x). A row of a new group then lies inside with at least that probability (Y. Lee, R. F. Barber,
    R. Willett, Distribution-free inference with hierarchical data, 2023). With too few groups for a finite
    factor, rows count as groups: narrower than promised, but not endless.
    """
    mean, spread = predict(ensemble, x)
    error = np.abs(ensemble.modelled(y) - mean)
    factor, floor = [], []
    for q in range(error.shape[1]):
        known = np.isfinite(error[:, q])
        floor.append(max(float(np.median(error[known, q])), 1e-12) if known.any() else 1.0)
        score = error[known, q] / np.sqrt(spread[known, q] ** 2 + floor[-1] ** 2)
        by_group = _quantile(score, np.asarray(group)[known], coverage)
        factor.append(
            by_group if np.isfinite(by_group) else _quantile(score, np.arange(len(score)), coverage)
        )
    return Band(jnp.array(factor), jnp.array(floor))


def _quantile(score: np.ndarray, group: np.ndarray, coverage: float) -> float:
    """The quantile of scores [N], each group weighing alike and infinity as much as one more."""
    _, place, count = np.unique(group, return_inverse=True, return_counts=True)
    order = np.argsort(score)
    weight = np.cumsum((1.0 / ((len(count) + 1) * count[place]))[order]) if len(score) else np.zeros(0)
    first = int(np.searchsorted(weight, coverage - 1e-9))
    return float(score[order][first]) if first < len(score) else np.inf


def stretches(settings) -> np.ndarray:
    """A number [N] for each stretch of rows with equal settings [N, K]."""
    return np.cumsum(np.r_[False, (np.diff(settings, axis=0) != 0).any(1)])


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

"""Prediction intervals with calibrated coverage: normalised split-conformal, adapted to drift in service."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from surrogate.ensemble import Ensemble, predict

COVERAGE = 0.90

PACE = 0.5
"""Step of the logarithm of a band's factor per share of a stretch outside the interval (``docs/trust.md``)."""


class Band(eqx.Module):
    """Half-width = factor * sqrt(spread**2 + floor**2), in the output units of the ensemble (logarithms or not)."""

    factor: Any  # [Q], infinite where there were too few rows for calibration
    floor: Any  # [Q] typical residual

    def scale(self, spread) -> Any:
        """The unit of scores [..., Q] for the members' standard deviations [..., Q]."""
        return jnp.sqrt(spread**2 + jnp.broadcast_to(self.floor, jnp.shape(spread)) ** 2)

    def half_width(self, spread) -> Any:
        """Half-widths [..., Q] for the members' standard deviations [..., Q]."""
        return jnp.broadcast_to(self.factor, jnp.shape(spread)) * self.scale(spread)


class Errors(NamedTuple):
    """Errors of an ensemble on N rows that it was not fitted to."""

    error: np.ndarray  # [N, Q] measured minus mean, in the output units of the ensemble; NaN if unmeasured
    spread: np.ndarray  # [N, Q] standard deviation of the members
    group: np.ndarray  # [N] the stretch of settings that a row belongs to, rising

    def scores(self, band: Band) -> np.ndarray:
        """Signed errors [N, Q] in the scale of the band; outside the interval beyond -factor ... factor."""
        return self.error / np.asarray(band.scale(self.spread))


def errors(ensemble: Ensemble, x, y, group) -> Errors:
    """The errors at inputs [N, I] and measured quantities [N, Q] (NaN: none); ``group`` [N] numbers the stretches."""
    mean, spread = predict(ensemble, x)
    return Errors(ensemble.modelled(y) - mean, spread, np.asarray(group))


def joined(first: Errors, second: Errors) -> Errors:
    """Both sets of errors in order; no stretch continues from the first into the second."""
    group = np.concatenate([first.group, second.group + 1 + first.group.max(initial=-1)])
    error, spread = (np.concatenate(pair) for pair in zip(first[:2], second[:2], strict=True))
    return Errors(error, spread, group)


def calibrate(ensemble: Ensemble, x, y, group, coverage: float = COVERAGE) -> Band:
    """The band from rows that the ensemble was not fitted to (see ``errors`` and ``band``)."""
    return band(errors(ensemble, x, y, group), coverage)


def band(observed: Errors, coverage: float = COVERAGE) -> Band:
    """The band with the stated coverage, from errors on rows that the ensemble was not fitted to.

    Errors within one ``group`` [N] (one stretch of settings) are correlated, so groups are exchangeable and
    rows are not: each of K groups has the weight 1 / (K + 1), infinity has the rest, and the factor is the
    quantile of abs(y - mean) / scale(x). A row of a new group then lies inside with at least that probability
    (Y. Lee, R. F. Barber, R. Willett, Distribution-free inference with hierarchical data, 2023). With too few
    groups for a finite factor, each row counts as a group: the interval is then too narrow, but finite.
    """
    error, spread, group = np.abs(observed.error), observed.spread, observed.group
    factor, floor = [], []
    for q in range(error.shape[1]):
        known = np.isfinite(error[:, q])
        floor.append(max(float(np.median(error[known, q])), 1e-12) if known.any() else 1.0)
        score = error[known, q] / np.sqrt(spread[known, q] ** 2 + floor[-1] ** 2)
        by_group = _quantile(score, group[known], coverage)
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


def factors(band: Band, observed: Errors, coverage: float = COVERAGE) -> np.ndarray:
    """The factors [G + 1, Q] that held during each of G stretches, and after the last of them.

    After each stretch log f += PACE * (share of its rows outside - (1 - coverage)), a quantile tracker (A. N.
    Angelopoulos, E. J. Candes, R. J. Tibshirani, Conformal PID control for time series prediction, 2023) in
    the logarithm. For any sequence of errors, the mean over stretches of the share outside differs
    from 1 - coverage by at most abs(log f_G - log f_0) / (PACE * G).
    """
    score = np.abs(observed.scores(band))
    _, starts = np.unique(observed.group, return_index=True)
    ends = np.r_[starts[1:], len(score)][: len(starts)]
    log = np.log(np.asarray(band.factor, float))
    path = [log]
    for start, end in zip(starts, ends, strict=True):
        own = score[start:end]
        known = np.isfinite(own).sum(0)
        outside = (own > np.exp(log)).sum(0) / np.maximum(known, 1)
        log = log + np.where(known > 0, PACE * (outside - (1.0 - coverage)), 0.0)
        path.append(log)
    return np.exp(np.array(path))


def adapted(band: Band, observed: Errors) -> Band:
    """The band after its factors were adapted to the errors measured since calibration."""
    return Band(jnp.asarray(factors(band, observed)[-1]), band.floor)


def stretches(settings) -> np.ndarray:
    """Number [N] of the stretch of equal settings [N, K] that each row belongs to."""
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

"""Support: the distance of settings from the nearest settings in the training logs."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

NEAREST = 3
MOST_POINTS = 1024
LIMIT_QUANTILE = 0.90

LEAST_SD = 0.1
"""Least sd of standardised settings along a principal direction; less is noise of knobs that move together."""


class Support(eqx.Module):
    """Distinct settings of the training data, whitened, and the range of its conditions.

    distance**2 = (mean distance to the NEAREST nearest settings)**2 + (how far conditions lie beyond
    their range)**2, each in standard deviations. Those of settings are taken along their principal directions:
    if two knobs always moved together, a small move of one alone is already far away. ``limit`` is the 90 %
    quantile of the leave-one-out distances of the data.
    """

    points: Any  # [D, K] whitened distinct settings
    mean: Any  # [K]
    scale: Any  # [K]
    low: Any  # [C] range of the conditions
    high: Any  # [C]
    condition_scale: Any  # [C]
    limit: Any  # []
    whiten: Any = None  # [K, K], symmetric; None (models of earlier versions): settings are only standardised

    def __call__(self, settings, conditions) -> Any:
        """Distance of settings [K] under conditions [C], in standard deviations of the training data."""
        z = (settings - self.mean) / self.scale
        z = z if self.whiten is None else self.whiten @ z
        away = jnp.sqrt(((self.points - z[None]) ** 2).sum(-1))
        near = jnp.sort(away)[: min(NEAREST, self.points.shape[0])].mean()
        beyond = jnp.maximum(self.low - conditions, 0.0) + jnp.maximum(conditions - self.high, 0.0)
        return jnp.sqrt(near**2 + ((beyond / self.condition_scale) ** 2).sum())

    def ranges(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and highest value [K + C] of each setting and condition in the data."""
        points = np.asarray(self.points)
        z = points if self.whiten is None else np.linalg.solve(np.asarray(self.whiten), points.T).T
        values = z * np.asarray(self.scale) + np.asarray(self.mean)
        return np.r_[values.min(0), np.asarray(self.low)], np.r_[values.max(0), np.asarray(self.high)]


@eqx.filter_jit
def _each(data_support: Support, settings, conditions):
    return jax.vmap(data_support)(settings, conditions)


def distances(data_support: Support, settings, conditions, size: int = 512) -> np.ndarray:
    """Distances [N] of settings [N, K] under conditions [N, C], in batches of one fixed shape."""
    rows = len(settings)
    pad = [(0, -rows % size), (0, 0)]
    s, c = np.pad(settings, pad, mode="edge" if rows else "constant"), np.pad(conditions, pad)
    parts = [
        np.asarray(_each(data_support, s[i : i + size], c[i : i + size])) for i in range(0, len(s), size)
    ]
    return np.concatenate([np.zeros(0), *parts])[:rows]


def support(settings, conditions, floor, seed: int = 0) -> Support:
    """The support of rows: settings [N, K], conditions [N, C]; ``floor`` [K + C] is the least scale."""
    knobs = settings.shape[1]
    mean, scale = settings.mean(0), np.maximum(settings.std(0), floor[:knobs])
    # Rows of one setting differ only by noise. They become one point; else each has its copies as neighbours.
    points = np.unique(np.round((settings - mean) / scale, 2), axis=0)
    if len(points) > MOST_POINTS:
        points = points[np.sort(np.random.default_rng(seed).choice(len(points), MOST_POINTS, replace=False))]
    whiten = _whitening(points)
    points = points @ whiten
    low, high = np.quantile(conditions, [0.005, 0.995], axis=0) if conditions.size else np.zeros((2, 0))
    width = np.maximum(conditions.std(0), floor[knobs:])
    parts = (points, mean, scale, low, high, width, _limit(points), whiten)
    return Support(*map(jnp.asarray, parts))


def _whitening(points) -> np.ndarray:
    """The symmetric matrix [K, K] that removes the correlation of points [D, K] and keeps their scales."""
    if len(points) <= points.shape[1]:
        return np.eye(points.shape[1])
    unit = (points - points.mean(0)) / np.maximum(points.std(0), 1e-12)
    together = unit.T @ unit / len(unit)
    np.fill_diagonal(together, 1.0)  # of a knob that never moved too
    value, vector = np.linalg.eigh(together)
    return (vector / np.sqrt(np.maximum(value, LEAST_SD**2))) @ vector.T


def _limit(points) -> float:
    """The 90 % quantile of each point's mean distance to its nearest others; 1 for a single point."""
    if len(points) < 2:
        return 1.0
    away = np.sqrt(np.maximum(((points[:, None] - points[None]) ** 2).sum(-1), 0.0))
    nearest = np.sort(away, axis=1)[:, 1 : 1 + NEAREST]
    return float(np.quantile(nearest.mean(1), LIMIT_QUANTILE))

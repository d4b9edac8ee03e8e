"""Whether settings lie within what the logs have seen: the distance to the nearest that they hold."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

NEAREST = 3
MOST_POINTS = 1024
LIMIT_QUANTILE = 0.90

LEAST_SD = 0.1
"""Of standardised settings along a principal direction: what varies less is noise of knobs that move together."""


class Support(eqx.Module):
    """Distinct settings of the training data, whitened, and the range of its conditions.

    distance**2 = (mean distance to the NEAREST nearest settings)**2 + (how far conditions lie beyond
    their range)**2, each in standard deviations: of settings along the directions in which they were moved, so
    that one knob alone of two that always moved together soon lies far away. ``limit``: the 90 % quantile of
    the data's own leave-one-out distances.
    """

    points: Any  # [D, K] whitened distinct settings
    mean: Any  # [K]
    scale: Any  # [K]
    low: Any  # [C] range of the conditions
    high: Any  # [C]
    condition_scale: Any  # [C]
    limit: Any  # []
    whiten: Any = None  # [K, K], symmetric; None (in a model of before it) leaves settings as standardised

    def __call__(self, settings, conditions) -> Any:
        """Distance of settings [K] under conditions [C], in standard deviations of the training data."""
        z = (settings - self.mean) / self.scale
        z = z if self.whiten is None else self.whiten @ z
        away = jnp.sqrt(((self.points - z[None]) ** 2).sum(-1))
        near = jnp.sort(away)[: min(NEAREST, self.points.shape[0])].mean()
        beyond = jnp.maximum(self.low - conditions, 0.0) + jnp.maximum(conditions - self.high, 0.0)
        return jnp.sqrt(near**2 + ((beyond / self.condition_scale) ** 2).sum())

    def ranges(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and highest value [K + C] of each setting and condition that the data hold."""
        points = np.asarray(self.points)
        z = points if self.whiten is None else np.linalg.solve(np.asarray(self.whiten), points.T).T
        values = z * np.asarray(self.scale) + np.asarray(self.mean)
        return np.r_[values.min(0), np.asarray(self.low)], np.r_[values.max(0), np.asarray(self.high)]


@eqx.filter_jit
def _each(seen: Support, settings, conditions):
    return jax.vmap(seen)(settings, conditions)


def distances(seen: Support, settings, conditions, size: int = 512) -> np.ndarray:
    """Distances [N] of settings [N, K] under conditions [N, C], in batches of one fixed shape."""
    rows = len(settings)
    pad = [(0, -rows % size), (0, 0)]
    s, c = np.pad(settings, pad, mode="edge" if rows else "constant"), np.pad(conditions, pad)
    parts = [np.asarray(_each(seen, s[i : i + size], c[i : i + size])) for i in range(0, len(s), size)]
    return np.concatenate([np.zeros(0), *parts])[:rows]


def support(settings, conditions, floor, seed: int = 0) -> Support:
    """The support of rows: settings [N, K], conditions [N, C]; ``floor`` [K + C] is the least scale."""
    knobs = settings.shape[1]
    mean, scale = settings.mean(0), np.maximum(settings.std(0), floor[:knobs])
    # Rows of one setting differ by noise at most: they are one point, else each finds itself nearby.
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
    """The symmetric matrix [K, K] that undoes the correlation of points [D, K], and leaves their scales alone."""
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

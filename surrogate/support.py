"""Whether settings lie within what the logs have seen: the distance to the nearest that they hold."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

NEAREST = 3
MOST_POINTS = 1024
LIMIT_QUANTILE = 0.90


class Support(eqx.Module):
    """Distinct settings of the training data, standardised, and the range of its conditions.

    distance**2 = (mean distance to the NEAREST nearest settings)**2 + (how far conditions lie beyond
    their range)**2, each in standard deviations. ``limit``: the 90 % quantile of the data's own
    leave-one-out distances.
    """

    points: Any  # [D, K] standardised distinct settings
    mean: Any  # [K]
    scale: Any  # [K]
    low: Any  # [C] range of the conditions
    high: Any  # [C]
    condition_scale: Any  # [C]
    limit: Any  # []

    def __call__(self, settings, conditions) -> Any:
        """Distance of settings [K] under conditions [C], in standard deviations of the training data."""
        z = (settings - self.mean) / self.scale
        away = jnp.sqrt(((self.points - z[None]) ** 2).sum(-1))
        near = jnp.sort(away)[: min(NEAREST, self.points.shape[0])].mean()
        beyond = jnp.maximum(self.low - conditions, 0.0) + jnp.maximum(conditions - self.high, 0.0)
        return jnp.sqrt(near**2 + ((beyond / self.condition_scale) ** 2).sum())


def support(settings, conditions, floor, seed: int = 0) -> Support:
    """The support of rows: settings [N, K], conditions [N, C]; ``floor`` [K + C] is the least scale."""
    knobs = settings.shape[1]
    mean, scale = settings.mean(0), np.maximum(settings.std(0), floor[:knobs])
    # Rows of one setting differ by noise at most: they are one point, else each finds itself nearby.
    points = np.unique(np.round((settings - mean) / scale, 2), axis=0)
    if len(points) > MOST_POINTS:
        points = points[np.sort(np.random.default_rng(seed).choice(len(points), MOST_POINTS, replace=False))]
    low, high = np.quantile(conditions, [0.005, 0.995], axis=0) if conditions.size else np.zeros((2, 0))
    width = np.maximum(conditions.std(0), floor[knobs:])
    return Support(*map(jnp.asarray, (points, mean, scale, low, high, width, _limit(points))))


def _limit(points) -> float:
    """The 90 % quantile of each point's mean distance to its nearest others; 1 for a single point."""
    if len(points) < 2:
        return 1.0
    away = np.sqrt(np.maximum(((points[:, None] - points[None]) ** 2).sum(-1), 0.0))
    nearest = np.sort(away, axis=1)[:, 1 : 1 + NEAREST]
    return float(np.quantile(nearest.mean(1), LIMIT_QUANTILE))

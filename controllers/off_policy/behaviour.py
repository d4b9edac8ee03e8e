"""The behaviour policy of operators, a Gaussian given the conditions, and the importance weights of a candidate.

The weight of an epoch is the ratio of the candidate's density to the operators' density at its settings. The weighted
log represents the candidate, as long as operators chose such settings often enough.
"""

from typing import NamedTuple

import numpy as np

TINY = 1e-6  # added to each variance: keeps the covariance of knobs that move together invertible


class Choice(NamedTuple):
    """Gaussian of settings given conditions: mean ``[1, conditions] @ slope``, constant covariance."""

    slope: np.ndarray  # [1 + C, K]
    root: np.ndarray  # [K, K] lower Cholesky factor of the covariance

    def log_density(self, settings, context) -> np.ndarray:
        """Log density [N] of settings [N, K] given context [N, C], up to a constant that all instances share."""
        off = np.linalg.solve(self.root, (settings - _with_one(context) @ self.slope).T)
        return -0.5 * (off**2).sum(0) - np.log(np.diag(self.root)).sum()


class Weights(NamedTuple):
    """Importance weights of N epochs."""

    each: np.ndarray  # [N] mean 1, clipped at sqrt(N)
    whole: np.ndarray  # [N] before clipping
    clipped: float  # share of the weight that was cut off
    off: float  # largest distance of a knob's weighted mean from the candidate's mean, in operators' spreads


def choice(settings, context, weight) -> Choice:
    """The Gaussian of settings [N, K] given context [N, C]."""
    basis, share = _with_one(context), weight / weight.sum()
    weighted = (basis * share[:, None]).T
    slope = np.linalg.solve(weighted @ basis + TINY * np.eye(basis.shape[1]), weighted @ settings)
    left = settings - basis @ slope
    spread = (left * share[:, None]).T @ left
    return Choice(slope, np.linalg.cholesky(spread + TINY * np.eye(settings.shape[1])))


def weights(settings, context, weight, proposed) -> Weights:
    """Importance weights of a candidate that proposes ``proposed`` [R, N, K] for the settings [N, K] of each epoch.

    Weights above sqrt(N) are clipped (E. L. Ionides, Truncated importance sampling, 2008), so that few epochs do not
    decide alone, at the price of a bias. Settings are in units of the operators' spread.
    """
    many = len(proposed)
    operators = choice(settings, context, weight)
    candidate = choice(
        proposed.reshape(-1, settings.shape[1]), np.tile(context, (many, 1)), np.tile(weight, many)
    )
    log_ratio = candidate.log_density(settings, context) - operators.log_density(settings, context)
    raw = np.exp(log_ratio - log_ratio.max())
    raw = raw / np.average(raw, weights=weight)
    cut = np.minimum(raw, np.sqrt(len(raw)))
    kept = np.average(cut, weights=weight)
    each = cut / kept
    aim = np.average(proposed.mean(0), axis=0, weights=weight)
    off = np.abs(np.average(settings, axis=0, weights=weight * each) - aim).max(initial=0.0)
    return Weights(each, raw, float(1.0 - kept), float(off))


def effective(total) -> float:
    """Effective sample size of weights ``total`` [N] (L. Kish, 1965)."""
    return float(total.sum() ** 2 / (total**2).sum())


def _with_one(context) -> np.ndarray:
    return np.concatenate([np.ones((len(context), 1)), context], axis=1)

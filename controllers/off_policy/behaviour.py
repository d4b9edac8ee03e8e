"""How operators chose settings: a Gaussian given the conditions, and how much more often a candidate would choose so.

The weight of an epoch is the candidate's density of its settings over the operators'. Weighted so, the log looks
as if the candidate had been in charge, as long as operators tried such settings often enough.
"""

from typing import NamedTuple

import numpy as np

TINY = 1e-6  # of a variance: keeps the Gaussian of knobs that move together finite


class Choice(NamedTuple):
    """Settings given conditions: mean ``[1, conditions] @ slope``, covariance the same throughout."""

    slope: np.ndarray  # [1 + C, K]
    root: np.ndarray  # [K, K] lower, of the covariance

    def log_density(self, settings, context) -> np.ndarray:
        """[N], up to a constant that all choices share."""
        off = np.linalg.solve(self.root, (settings - _with_one(context) @ self.slope).T)
        return -0.5 * (off**2).sum(0) - np.log(np.diag(self.root)).sum()


class Weights(NamedTuple):
    """Weights of N epochs: mean 1, none beyond sqrt(N)."""

    each: np.ndarray  # [N]
    whole: np.ndarray  # [N] before they were clipped
    clipped: float  # share of the weight that was cut off
    off: (
        float  # farthest that a knob's weighted mean lies from the candidate's, in its spread among operators
    )


def choice(settings, context, weight) -> Choice:
    """The Gaussian of settings [N, K] given context [N, C]."""
    basis, share = _with_one(context), weight / weight.sum()
    weighted = (basis * share[:, None]).T
    slope = np.linalg.solve(weighted @ basis + TINY * np.eye(basis.shape[1]), weighted @ settings)
    left = settings - basis @ slope
    spread = (left * share[:, None]).T @ left
    return Choice(slope, np.linalg.cholesky(spread + TINY * np.eye(settings.shape[1])))


def weights(settings, context, weight, proposed) -> Weights:
    """How much more often than the operators the candidate chooses the settings [N, K] of each epoch.

    ``proposed`` [R, N, K] are its own. Weights beyond sqrt(N) are clipped to it (E. L. Ionides, Truncated importance
    sampling, 2008): few epochs then do not decide alone, at the price of a bias by ``clipped``. Settings are in
    units of the operators' spread.
    """
    many = len(proposed)
    theirs = choice(settings, context, weight)
    own = choice(proposed.reshape(-1, settings.shape[1]), np.tile(context, (many, 1)), np.tile(weight, many))
    more = own.log_density(settings, context) - theirs.log_density(settings, context)
    raw = np.exp(more - more.max())
    raw = raw / np.average(raw, weights=weight)
    cut = np.minimum(raw, np.sqrt(len(raw)))
    kept = np.average(cut, weights=weight)
    each = cut / kept
    aim = np.average(proposed.mean(0), axis=0, weights=weight)
    off = np.abs(np.average(settings, axis=0, weights=weight * each) - aim).max(initial=0.0)
    return Weights(each, raw, float(1.0 - kept), float(off))


def effective(total) -> float:
    """How many equal parts would tell as much as these unequal ones [N] (L. Kish, 1965)."""
    return float(total.sum() ** 2 / (total**2).sum())


def _with_one(context) -> np.ndarray:
    return np.concatenate([np.ones((len(context), 1)), context], axis=1)

"""Direct estimate: ridge regressions of the outcome on settings and conditions, cross-fitted over blocks of time.

Terms are the settings, their squares and products, and the conditions. Time is divided into consecutive blocks. The
sums of each block are stored, so a regression that leaves blocks out costs one small solve.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from controllers.outcomes import serial
from replay_data.fit import holm

RIDGE = 10.0  # ridge penalty of a term with unit spread, equivalent to so many rows; assumed
MEASURED = 0.01  # ridge penalty for a quantity, which follows the settings closely


def terms(settings, context) -> np.ndarray:
    """Regression terms [..., F] of settings [..., K] and context [..., C], both in units of their spread."""
    i, j = np.triu_indices(settings.shape[-1])
    return np.concatenate([settings, settings[..., i] * settings[..., j], context], axis=-1)


class Sums(NamedTuple):
    """Normal equations of each of G blocks; terms are scaled; the first is the constant, without ridge penalty."""

    square: np.ndarray  # [G, 1 + F, 1 + F]
    product: np.ndarray  # [G, 1 + F]
    ridge: np.ndarray  # [1 + F]

    def learned(self, left_out: tuple[int, ...] = ()) -> np.ndarray:
        """Coefficients [1 + F] from all blocks except ``left_out``."""
        kept = np.setdiff1d(np.arange(len(self.square)), left_out)
        return np.linalg.solve(self.square[kept].sum(0) + np.diag(self.ridge), self.product[kept].sum(0))

    def of_others(self, left_out: tuple[int, ...] = ()) -> np.ndarray:
        """Coefficients [G, 1 + F] for each block, from all other blocks except ``left_out``."""
        kept = np.setdiff1d(np.arange(len(self.square)), left_out)
        square = self.square[kept].sum(0) + np.diag(self.ridge) - self.square
        product = self.product[kept].sum(0) - self.product
        for g in left_out:  # its sums are already left out
            square[g] += self.square[g]
            product[g] += self.product[g]
        return np.linalg.solve(square, product[..., None])[..., 0]


def scaled(x, weight) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean and standard deviation [F] of terms x [N, F]."""
    mean = np.average(x, axis=0, weights=weight)
    return mean, np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight)) + 1e-12


def sums_of(x, y, weight, block, ridge: float = RIDGE) -> Sums:
    """Normal equations of scaled terms x [N, 1 + F] and outcomes y [N]; weights are scaled to mean 1."""
    own = weight / weight.mean()
    count = int(block.max()) + 1
    square, product = np.zeros((count, *2 * x.shape[1:])), np.zeros((count, x.shape[1]))
    for g in range(count):
        mine = block == g
        square[g] = (x[mine] * own[mine, None]).T @ x[mine]
        product[g] = (x[mine] * own[mine, None]).T @ y[mine]
    return Sums(square, product, np.r_[1e-9, np.full(x.shape[1] - 1, ridge)])


def crossed(sums: Sums, x, block, left_out: tuple[int, ...] = ()) -> np.ndarray:
    """Cross-fitted predictions [N] of rows x [N, 1 + F]: each from the other blocks except ``left_out``."""
    return (x * sums.of_others(left_out)[block]).sum(-1)


def beyond(x, y, weight, block, new, low: float, high: float) -> float:
    """Expected share of epochs in which a quantity lies beyond its bounds, at terms ``new`` [R, N, 1 + F].

    The standard error of a prediction is the cross-fitted error, increased with the distance from the data.
    """
    sums = sums_of(x, y, weight, block, MEASURED)
    error = np.sqrt(np.average((y - crossed(sums, x, block)) ** 2, weights=weight))
    cover = np.linalg.inv(sums.square.sum(0) + np.diag(sums.ridge))
    wide = error * np.sqrt(1.0 + np.einsum("rnf,fg,rng->rn", new, cover, new)) + 1e-300
    predicted = new @ sums.learned()
    out = stats.norm.cdf((low - predicted) / wide) + stats.norm.sf((high - predicted) / wide)
    return float(np.average(out.mean(0), weights=weight))


def carried(left, moves, weight) -> float:
    """p-value of no carry-over: errors ``left`` [N] do not depend on the moves [N, K] of settings at an epoch's start.

    A small value means that the settings of the epoch before still matter. The smallest over the knobs, with Holm's
    correction and standard errors that allow for autocorrelation.
    """
    own = weight / weight.mean()
    p_values = []
    for move in moves.T[:, 1:]:
        both = (own * left)[1:] * (move - move.mean())
        p_values.append(2.0 * float(stats.norm.sf(abs(both.mean()) / (serial.error(both) + 1e-300))))
    return min(holm(p_values), default=1.0)

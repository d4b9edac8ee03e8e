"""Partial pooling of many like units with few failures each: a law for each, shrunk to their population."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MANY = 8
"""Number of like units from which on their population can be estimated."""
LEAST_SPREAD = 0.2
"""The prior of the population's spread is worth one unit with this deviation in each coefficient."""
FIRST_SPREAD = 0.4
ROUNDS, EXACT, ENOUGH = 60, 60, 1e-3
CELL = 0.1
DRAWS, TAILS = 256, 5
"""Draws for each unit, and degrees of freedom of the Student distribution about its mode."""
LONGEST_STEP = 1.0
TRIP_PER_S = -10.268
"""Log of one trip in 8 h, in 1/s: the trip rate of a cavity at its onset (J. Benesch, JLAB-TN-09-41)."""

Curve = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Function from coefficients of each stretch [S, W] to its log hazard [S] and the gradient of that [S, W]."""


@dataclass(frozen=True)
class Population:
    """Posterior of U units' coefficients, u ~ normal(centre, spread), W each."""

    centre: np.ndarray  # [W]
    spread: np.ndarray  # [W, W]
    mean: np.ndarray  # [U, W]
    own: np.ndarray  # [U, W, W] covariance given the centre
    follows: np.ndarray  # [U, W, W] derivative of a unit's mean with respect to the centre
    centre_covariance: np.ndarray  # [W, W] covariance of the centre

    def covariance(self) -> np.ndarray:
        """Covariance of each unit's coefficients [U, W, W]: its own, plus that due to the centre."""
        return self.own + self.follows @ self.centre_covariance @ self.follows.transpose(0, 2, 1)


def linear(z: np.ndarray) -> Curve:
    """log h = u . (1, z) at inputs z [S, C]."""
    a = np.column_stack([np.ones(len(z)), z])
    return lambda u: ((a * u).sum(1), a)


def onset(gradient: np.ndarray) -> Curve:
    """Benesch's law of the trip rate of a cavity, in 1/h, at gradients [S], MV/m: u = (log B, F).

    h = 3600 exp(-10.268 + B (gradient - F)), B in 1/(MV/m) and F in MV/m.
    """

    def curve(u):
        slope, above = np.exp(u[:, 0]), gradient - u[:, 1]
        log_h = math.log(3600.0) + TRIP_PER_S + slope * above
        return log_h, np.column_stack([slope * above, -slope])

    return curve


def pool(curve: Curve, exposure, events, unit, units: int, centre, centre_sd, seed: int = 0) -> Population:
    """Empirical Bayes of S stretches of U ``units``: exposure, events and unit [S].

    A Poisson likelihood; the population's centre [W] has a prior ``centre`` with ``centre_sd``. Expectation
    maximisation: all units' posteriors at once given centre and spread, then these from those; first by
    Laplace, then by importance sampling, since a unit with few failures has a skewed posterior.
    """
    start, trust = np.asarray(centre, float), np.diag(np.asarray(centre_sd, float) ** -2.0)
    data = curve, exposure, events, unit
    width, centre, spread = len(start), start.copy(), np.diag(np.full(len(start), FIRST_SPREAD**2))
    mode = mean = np.tile(centre, (units, 1))
    own = np.zeros((units, width, width))
    for iteration in range(ROUNDS + EXACT):
        stiff, before = np.linalg.inv(spread), (centre, spread)
        mode, curved = _laplace(*data, mode, centre, stiff)
        exact = iteration >= ROUNDS
        mean, own = _moments(*data, mode, curved, centre, spread, seed) if exact else (mode, curved)
        centre = np.linalg.solve(units * stiff + trust, stiff @ mean.sum(0) + trust @ start)
        apart, few = mean - centre, LEAST_SPREAD**2 * np.eye(width)
        spread = (own.sum(0) + apart.T @ apart + few) / (units + 1)
        if exact and max(np.abs(centre - before[0]).max(), np.abs(spread - before[1]).max()) < ENOUGH:
            break
    stiff = np.linalg.inv(spread)
    information, axes = np.linalg.eigh(
        units * stiff - stiff @ own.sum(0) @ stiff
    )  # of the data about the centre
    centre_covariance = np.linalg.inv((axes * np.maximum(information, 0.0)) @ axes.T + trust)
    return Population(centre, spread, mean, own, own @ stiff, centre_covariance)


def merged(z, exposure, events, unit) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Stretches [S] of a unit at nearly the same inputs z [S, C], merged: mean inputs, sums of the others.

    A cell is CELL sd wide, so a slope of 1 per sd has an error of at most a factor 1 + CELL**2 / 24, 0.04 %.
    """
    cells = np.column_stack([unit, np.floor(z / CELL).astype(int)])
    _, place = np.unique(cells, axis=0, return_inverse=True)
    place = place.ravel()
    weight = exposure + 1e-12
    total = np.bincount(place, weight)
    middle = np.stack([np.bincount(place, weight * column) / total for column in z.T], axis=1)
    first = np.zeros(len(total), int)
    first[place] = unit
    return middle, np.bincount(place, exposure), np.bincount(place, events), first


def _moments(curve: Curve, exposure, events, unit, mode, curved, centre, spread, seed: int):
    """Posterior means [U, W] and covariances [U, W, W] by importance sampling, with the same draws in each round.

    Half of the draws are from a Student distribution about the Laplace posterior, half from the population,
    so that the weights are bounded.
    """
    (units, width), rng = mode.shape, np.random.default_rng(seed)
    noise = rng.normal(size=(DRAWS, units, width))
    wide = np.sqrt(TAILS / rng.chisquare(TAILS, (DRAWS // 2, units, 1)))
    near = mode + np.einsum("uij,duj->dui", np.linalg.cholesky(curved), noise[: DRAWS // 2] * wide)
    u = np.concatenate([near, centre + noise[DRAWS // 2 :] @ np.linalg.cholesky(spread).T])
    fits = np.stack([_log_likelihood(curve, exposure, events, unit, units, some) for some in u])
    prior, close = _distance(u - centre, spread[None]), _distance(u - mode, curved)
    log_prior = -0.5 * prior - 0.5 * np.linalg.slogdet(spread)[1]
    ratio = math.lgamma((TAILS + width) / 2) - math.lgamma(TAILS / 2) + width / 2 * math.log(2 / TAILS)
    log_near = ratio - 0.5 * (TAILS + width) * np.log1p(close / TAILS) - 0.5 * np.linalg.slogdet(curved)[1]
    weight = fits + log_prior - np.logaddexp(log_prior, log_near)
    weight = np.exp(weight - weight.max(0))
    weight /= weight.sum(0)
    mean = np.einsum("du,dui->ui", weight, u)
    return mean, np.einsum("du,dui,duj->uij", weight, u - mean, u - mean) + 1e-9 * np.eye(width)


def _distance(apart: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distances [D, U] of [D, U, W] under [U, W, W]."""
    return np.einsum(
        "dui,uij,duj->du",
        apart,
        np.broadcast_to(np.linalg.inv(covariance), (apart.shape[1], *covariance.shape[1:])),
        apart,
    )


def _log_likelihood(curve: Curve, exposure, events, unit, units: int, u) -> np.ndarray:
    """Log likelihood of each unit [U] at its coefficients [U, W]."""
    log_h, _ = curve(u[unit])
    h = np.exp(np.clip(log_h, -300.0, 60.0)) * exposure
    return np.bincount(unit, events * log_h - h, minlength=units)


def _laplace(curve: Curve, exposure, events, unit, u, centre, stiff, steps: int = 40):
    """Posterior modes [U, W] and covariances [U, W, W] of all units given the population, by scoring steps."""
    units, own = len(u), np.zeros((*u.shape, u.shape[1]))

    def summed(rows):  # [S, ...] to [U, ...]
        columns = [np.bincount(unit, column, minlength=units) for column in rows.reshape(len(rows), -1).T]
        return np.stack(columns, axis=1).reshape(units, *rows.shape[1:])

    for _ in range(steps):
        log_h, a = curve(u[unit])
        h = np.exp(np.clip(log_h, -300.0, 60.0)) * exposure
        slope = summed(a * (events - h)[:, None]) - (u - centre) @ stiff
        own = np.linalg.inv(summed(a[:, :, None] * a[:, None, :] * h[:, None, None]) + stiff)
        step = np.einsum("uij,uj->ui", own, slope)
        u = u + step * np.minimum(1.0, LONGEST_STEP / np.maximum(np.abs(step).max(1, keepdims=True), 1e-12))
        if np.abs(step).max() < 1e-7:
            break
    return u, own

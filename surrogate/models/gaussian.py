"""An exact Gaussian process for tens to hundreds of rows; its members are posterior draws of the function."""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from surrogate.models.protocol import Fit, Task, centred, rows

HYPER_ROWS = 400  # that the hyper-parameters are fitted to
MOST_ROWS = 1024  # that the posterior is conditioned on
TRAINING_ROWS = 4096  # with more rows, the posterior would use too small a part of them
STEPS = 60
FEATURES = 1024
LEAST_NOISE = 1e-6


class Draws(eqx.Module):
    """For each quantity: the posterior mean k(z, X) a, and M posterior draws about it, f_m(z) - k(z, X) v_m.

    f_m are prior draws in random Fourier features, v_m = (K + s**2)**-1 (f_m(X) + s e_m): Matheron's rule, which
    turns a prior draw into a posterior one (J. T. Wilson et al., Pathwise conditioning of Gaussian processes,
    JMLR 2021). Far from all rows, mean and spread are those of the data.
    """

    points: Any  # [Q, N, J]
    lengths: Any  # [Q, J]
    variance: Any  # [Q]
    best: Any  # [Q, N]
    undo: Any  # [Q, M, N]
    frequency: Any  # [Q, F, J]
    phase: Any  # [Q, F]
    amplitude: Any  # [Q, M, F]

    def __call__(self, z) -> Any:
        """Outputs [M, Q] for inputs [J]."""

        def one(own: "Draws"):
            near = kernel(z[None], own.points, own.lengths[None], own.variance, jnp)
            draws = own.amplitude @ jnp.cos(own.frequency @ z + own.phase) - own.undo @ near
            return centred(draws, own.best @ near)

        return jax.vmap(one, out_axes=1)(self)


def kernel(a, b, length, variance, xp=np):
    """Matern 5/2 of points [..., J] with a length [J] for each input: variance (1 + r + r**2 / 3) exp(-r).

    r = sqrt(5) |(a - b) / length|.
    """
    r = xp.sqrt(5.0 * (((a - b) / length) ** 2).sum(-1))
    return variance * (1.0 + r + r**2 / 3.0) * xp.exp(-r)


class Hyper(NamedTuple):
    """Length scales [J], variance, and noise variance, for standardised rows."""

    length: np.ndarray
    variance: float
    noise: float


class GaussianProcess:
    """Exact Gaussian process: hyper-parameters by MAP on at most 400 rows, posterior from at most 1024."""

    name: ClassVar[str] = "gaussian process"
    kinds: ClassVar[tuple[type[eqx.Module], ...]] = (Draws,)
    apart: ClassVar[bool] = True

    def refuses(self, task: Task) -> str:
        if max(task.room, len(task.z)) <= TRAINING_ROWS:
            return ""
        return f"exact only for hundreds of rows; of more than {TRAINING_ROWS} it would use too few"

    def fit(self, task: Task, effort: int | None = None) -> Fit:
        own = rows(task, effort)
        with threadpool_limits(1):  # more threads than free cores made the factors 50 times slower
            found = [_posterior(task.z[own], t, len(task.weight), task.seed) for t in task.t[own].T]
        return Fit(Draws(*(jnp.asarray(np.stack(part)) for part in zip(*found, strict=True))))


def _posterior(z, t, members: int, seed: int) -> tuple:
    """``Draws`` of one quantity without the leading axis, padded with rows of no weight to a common shape."""
    known, rng = np.flatnonzero(np.isfinite(t)), np.random.default_rng(seed)
    few, some = _some(known, HYPER_ROWS), _some(known, MOST_ROWS)
    length, variance, noise = hyper(z[few], t[few])
    size = min(MOST_ROWS, 2 ** int(np.ceil(np.log2(max(len(z), 32)))))
    # A Student t with 5 degrees of freedom is the spectrum of the Matern 5/2.
    frequency = (
        rng.normal(size=(FEATURES, z.shape[1])) / np.sqrt(rng.chisquare(5, (FEATURES, 1)) / 5) / length
    )
    phase = rng.uniform(0.0, 2.0 * np.pi, FEATURES)
    amplitude = np.sqrt(2.0 * variance / FEATURES) * rng.normal(size=(members, FEATURES))
    points = z[some]
    own = amplitude @ np.cos(frequency @ points.T + phase[:, None])
    own += np.sqrt(noise) * rng.normal(size=own.shape)
    covariance = kernel(points[:, None], points[None], length, variance) + noise * np.eye(len(some))
    solved = cho_solve(cho_factor(covariance, lower=True), np.vstack([t[some], own]).T).T
    spare = size - len(some)
    solved, points = np.pad(solved, ((0, 0), (0, spare))), np.pad(points, ((0, spare), (0, 0)))
    return points, length, variance, solved[0], solved[1:], frequency, phase, amplitude


def _some(known: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of the rows, evenly over time."""
    return known[np.linspace(0, len(known) - 1, most).astype(int)] if len(known) > most else known


def hyper(z, t) -> Hyper:
    """MAP hyper-parameters of rows z [N, J], t [N], by L-BFGS with the exact gradient.

    Priors of the logarithms: lengths about 2 sqrt(J), variance about 1, noise about 5 %.
    """
    count = z.shape[1]
    centre = np.concatenate([[0.0, -3.0], np.full(count, np.log(2.0) + 0.5 * np.log(count))])
    width = np.concatenate([[1.0, 2.0], np.ones(count)])
    if len(t):
        bounds = [(c - 5.0 * w, c + 5.0 * w) for c, w in zip(centre, width, strict=True)]
        found = minimize(
            _density,
            centre,
            (z, t, centre, width),
            "L-BFGS-B",
            True,
            bounds=bounds,
            options={"maxiter": STEPS},
        )
        centre = found.x
    return Hyper(np.exp(centre[2:]), float(np.exp(centre[0])), float(np.exp(centre[1])) + LEAST_NOISE)


def _density(logs, z, t, centre, width) -> tuple[float, np.ndarray]:
    """Minus the log posterior density and its gradient.

    With W = a a' - C**-1, a = C**-1 t: d/dp = -sum(W dC/dp) / 2; dk/dlog(length_j) = 5/3 variance
    (1 + r) exp(-r) (difference_j / length_j)**2.
    """
    length, variance, noise = np.exp(logs[2:]), np.exp(logs[0]), np.exp(logs[1]) + LEAST_NOISE
    u = z / length
    square = (u**2).sum(1)
    r = np.sqrt(5.0 * np.maximum(square[:, None] + square[None] - 2.0 * u @ u.T, 0.0))
    fall = np.exp(-r)
    own = variance * (1.0 + r + r**2 / 3.0) * fall
    factor = cho_factor(own + noise * np.eye(len(t)), lower=True)
    a = cho_solve(factor, t)
    w = np.outer(a, a) - cho_solve(factor, np.eye(len(t)))
    steep = w * (5.0 / 3.0 * variance * (1.0 + r) * fall)
    lengths = (steep.sum(1)[:, None] * u**2).sum(0) - ((steep @ u) * u).sum(0)
    slope = -np.concatenate([[0.5 * (w * own).sum(), 0.5 * np.trace(w) * np.exp(logs[1])], lengths])
    value = 0.5 * t @ a + np.log(np.diag(factor[0])).sum()
    away = (logs - centre) / width
    return value + 0.5 * (away**2).sum(), slope + away / width

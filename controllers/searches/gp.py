"""Exact Gaussian-process regression on the unit cube; data are padded to few sizes, so each compiles once."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.linalg import cho_solve, solve_triangular

LEAST_ROWS = 32  # data are padded to this many rows or a higher power of two
FLOOR = 1e-8  # least noise variance: keeps the covariance positive definite
STEPS, RATE = 50, 0.2  # of the fit of the hyper-parameters
MORE_STEPS, MORE_RATE = 12, 0.1  # of a fit that continues from an earlier one
STARTS = ((0.3, 1e-4), (1.5, 1e-2))  # of a fit: (length scale, noise variance)


class Hyper(NamedTuple):
    """Hyper-parameters; y is assumed to be of order one."""

    log_length: Any  # [K] length scale of each coordinate, in cube edges
    log_signal: Any  # [] variance of the function
    log_noise: Any  # [] noise variance where none is given
    mean: Any  # []


class Data(NamedTuple):
    """N rows, of which ``mask`` marks the real ones; ``noise`` is a variance, nan where unknown."""

    x: Any  # [N, K]
    y: Any  # [N]
    noise: Any  # [N]
    mask: Any  # [N] bool


class Posterior(NamedTuple):
    """A process conditioned on data; ``root`` is the inverse of the Cholesky factor of the covariance of y."""

    hyper: Hyper
    data: Data
    root: Any  # [N, N]
    weights: Any  # [N] inverse covariance times (y - mean)


def room(n: int) -> int:
    """The padded size for ``n`` rows."""
    return max(LEAST_ROWS, 2 ** int(np.ceil(np.log2(max(n, 1)))))


def pad(x, y, noise, size: int, mask=None) -> Data:
    """Data of exactly ``size`` rows; rows with ``mask`` False, and the padding, do not count."""
    n = len(y)
    real = np.zeros(size, bool)
    real[:n] = True if mask is None else mask

    def fill(values):
        rows = np.zeros((size, *np.shape(values)[1:]))
        rows[:n] = values
        return rows

    return Data(fill(x), np.where(real, fill(y), 0.0), fill(noise), real)


def kernel(hyper: Hyper, a, b):
    """Matern-5/2 covariance [n, m] of points [n, K] and [m, K]: s (1 + r + r^2 / 3) exp(-r), r = sqrt(5) d.

    C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (2006), eq. 4.17.
    """
    inverse = jnp.exp(-hyper.log_length)[None]
    a, b = a * inverse, b * inverse
    square = jnp.sum(a**2, -1)[:, None] + jnp.sum(b**2, -1)[None] - 2.0 * a @ b.T
    r = jnp.sqrt(jnp.maximum(5.0 * square, 1e-30))  # the bound keeps the gradient finite at r = 0
    return jnp.exp(hyper.log_signal) * (1.0 + r + r**2 / 3.0) * jnp.exp(-r)


def covariance(hyper: Hyper, data: Data):
    """Covariance [N, N] of the observed y; a row that is not real is independent with variance one."""
    noise = jnp.where(jnp.isnan(data.noise), jnp.exp(hyper.log_noise), data.noise)
    both = data.mask[:, None] & data.mask[None]
    cov = jnp.where(both, kernel(hyper, data.x, data.x), 0.0)
    return cov + jnp.diag(jnp.where(data.mask, jnp.maximum(noise, FLOOR), 1.0))


def condition(hyper: Hyper, data: Data) -> Posterior:
    """The process given the data. Products with an inverse are several times faster than solving, which
    matters where thousands of points are predicted."""
    factor = jnp.linalg.cholesky(covariance(hyper, data))
    root = solve_triangular(factor, jnp.eye(len(data.y)), lower=True)
    return Posterior(hyper, data, root, root.T @ (root @ _residual(hyper.mean, data)))


def predict(posterior: Posterior, x):
    """Posterior mean and variance [n] of the function (without noise) at points [n, K]."""
    hyper, data, root, weights = posterior
    cross = jnp.where(data.mask, kernel(hyper, x, data.x), 0.0)
    variance = jnp.exp(hyper.log_signal) - jnp.sum((cross @ root.T) ** 2, -1)
    return hyper.mean + cross @ weights, jnp.maximum(variance, 1e-14)


def sample(posterior: Posterior, x, normal):
    """One posterior sample [n] of the function at ``x`` [n, K], from standard normal numbers [n]."""
    hyper, data, root, weights = posterior
    cross = jnp.where(data.mask, kernel(hyper, x, data.x), 0.0)
    spread = cross @ root.T
    left = kernel(hyper, x, x) - spread @ spread.T + 1e-6 * jnp.eye(len(x))
    return hyper.mean + cross @ weights + jnp.linalg.cholesky(left) @ normal


def evidence(hyper: Hyper, data: Data):
    """(log marginal likelihood, its gradient as a Hyper, the best constant mean), the mean profiled out.

    The gradient is pulled back from 0.5 (w w^T - C^-1), cheaper than through the Cholesky factor.
    """
    cov, pull = jax.vjp(lambda h: covariance(h, data), hyper)
    factor = jnp.linalg.cholesky(cov)
    inverse = cho_solve((factor, True), jnp.eye(len(data.y)))
    ones = data.mask.astype(float)
    mean = ones @ inverse @ data.y / jnp.maximum(ones @ inverse @ ones, 1e-12)
    residual = _residual(mean, data)
    weights = inverse @ residual
    value = -0.5 * (residual @ weights + ones.sum() * jnp.log(2 * jnp.pi)) - jnp.log(jnp.diag(factor)).sum()
    (slope,) = pull(0.5 * (jnp.outer(weights, weights) - inverse))
    return value, slope, mean


def log_prior(hyper: Hyper):
    """Log-normal priors. Length scales grow with sqrt(K), as distances in the cube do (C. Hvarfner et al.,
    "Vanilla Bayesian optimization performs great in high dimensions", ICML 2024); their prior is wider; with it
    a few noisy scores could make a knob count as irrelevant permanently."""
    centre = jnp.log(0.5) + 0.5 * jnp.log(hyper.log_length.shape[0])
    return -0.5 * (
        jnp.sum((hyper.log_length - centre) ** 2)
        + hyper.log_signal**2
        + ((hyper.log_noise - jnp.log(1e-3)) / 2.5) ** 2
    )


@jax.jit
def fit(data: Data) -> Hyper:
    """The most probable hyper-parameters: the best after a fixed number of Adam steps from a few starts."""

    def fit_from(length, noise):
        lengths = jnp.full(data.x.shape[1], jnp.log(length))
        hyper = _adam(Hyper(lengths, jnp.zeros(()), jnp.log(noise), jnp.zeros(())), data, STEPS, RATE)
        value, _, mean = evidence(hyper, data)
        return value + log_prior(hyper), hyper._replace(mean=mean)

    values, hypers = jax.vmap(fit_from)(*jnp.array(STARTS).T)
    winner = jnp.argmax(jnp.where(jnp.isnan(values), -jnp.inf, values))
    return jax.tree.map(lambda leaf: leaf[winner], hypers)


@jax.jit
def refit(hyper: Hyper, data: Data) -> Hyper:
    """Hyper-parameters continued from a fit of fewer data: a few Adam steps, used where they are finite."""
    moved = _adam(hyper, data, MORE_STEPS, MORE_RATE)
    moved = jax.tree.map(lambda new, old: jnp.where(jnp.isfinite(new), new, old), moved, hyper)
    return moved._replace(mean=evidence(moved, data)[2])


def _adam(hyper: Hyper, data: Data, steps: int, rate: float) -> Hyper:
    """Adam steps that increase the evidence times the prior; the mean is unchanged."""
    optimiser = optax.adam(optax.cosine_decay_schedule(rate, steps, 0.05))

    def step(carry: tuple[Hyper, Any], _):
        hyper, moments = carry
        slope = jax.tree.map(jnp.add, evidence(hyper, data)[1], jax.grad(log_prior)(hyper))
        moves, moments = optimiser.update(jax.tree.map(jnp.negative, slope), moments)
        return (jax.tree.map(jnp.add, hyper, moves), moments), None

    (hyper, _), _ = jax.lax.scan(step, (hyper, optimiser.init(hyper)), length=steps)
    return hyper


def _residual(mean, data: Data):
    return jnp.where(data.mask, data.y - mean, 0.0)

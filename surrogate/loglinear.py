"""Log-linear hazards with a Gaussian posterior, as functions of settings and conditions."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

SHAPES = 0.2, 10.0


class LogLinear(eqx.Module):
    """Failure rates of G modes: log rate = w . (1, z), and each process has the hazard of its mode.

    z_i = (x_i - x_mean_i) / x_scale_i or, where ``power``, x_mean_i log(x_i / x_mean_i) / x_scale_i, a power
    law with the same slope at the mean. The rate is 1 / mean life, so a Weibull mode of shape k has the hazard
    (gamma(1 + 1/k) rate)**k: inputs scale the life, for any shape.
    """

    mean: Any  # [G, 1 + I]
    root: Any  # [G, 1 + I + A, R] square root of the covariance of w and, if A = 1, of the log shape
    x_mean: Any  # [I]
    x_scale: Any  # [I]
    group: Any  # [P] the mode of each process
    power: Any = False  # [G, I]
    shape: Any = 1.0  # [G] Weibull shape
    shared: Any = None  # [G, 1 + I, S] root of the covariance that the rows of one family share
    family: Any = None  # [G]

    def __call__(self, x) -> Any:
        """Hazards [P], 1/h**shape, at inputs [I]."""
        return self.hazards(self.log_rates(x))

    def log_rates(self, x) -> Any:
        """Log failure rate of each mode [G], in 1/h, at inputs [I]."""
        power = jnp.broadcast_to(self.power, self.mean[:, 1:].shape)
        x, centre, scale = (jnp.broadcast_to(a, power.shape) for a in (x, self.x_mean, self.x_scale))
        ratio = jnp.maximum(jnp.where(power, x / centre, 1.0), 1e-9)
        z = jnp.where(power, centre * jnp.log(ratio), x - centre) / scale
        return self.mean[:, 0] + jnp.sum(self.mean[:, 1:] * z, axis=1)

    def hazards(self, log_rates) -> Any:
        """Hazards [P] of the modes' log rates [G]."""
        log_hazard = self.shape * (gammaln(1.0 + 1.0 / self.shape) + log_rates)
        return jnp.exp(jnp.clip(log_hazard, -300.0, 60.0))[self.group]

    def posterior_mean(self) -> "LogLinear":
        """The hazards of the posterior mean, without spread."""
        emptied = (self.root[..., :0], None, None)
        own = (lambda own: (own.root, own.shared, own.family), self, emptied)
        return eqx.tree_at(*own, is_leaf=lambda part: part is None)

    def draws(self, rng: np.random.Generator, n: int, ageing: bool = False) -> "LogLinear":
        """``n`` posterior draws in one module, every array with a leading axis n.

        ``ageing``: the shapes are drawn too. Without it they stay, for a plant that was built with them.
        """
        root, width = np.asarray(self.root), self.mean.shape[1]
        moved = np.einsum("gir,ngr->ngi", root, rng.normal(size=(n, *root.shape[::2])))
        mean = np.asarray(self.mean) + moved[..., :width]
        if self.shared is not None:
            family, shared = np.asarray(self.family), np.asarray(self.shared)
            noise = rng.normal(size=(n, family.max() + 1, shared.shape[2]))[:, family]
            mean = mean + np.einsum("gis,ngs->ngi", shared, noise)
        drawn = eqx.tree_at(lambda own: own.mean, repeated(self.posterior_mean(), n), jnp.asarray(mean))
        if not ageing or root.shape[1] == width:
            return drawn
        shape = np.clip(np.asarray(self.shape) * np.exp(moved[..., width]), *SHAPES)
        return eqx.tree_at(lambda own: own.shape, drawn, jnp.asarray(shape))


def repeated(module: Any, n: int) -> Any:
    """A module whose arrays are repeated n times along a new leading axis."""
    return jax.tree.map(lambda a: jnp.asarray(np.broadcast_to(a, (n, *np.shape(a)))), module)

"""Log-linear hazards with a Gaussian posterior: how often what fails, at settings and conditions."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


class LogLinear(eqx.Module):
    """log hazard of G modes = w . (1, z), z the standardised inputs; every process has the hazard of its mode."""

    mean: Any  # [G, 1 + I]
    root: Any  # [G, 1 + I, R] square root of the covariance of w; R = 0: no spread of its own
    x_mean: Any  # [I]
    x_scale: Any  # [I]
    group: Any  # [P] the mode of each process

    def __call__(self, x) -> Any:
        """Hazards [P], 1/h**shape, at inputs [I]."""
        z = jnp.concatenate([jnp.ones(1), (x - self.x_mean) / self.x_scale])
        return jnp.exp(jnp.clip(self.mean @ z, -60.0, 60.0))[self.group]

    def settled(self) -> "LogLinear":
        """The hazards of the posterior mean, without spread."""
        return eqx.tree_at(lambda own: own.root, self, self.root[..., :0])

    def draws(self, rng: np.random.Generator, n: int) -> "LogLinear":
        """``n`` draws of the posterior in one, every array with a leading axis n."""
        luck = rng.normal(size=(n, *self.root.shape[::2]))
        mean = np.asarray(self.mean) + np.einsum("gir,ngr->ngi", np.asarray(self.root), luck)
        return eqx.tree_at(lambda own: own.mean, repeated(self.settled(), n), jnp.asarray(mean))


def repeated(module: Any, n: int) -> Any:
    """A module whose arrays have a leading axis n, all alike."""
    return jax.tree.map(lambda a: jnp.asarray(np.broadcast_to(a, (n, *np.shape(a)))), module)

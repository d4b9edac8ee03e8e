"""The part of a law that is learned from faults: hazards and repair times with their posteriors."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from surrogate.loglinear import LogLinear, repeated


class Nets(eqx.Module):
    """Neural proportional hazards of N modes: log rate = w . (1, z, tanh(weight z + bias)).

    Only the last layer has a posterior; the hidden layer is fixed after training.
    """

    weight: Any  # [N, H, I]
    bias: Any  # [N, H]
    mean: Any  # [N, 1 + I + H]
    root: Any  # [N, 1 + I + H, R] square root of the covariance of w
    place: Any  # [N] the row of each mode in the log-linear hazards

    def log_rates(self, z) -> Any:
        """Log failure rates [N], in 1/h, at standardised inputs [I]."""
        hidden = jnp.tanh(self.weight @ z + self.bias)
        linear = self.mean[:, 0] + self.mean[:, 1 : 1 + z.shape[0]] @ z
        return linear + jnp.sum(self.mean[:, 1 + z.shape[0] :] * hidden, axis=1)

    def draws(self, rng: np.random.Generator, n: int) -> "Nets":
        """``n`` posterior draws in one module, every array with a leading axis n."""
        root = np.asarray(self.root)
        mean = np.asarray(self.mean) + np.einsum("gir,ngr->ngi", root, rng.normal(size=(n, *root.shape[::2])))
        return eqx.tree_at(lambda own: own.mean, repeated(self.posterior_mean(), n), jnp.asarray(mean))

    def posterior_mean(self) -> "Nets":
        """The posterior mean, without spread."""
        return eqx.tree_at(lambda own: own.root, self, self.root[..., :0])


class RepairTimes(eqx.Module):
    """Posterior of the repair times of M modes: Gaussian in the parameters listed in ``surrogate.repairs.LAWS``."""

    law: Any  # [M] index into ``repairs.LAWS``; -1: the law of the facility file, not learned
    mean: Any  # [M, 3] unused ones 0
    root: Any  # [M, 3, 3]


class Faults(eqx.Module):
    """Hazards of all processes: neural for the modes in ``nets``, log-linear for the others."""

    rates: LogLinear
    nets: Nets | None = None
    repairs: RepairTimes | None = None

    def __call__(self, x) -> Any:
        """Hazards [P], 1/h**shape, at inputs [I]."""
        log_rates = self.rates.log_rates(x)
        if self.nets is not None:
            z = (x - self.rates.x_mean) / self.rates.x_scale
            log_rates = log_rates.at[self.nets.place].set(self.nets.log_rates(z))
        return self.rates.hazards(log_rates)

    def posterior_mean(self) -> "Faults":
        """The hazards of the posterior mean, without spread."""
        return Faults(self.rates.posterior_mean(), None if self.nets is None else self.nets.posterior_mean())

    def draws(self, rng: np.random.Generator, n: int, ageing: bool = False) -> "Faults":
        """``n`` posterior draws in one module, every array with a leading axis n; see ``LogLinear.draws``."""
        nets = None if self.nets is None else self.nets.draws(rng, n)
        return Faults(self.rates.draws(rng, n, ageing), nets)

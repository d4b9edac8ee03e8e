"""An ensemble of small neural networks: inputs to beam quantities, with a spread that means something."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

FURTHEST_SD = 12.0

BEYOND_SD = 0.25
"""How far beyond the range of its data, in standard deviations, an ensemble's mean goes on; then it is held.

Chosen, with the recipe's width and decay, on later time within training rows (``docs/real-logs.md``).
"""


WIDE = 2.0


class Ensemble(eqx.Module):
    """M perceptrons of two hidden layers with a linear path beside them.

    f_m(x) = A_m z + C_m tanh(B_m tanh(D_m z + d_m) + b_m) + c_m with z the standardised inputs; the outputs
    are standardised, and in the logarithm where ``logged`` (positive, and varying by a factor). The
    mean takes inputs beyond ``x_low`` ... ``x_high`` as that bound, since lines run on err most there; about
    it the members differ as they do at the input itself, so that the spread goes on growing.
    """

    layers: Any  # tuple of (weight [M, out, in], bias [M, out]): two hidden, the last, the linear path
    x_mean: Any  # [I]
    x_scale: Any  # [I]
    y_mean: Any  # [Q]
    y_scale: Any  # [Q], 0 for a quantity that was never measured
    logged: Any  # [Q] bool
    weights: Any  # [M, Q] of the members in each quantity; 1 / M, except in a posterior draw
    x_low: Any = -np.inf  # [I]
    x_high: Any = np.inf  # [I]

    def members(self, x) -> Any:
        """Each member's outputs [M, Q] for inputs [I]: logarithms where ``logged``."""
        each = jax.vmap(network, in_axes=(0, None))
        out = each(self.layers, (x - self.x_mean) / self.x_scale)
        held = each(self.layers, (jnp.clip(x, self.x_low, self.x_high) - self.x_mean) / self.x_scale)
        out = out + (held - out).mean(0, keepdims=True)
        return self.y_mean[None] + self.y_scale[None] * jnp.clip(out, -FURTHEST_SD, FURTHEST_SD)

    def natural(self, y) -> Any:
        """Outputs [..., Q] in the facility's units."""
        logged = jnp.broadcast_to(self.logged, jnp.shape(y))
        return jnp.where(logged, jnp.exp(jnp.where(logged, y, 0.0)), y)

    def __call__(self, x) -> Any:
        """The ensemble's quantities [Q] for inputs [I], in the facility's units."""
        return self.natural((self.weights * self.members(x)).sum(0))

    def modelled(self, y) -> np.ndarray:
        """Measured quantities [N, Q] as the outputs they are compared with (log where ``logged``)."""
        logged = np.asarray(self.logged)
        return np.where(logged, np.log(np.where(logged, np.maximum(y, 1e-300), 1.0)), y)


def network(layers, z) -> Any:
    """One member's standardised outputs [Q] for standardised inputs [I]."""
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = layers
    hidden = jnp.tanh(w2 @ jnp.tanh(w1 @ z + b1) + b2)
    return w3 @ hidden + b3 + w4 @ z + b4


@eqx.filter_jit
def evaluate(ensemble: Ensemble, x) -> tuple[Any, Any]:
    """Mean and standard deviation over members, [N, Q] each, for inputs [N, I]; logs where ``logged``."""
    out = jax.vmap(ensemble.members)(x)
    return out.mean(1), out.std(1)


def predict(ensemble: Ensemble, x) -> tuple[np.ndarray, np.ndarray]:
    """``evaluate`` in row batches of one fixed shape, so that any number of rows shares a compilation."""
    rows, size = len(x), 1024
    filled = np.zeros((-(-max(rows, 1) // size) * size, np.shape(x)[1]))
    filled[:rows] = x
    parts = [evaluate(ensemble, filled[i : i + size]) for i in range(0, len(filled), size)]
    mean, spread = (np.concatenate([np.asarray(p[i]) for p in parts])[:rows] for i in range(2))
    return mean, spread


class Scaling(NamedTuple):
    """Means and scales of inputs and outputs, which outputs are logarithms, and how far inputs reach."""

    x_mean: np.ndarray
    x_scale: np.ndarray
    y_mean: np.ndarray
    y_scale: np.ndarray
    logged: np.ndarray
    x_low: np.ndarray
    x_high: np.ndarray


def _wide(y) -> np.ndarray:
    """Quantities [Q] that vary so much (a factor WIDE from their 1 % to 99 % quantile) that logs fit them better."""
    spans = [
        np.quantile(column[np.isfinite(column)], [0.01, 0.99]) if np.isfinite(column).any() else [1.0, np.inf]
        for column in y.T
    ]
    return np.array([high > WIDE * max(low, 1e-300) for low, high in spans], bool)


def scaling(x, y, x_floor, y_default) -> Scaling:
    """Standardisation by the data; an input that hardly moved gets ``x_floor`` [I] as its scale.

    A quantity without any value is held at ``y_default`` [Q].
    """
    measured = np.isfinite(y)
    logged = np.where(measured, y > 0, True).all(0) & (np.asarray(y_default) > 0) & _wide(y)
    values = np.where(logged, np.log(np.where(measured & logged, y, 1.0)), y)
    count = np.maximum(measured.sum(0), 1)
    mean = np.where(measured, values, 0.0).sum(0) / count
    scale = np.sqrt((np.where(measured, values - mean, 0.0) ** 2).sum(0) / count)
    default = np.where(logged, np.log(np.where(logged, y_default, 1.0)), y_default)
    never = measured.sum(0) == 0
    x_scale = np.maximum(x.std(0), x_floor)
    return Scaling(
        x.mean(0),
        x_scale,
        np.where(never, default, mean),
        np.where(never, 0.0, np.maximum(scale, 1e-9 + 1e-6 * np.abs(mean))),
        logged,
        x.min(0) - BEYOND_SD * x_scale,
        x.max(0) + BEYOND_SD * x_scale,
    )

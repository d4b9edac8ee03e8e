"""Perceptrons: M small networks of two hidden layers and a linear path, each fitted to its own bootstrap."""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from surrogate import fitting
from surrogate.fitting import network
from surrogate.models.protocol import Fit, Task, rows

FURTHEST_SD = 12.0

BEYOND_SD = 0.25
"""Distance beyond the range of the data, in standard deviations, up to which the mean extrapolates.

Chosen, with the recipe's width and decay, on later time within training rows (``docs/real-logs.md``).
"""


class Networks(eqx.Module):
    """f_m(z) = A_m z + C_m tanh(B_m tanh(D_m z + d_m) + b_m) + c_m.

    For the mean, inputs are clipped to ``low`` ... ``high``, because linear extrapolation has the largest errors.
    The members' differences from the mean are not clipped, so that the spread grows outside the data.
    """

    layers: Any  # tuple of (weight [M, out, in], bias [M, out]): two hidden, the last, the linear path
    low: Any  # [J]
    high: Any  # [J]

    def __call__(self, z) -> Any:
        """Outputs [M, Q] for inputs [J]."""
        each = jax.vmap(network, in_axes=(0, None))
        out, held = each(self.layers, z), each(self.layers, jnp.clip(z, self.low, self.high))
        return jnp.clip(out + (held - out).mean(0, keepdims=True), -FURTHEST_SD, FURTHEST_SD)


class Perceptrons:
    """Networks trained with AdamW; a subclass with its own ``loss`` and ``name`` is another model."""

    name: ClassVar[str] = "perceptrons"
    kinds: ClassVar[tuple[type[eqx.Module], ...]] = (Networks,)
    apart: ClassVar[bool] = False
    loss: ClassVar[Callable[[Any], Any]] = staticmethod(fitting.squares)

    def refuses(self, task: Task) -> str:
        return ""

    def fit(self, task: Task, effort: int | None = None) -> Fit:
        layers, found = fitting.fit(
            task.z, task.t, task.weight, task.seed, task.recipe, 0 if effort is not None else task.later,
            effort, task.room, type(self).loss, task.checkpoint,
        )  # fmt: skip
        z = task.z[rows(task, effort)]
        low, high = jnp.asarray(z.min(0) - BEYOND_SD), jnp.asarray(z.max(0) + BEYOND_SD)
        return Fit(Networks(layers, low, high), found)

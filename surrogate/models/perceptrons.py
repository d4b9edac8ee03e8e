"""Perceptrons: M small networks of two hidden layers, each beside a linear path and fitted to its own bootstrap."""

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
"""How far beyond the range of its data, in standard deviations, the networks' mean goes on; then it is held.

Chosen, with the recipe's width and decay, on later time within training rows (``docs/real-logs.md``).
"""


class Networks(eqx.Module):
    """f_m(z) = A_m z + C_m tanh(B_m tanh(D_m z + d_m) + b_m) + c_m.

    The mean takes inputs beyond ``low`` ... ``high`` as that bound, since lines run on err most there; about it
    the members differ as they do at the input itself, so that the spread goes on growing.
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
    """Networks trained with AdamW; a subclass with its own ``loss`` and ``name`` is a model of its own."""

    name: ClassVar[str] = "perceptrons"
    kinds: ClassVar[tuple[type[eqx.Module], ...]] = (Networks,)
    apart: ClassVar[bool] = False
    loss: ClassVar[Callable[[Any], Any]] = staticmethod(fitting.squares)

    def refuses(self, task: Task) -> str:
        return ""

    def fit(self, task: Task, effort: int | None = None) -> Fit:
        layers, found = fitting.fit(
            task.z, task.t, task.weight, task.seed, task.recipe, 0 if effort is not None else task.later,
            effort, task.room, type(self).loss, task.keep,
        )  # fmt: skip
        z = task.z[rows(task, effort)]
        low, high = jnp.asarray(z.min(0) - BEYOND_SD), jnp.asarray(z.max(0) + BEYOND_SD)
        return Fit(Networks(layers, low, high), found)

"""The hidden layer of a neural proportional-hazards model, trained by Poisson likelihood."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

HIDDEN = 12
STEPS, RATE = 250, 0.03
HIDDEN_SD = 1.0
"""Prior sd of the weights into the hidden layer, per sd of an input."""


class Hidden(NamedTuple):
    """The hidden layer tanh(weight z + bias)."""

    weight: Any  # [H, I]
    bias: Any  # [H]

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """[S, H] of inputs [S, I]."""
        return np.tanh(z @ np.asarray(self.weight).T + np.asarray(self.bias))


def hidden_layer(z, exposure, events, start: float, effect_sd: float, seed: int) -> Hidden:
    """The maximum-a-posteriori hidden layer for S stretches: inputs z [S, I], exposure and events [S].

    Maximises sum(events log h - h exposure) with log h = w . (1, z, tanh(weight z + bias)) and Gaussian priors
    (``effect_sd`` on w, HIDDEN_SD on weight and bias). ``start`` is the initial log rate. Rows are padded
    to a power of two, so that few programs are compiled.
    """
    room = 2 ** int(np.ceil(np.log2(max(len(z), 2)))) - len(z)
    z = np.pad(z, ((0, room), (0, 0)))
    rows = np.pad(exposure, (0, room)), np.pad(events, (0, room))
    rng = np.random.default_rng([seed, 31])
    weight = rng.normal(0.0, HIDDEN_SD / np.sqrt(z.shape[1]), (HIDDEN, z.shape[1]))
    first = {
        "weight": weight, "bias": rng.normal(0.0, 0.5, HIDDEN), "out": np.zeros(z.shape[1] + HIDDEN),
        "level": np.array(0.0),
    }  # fmt: skip
    found = _train(first, z, *rows, start, effect_sd)
    return Hidden(np.asarray(found["weight"]), np.asarray(found["bias"]))


def _loss(part, z, exposure, events, start, effect_sd):
    hidden = jnp.tanh(z @ part["weight"].T + part["bias"][None])
    log_h = start + part["level"] + jnp.concatenate([z, hidden], axis=1) @ part["out"]
    log_h = jnp.clip(log_h, -60.0, 60.0)
    misfit = jnp.sum(jnp.exp(log_h) * exposure - events * log_h)
    inner = jnp.sum(part["weight"] ** 2) + jnp.sum(part["bias"] ** 2)
    prior = 0.5 * jnp.sum(part["out"] ** 2) / effect_sd**2 + 0.5 * inner / HIDDEN_SD**2
    return (misfit + prior) / (1.0 + jnp.sum(events))


@jax.jit
def _train(part, z, exposure, events, start, effect_sd):
    rule = optax.adam(optax.cosine_decay_schedule(RATE, STEPS))

    def step(carry, _):
        part, state = carry
        slope = jax.grad(_loss)(part, z, exposure, events, start, effect_sd)
        moved, state = rule.update(slope, state)
        return (optax.apply_updates(part, moved), state), None

    (part, _), _ = jax.lax.scan(step, (part, rule.init(part)), None, length=STEPS)
    return part

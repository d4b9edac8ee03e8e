"""Fitting an ensemble: one compiled program that trains all members at once and stops early."""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from surrogate.ensemble import Ensemble, Scaling, network


class Recipe(NamedTuple):
    """How an ensemble is fitted; hashable, because each recipe is one compiled program."""

    members: int = 8
    width: int = 32
    batch: int = 128
    rate: float = 2e-3
    decay: float = 0.1
    average: float = 0.99
    steps_a_round: int = 50
    rounds: int = 60
    patience: int = 12
    block_rows: int = 24


class Fit(NamedTuple):
    """A fitted ensemble and what early stopping found."""

    ensemble: Ensemble
    rounds: int  # of ``steps_a_round`` steps each, at which the later rows were predicted best
    loss: float  # there, standardised


STANDARD = Recipe()


def fit(
    x,
    y,
    scale: Scaling,
    seed: int,
    recipe: Recipe = STANDARD,
    later: int = 0,
    rounds: int | None = None,
    room: int = 0,
) -> Fit:
    """An ensemble fitted to rows in order of time: inputs [N, I], quantities [N, Q], NaN if unmeasured.

    The last ``later`` rows (at most a quarter) are kept aside to stop early; or ``rounds`` says when to stop.
    Fits with ``room`` for equally many rows share one compiled program.
    Each starts at its own ridge regression, and the later rows decide how far it leaves it.
    Each member sees its own exponential weights on blocks of rows (a Bayesian block bootstrap).
    """
    even = jnp.full((recipe.members, len(scale.y_mean)), 1.0 / recipe.members)
    ensemble = Ensemble((), **scale._asdict(), weights=even)
    z = (x - scale.x_mean) / scale.x_scale
    t = (ensemble.modelled(y) - scale.y_mean) / np.where(scale.y_scale > 0, scale.y_scale, 1.0)
    known = np.isfinite(t) & (scale.y_scale > 0)
    size = _bucket(max(room, len(z)))
    if later > size // 4:
        raise ValueError(f"later = {later} of {len(z)} rows; keep at most a quarter aside")

    def padded(a, fill=0.0):
        out = np.full((size, a.shape[1]), fill, np.float32)
        out[: len(a)] = a
        return out

    most = recipe.rounds if rounds is None else rounds
    rng = np.random.default_rng(seed)
    luck = rng.exponential(size=(recipe.members, size // recipe.block_rows + 1)).astype(np.float32)
    each = luck[:, np.arange(len(z)) // recipe.block_rows] * (np.arange(len(z)) < len(z) - later)
    paths = [_linear(z, np.where(known, t, 0.0), known * w[:, None]) for w in each]
    start = [_start(rng, recipe.width, path) for path in paths]
    flat = np.array([np.concatenate([a.ravel() for a in jax.tree.leaves(m)]) for m in start])
    flat, best, loss = _train(
        jax.random.key(seed), flat,
        luck, padded(z), padded(np.where(known, t, 0.0)), padded(known),
        np.int32(len(z) - later), np.int32(len(z)), np.int32(most), recipe,
    )  # fmt: skip
    layers = jax.vmap(lambda row: _unpacked(row, recipe.width, z.shape[1], t.shape[1]))(
        jnp.asarray(flat, float)
    )
    return Fit(eqx.tree_at(lambda e: e.layers, ensemble, layers), int(best), float(loss))


def _bucket(rows: int) -> int:
    """The padded number of rows: a power of two from 2048, so that few programs are compiled."""
    return max(2048, 2 ** int(np.ceil(np.log2(max(rows, 1)))))


def _sizes(width: int, inputs: int, outputs: int) -> list[tuple[int, int]]:
    """(outputs, inputs) of the two hidden layers, the last one and the linear path."""
    return [(width, inputs), (width, width), (outputs, width), (outputs, inputs)]


def _linear(z, t, weight, ridge: float = 1e-3):
    """Weighted ridge regression: slopes [Q, I] and offsets [Q] of outputs t [N, Q] on inputs z [N, I]."""
    a = np.column_stack([z, np.ones(len(z))])
    found = []
    for q in range(t.shape[1]):
        aw = a * weight[:, [q]]
        damp = np.diag([ridge] * z.shape[1] + [1e-9]) * max(weight[:, q].sum(), 1.0)
        found.append(np.linalg.solve(aw.T @ a + damp, aw.T @ t[:, q]))
    return np.array(found)[:, :-1], np.array(found)[:, -1]


def _start(rng, width: int, linear):
    """Random layers scaled for tanh, behind a last one of zeros: at first a member is its ``linear`` path."""
    outputs, inputs = linear[0].shape
    layers = []
    for shape in _sizes(width, inputs, outputs)[:2]:
        layers.append((rng.normal(size=shape) / shape[1] ** 0.5, rng.uniform(-1.0, 1.0, shape[0])))
    layers += [(np.zeros((outputs, width)), np.zeros(outputs)), linear]
    return tuple((w.astype(np.float32), b.astype(np.float32)) for w, b in layers)


def _unpacked(row, width: int, inputs: int, outputs: int):
    """Layers from one vector: a single array keeps the compiled optimiser small."""
    layers, i = [], 0
    for out, into in _sizes(width, inputs, outputs):
        weight, bias = row[i : i + out * into].reshape(out, into), row[i + out * into : i + out * (into + 1)]
        layers.append((weight, bias))
        i += out * (into + 1)
    return tuple(layers)


def _hubers(layers, z, t):
    """Pseudo-Huber loss [N, Q] of one member: squares near zero, robust to outliers."""
    return jnp.sqrt(1.0 + (jax.vmap(network, in_axes=(None, 0))(layers, z) - t) ** 2) - 1.0


@eqx.filter_jit
def _train(key, start, luck, z, t, known, fitted, rows, most, recipe: Recipe):
    """Adam on random batches of the first ``fitted`` rows; the averaged weights are judged each round.

    ``start`` [M, D]: the members' weights, a vector each; ``luck`` [M, blocks]: how much each block of
    rows counts. Returns the weights at the best round, that round, and the loss of the mean on rows
    ``fitted``...``rows``; with no such rows the last round counts.
    """
    optimiser = optax.adamw(optax.linear_schedule(0.0, recipe.rate, 50), weight_decay=recipe.decay)
    place = jnp.arange(z.shape[0])
    later = (known * ((place >= fitted) & (place < rows))[:, None]).astype(jnp.float32)
    unpacked = partial(_unpacked, width=recipe.width, inputs=z.shape[1], outputs=t.shape[1])

    def loss(flat, row):
        weight = known[row] * jnp.take_along_axis(luck, row // recipe.block_rows, 1)[..., None]
        each = jax.vmap(lambda f, r: _hubers(unpacked(f), z[r], t[r]))(flat, row)
        return ((weight * each).sum((1, 2)) / jnp.maximum(weight.sum((1, 2)), 1e-6)).sum()

    outputs, inputs = t.shape[1], z.shape[1]
    curved = start.shape[1] - outputs * (inputs + 1)  # the linear path is left as it is

    def step(carry, row):
        flat, state, smooth = carry
        update, state = optimiser.update(jax.grad(loss)(flat, row), state, flat)
        flat = jnp.where(jnp.arange(flat.shape[1]) < curved, flat + update, flat)
        return (flat, state, recipe.average * smooth + (1 - recipe.average) * flat), None

    def judged(flat):
        z1, t1, w1 = (jax.lax.dynamic_slice_in_dim(a, fitted, a.shape[0] // 4) for a in (z, t, later))
        mean = jax.vmap(lambda f: jax.vmap(network, in_axes=(None, 0))(unpacked(f), z1))(flat).mean(0)
        return (w1 * (jnp.sqrt(1.0 + (mean - t1) ** 2) - 1.0)).sum() / jnp.maximum(w1.sum(), 1.0)

    def go_on(loop):
        n, _, _, found, _ = loop
        return (n < most) & (n - found < recipe.patience)

    def one_round(loop):
        n, carry, best, found, lowest = loop
        shape = (recipe.steps_a_round, recipe.members, recipe.batch)
        batches = jax.random.randint(jax.random.fold_in(key, n), shape, 0, fitted, dtype=jnp.int32)
        carry, _ = jax.lax.scan(step, carry, batches)
        loss = jax.lax.cond(fitted < rows, judged, lambda _: jnp.float32(0.0), carry[2])
        better = (loss < lowest) | (fitted == rows)
        best = jnp.where(better, carry[2], best)
        return n + 1, carry, best, jnp.where(better, n + 1, found), jnp.where(better, loss, lowest)

    carry, zero = (start, optimiser.init(start), start), jnp.int32(0)
    _, _, best, found, lowest = jax.lax.while_loop(
        go_on, one_round, (zero, carry, start, zero, judged(start))
    )
    return best, found, lowest

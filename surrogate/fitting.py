"""Training of networks: one compiled program for all members, with early stopping and checkpoints."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from surrogate.checkpoint import Checkpoint

CHUNK = 5  # rounds between two checks of the checkpoint interval


class Recipe(NamedTuple):
    """Hyper-parameters of a training; hashable, because each recipe is one compiled program."""

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


class Rows(NamedTuple):
    """Training rows of the networks of M members, in float32."""

    z: Any  # [N, J]
    t: Any  # [N, Q], 0 where not known
    known: Any  # [N, Q]
    weight: Any  # [M, N]


class State(NamedTuple):
    """State of a training: everything that the next round needs."""

    round: Any  # []
    flat: Any  # [M, D] the weights of each member as a vector
    moments: Any  # of the optimiser
    smooth: Any  # [M, D] averaged weights
    best: Any  # [M, D] the averaged weights of the best round
    found: Any  # [] that round
    lowest: Any  # [] loss on the later rows in that round


STANDARD = Recipe()
LARGE = Recipe(width=64, batch=512, rate=5e-3, decay=1e-3, average=0.999, rounds=240, patience=40)
MANY_ROWS = 10_000


def recipe_for(rows: int) -> Recipe:
    """The recipe for a number of rows: wider networks and longer training from MANY_ROWS on."""
    return LARGE if rows >= MANY_ROWS else STANDARD


def squares(error: Any) -> Any:
    """Pseudo-Huber loss of standardised errors: squares near zero, robust to outliers."""
    return jnp.sqrt(1.0 + error**2) - 1.0


def fit(
    z, t, weight, seed: int, recipe: Recipe = STANDARD, later: int = 0, rounds: int | None = None,
    room: int = 0, loss: Callable[[Any], Any] = squares, checkpoint: Checkpoint | None = None,
) -> tuple[Any, int]:  # fmt: skip
    """Layers with a leading axis M, fitted to rows in order of time, and the best number of rounds.

    Inputs z [N, J] and outputs t [N, Q] are standardised, NaN where unmeasured; ``weight`` [M, N] is the
    weight of each row for each member. The last ``later`` rows (at most a quarter) are kept aside for early
    stopping; without them, training stops after ``rounds``. Fits with ``room`` for equally many rows share
    one compiled program. Each member starts at its own ridge regression; early stopping limits how far
    training moves it from there.
    """
    size = _bucket(max(room, len(z)))
    if later > size // 4:
        raise ValueError(f"later = {later} of {len(z)} rows; keep at most a quarter aside")
    known = np.isfinite(t)
    filled = np.where(known, t, 0.0)
    rows = Rows(_padded(z, size), _padded(filled, size), _padded(known, size), _padded(weight.T, size).T)
    rng = np.random.default_rng(seed)
    each = weight * (np.arange(len(z)) < len(z) - later)
    start = [_start(rng, recipe.width, _linear(z, filled, known * w[:, None])) for w in each]
    flat = np.array([np.concatenate([a.ravel() for a in jax.tree.leaves(m)]) for m in start])
    most = recipe.rounds if rounds is None else rounds
    span = np.int32(len(z) - later), np.int32(len(z))
    state = _begin(jnp.asarray(flat), rows, *span, recipe, loss)
    leaves, tree = jax.tree.flatten(state)
    key = (
        checkpoint.key(z, t, weight, seed, later, most, room, str(recipe), loss.__qualname__)
        if checkpoint
        else ""
    )
    if checkpoint and (left := checkpoint.load(key)):
        state = jax.tree.unflatten(tree, [jnp.asarray(a, b.dtype) for a, b in zip(left, leaves, strict=True)])
    while state.round < most and state.round - state.found < recipe.patience:
        until = jnp.minimum(state.round + CHUNK, np.int32(most))
        state = _rounds(jax.random.key(seed), state, rows, *span, until, recipe, loss)
        if checkpoint and checkpoint.due():
            checkpoint.save(key, [np.asarray(leaf) for leaf in jax.tree.leaves(state)])
    if checkpoint:
        checkpoint.save(key, [np.asarray(leaf) for leaf in jax.tree.leaves(state)])
    unpacked = jax.vmap(lambda row: _unpacked(row, recipe.width, z.shape[1], t.shape[1]))
    return unpacked(jnp.asarray(state.best, float)), int(state.found)


def bootstrap(members: int, count: int, block_rows: int, seed: int) -> np.ndarray:
    """Weight of each row for each member [M, N]: exponential random weights of blocks of consecutive rows."""
    noise = np.random.default_rng(seed).exponential(size=(members, count // block_rows + 1))
    return noise[:, np.arange(count) // block_rows]


def network(layers, z) -> Any:
    """One member's standardised outputs [Q] for standardised inputs [J]."""
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = layers
    hidden = jnp.tanh(w2 @ jnp.tanh(w1 @ z + b1) + b2)
    return w3 @ hidden + b3 + w4 @ z + b4


def _bucket(rows: int) -> int:
    """The padded number of rows: a power of two from 2048, so that few programs are compiled."""
    return max(2048, 2 ** int(np.ceil(np.log2(max(rows, 1)))))


def _padded(a, size: int) -> np.ndarray:
    out = np.zeros((size, a.shape[1]), np.float32)
    out[: len(a)] = a
    return out


def _sizes(width: int, inputs: int, outputs: int) -> list[tuple[int, int]]:
    """(outputs, inputs) of the two hidden layers, the last one and the linear path."""
    return [(width, inputs), (width, width), (outputs, width), (outputs, inputs)]


def _linear(z, t, weight, ridge: float = 1e-3):
    """Weighted ridge regression: slopes [Q, J] and offsets [Q] of outputs t [N, Q] on inputs z [N, J]."""
    a = np.column_stack([z, np.ones(len(z))])
    found = []
    for q in range(t.shape[1]):
        aw = a * weight[:, [q]]
        damp = np.diag([ridge] * z.shape[1] + [1e-9]) * max(weight[:, q].sum(), 1.0)
        found.append(np.linalg.solve(aw.T @ a + damp, aw.T @ t[:, q]))
    return np.array(found)[:, :-1], np.array(found)[:, -1]


def _start(rng, width: int, linear):
    """Random layers scaled for tanh and a last layer of zeros: a member starts as its ``linear`` path."""
    outputs, inputs = linear[0].shape
    layers = []
    for shape in _sizes(width, inputs, outputs)[:2]:
        layers.append((rng.normal(size=shape) / shape[1] ** 0.5, rng.uniform(-1.0, 1.0, shape[0])))
    layers += [(np.zeros((outputs, width)), np.zeros(outputs)), linear]
    return tuple((w.astype(np.float32), b.astype(np.float32)) for w, b in layers)


def _unpacked(row, width: int, inputs: int, outputs: int):
    """Layers from one vector; with a single array the compiled optimiser is small."""
    layers, i = [], 0
    for out, into in _sizes(width, inputs, outputs):
        weight, bias = row[i : i + out * into].reshape(out, into), row[i + out * into : i + out * (into + 1)]
        layers.append((weight, bias))
        i += out * (into + 1)
    return tuple(layers)


def _optimiser(recipe: Recipe):
    return optax.adamw(optax.linear_schedule(0.0, recipe.rate, 50), weight_decay=recipe.decay)


def _evaluated(flat, rows: Rows, fitted, end, recipe: Recipe, loss):
    """The loss of the members' mean on rows ``fitted`` ... ``end``; 0 if there are none."""
    place = jnp.arange(rows.z.shape[0])
    weight = (rows.known * ((place >= fitted) & (place < end))[:, None]).astype(jnp.float32)
    part = (jax.lax.dynamic_slice_in_dim(a, fitted, a.shape[0] // 4) for a in (rows.z, rows.t, weight))
    z, t, w = part
    unpacked = partial(_unpacked, width=recipe.width, inputs=z.shape[1], outputs=t.shape[1])
    mean = jax.vmap(lambda f: jax.vmap(network, in_axes=(None, 0))(unpacked(f), z))(flat).mean(0)
    return (w * loss(mean - t)).sum() / jnp.maximum(w.sum(), 1.0)


@eqx.filter_jit
def _begin(flat, rows: Rows, fitted, end, recipe: Recipe, loss) -> State:
    zero = jnp.int32(0)
    lowest = _evaluated(flat, rows, fitted, end, recipe, loss)
    return State(zero, flat, _optimiser(recipe).init(flat), flat, flat, zero, lowest)


@eqx.filter_jit
def _rounds(key, state: State, rows: Rows, fitted, end, until, recipe: Recipe, loss) -> State:
    """AdamW on random batches of the first ``fitted`` rows up to round ``until``, or until patience ends.

    After each round the averaged weights are evaluated on the later rows; without any, the last round is best.
    """
    outputs, inputs = rows.t.shape[1], rows.z.shape[1]
    unpacked = partial(_unpacked, width=recipe.width, inputs=inputs, outputs=outputs)
    optimiser = _optimiser(recipe)
    curved = state.flat.shape[1] - outputs * (inputs + 1)  # the linear path is not trained

    def total(flat, row):
        weight = rows.known[row] * jnp.take_along_axis(rows.weight, row, 1)[..., None]
        out = jax.vmap(lambda f, r: jax.vmap(network, in_axes=(None, 0))(unpacked(f), rows.z[r]))(flat, row)
        each = weight * loss(out - rows.t[row])
        return (each.sum((1, 2)) / jnp.maximum(weight.sum((1, 2)), 1e-6)).sum()

    def step(carry, row):
        flat, moments, smooth = carry
        update, moments = optimiser.update(jax.grad(total)(flat, row), moments, flat)
        flat = jnp.where(jnp.arange(flat.shape[1]) < curved, flat + update, flat)
        return (flat, moments, recipe.average * smooth + (1 - recipe.average) * flat), None

    def one_round(s: State) -> State:
        shape = (recipe.steps_a_round, recipe.members, recipe.batch)
        batches = jax.random.randint(jax.random.fold_in(key, s.round), shape, 0, fitted, dtype=jnp.int32)
        (flat, moments, smooth), _ = jax.lax.scan(step, (s.flat, s.moments, s.smooth), batches)
        now = jax.lax.cond(
            fitted < end, lambda f: _evaluated(f, rows, fitted, end, recipe, loss),
            lambda _: jnp.float32(0.0), smooth,
        )  # fmt: skip
        better = (now < s.lowest) | (fitted == end)
        n = s.round + 1
        best, found = jnp.where(better, smooth, s.best), jnp.where(better, n, s.found)
        return State(n, flat, moments, smooth, best, found, jnp.where(better, now, s.lowest))

    def go_on(s: State):
        return (s.round < until) & (s.round - s.found < recipe.patience)

    return jax.lax.while_loop(go_on, one_round, state)

"""Entries of tables that run by run have another index: taken, put, and the earliest found."""

import jax.numpy as jnp
from jax import lax

INDEX = jnp.int32
NOBODY = 2**30
"""An index beyond every table: to put something there changes nothing."""
SURE = {"mode": "promise_in_bounds", "wrap_negative_indices": False}
FEW = 8  # as many entries are sooner put by going through all
SMALL = 32  # as many rows XLA searches best in one go; beyond, blocks are worth their keeping


def _flat(table, index):
    """[R]: where each run's entry at its own ``index`` lies in the table laid out as one row."""
    place = jnp.arange(table.shape[0], dtype=INDEX if table.size < 2**31 else int)
    for size, i in zip(table.shape[1:], index, strict=True):
        place = place * size + jnp.minimum(i, size - 1)
    return place


def of_each(table, *index):
    """[R]: from each run's table the entry at its own index; an index beyond the end takes the last."""
    return table.reshape(-1).at[_flat(table, index)].get(**SURE)


def put(table, index, value):
    """Each run's entry at its own index replaced; an index beyond the end changes nothing."""
    if table.shape[1] <= FEW:
        mine = index[:, None] == jnp.arange(table.shape[1], dtype=INDEX)[None]
        return jnp.where(mine, value[:, None], table)
    place = jnp.where(index < table.shape[1], _flat(table, (index,)), table.size)
    flat = (
        table.reshape(-1).at[place].set(value, mode="drop", unique_indices=True, wrap_negative_indices=False)
    )
    return flat.reshape(table.shape)


def look_up(row, index):
    """[..., R]: of rows, the same for all runs, the entries at each run's index; beyond the end the last."""
    row = jnp.asarray(row)
    return row.at[..., jnp.minimum(index, row.shape[-1] - 1)].get(**SURE)


def earliest(moments):
    """(least moment, its index) along the last axis, the first on a tie.

    XLA's argmin is slow on the CPU beyond ``SMALL`` entries; two plain minima are not.
    """
    entries = moments.shape[-1]
    least = jnp.min(moments, axis=-1)
    if entries <= SMALL:
        return least, lax.argmin(moments, moments.ndim - 1, INDEX)
    place = jnp.where(moments == least[..., None], jnp.arange(entries, dtype=INDEX)[None], entries - 1)
    return least, jnp.min(place, axis=-1)

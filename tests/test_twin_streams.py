"""The streams of random numbers are those of jax.random, number for number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin import streams

SEEDS = (0, 7, 2**40 + 3)


def keys(seed: int) -> tuple[streams.Key, list]:
    """The same keys [2, 3] as ours and as JAX's."""
    names, runs = [123456789, 4000000000], [0, 1, 70000]
    ours = streams.fold(streams.fold(streams.of_seed(seed), np.array(names)[:, None]), runs)
    fold = jax.random.fold_in
    return ours, [[fold(fold(jax.random.key(seed), name), run) for run in runs] for name in names]


def theirs(sample, rows, size):
    return np.array([[sample(key, (size,), dtype=jnp.float64) for key in row] for row in rows])


@pytest.mark.parametrize("seed", SEEDS)
def test_uniform_numbers_are_equal_bit_for_bit(seed):
    ours, rows = keys(seed)
    found = streams.uniform(ours, 9)
    assert found.shape == (2, 3, 9)
    np.testing.assert_array_equal(found, theirs(jax.random.uniform, rows, 9))
    np.testing.assert_array_equal(streams.uniform(ours, 4), found[..., :4])


def test_exponential_and_normal_numbers_are_equal_to_rounding():
    ours, rows = keys(1)
    for ours_of, theirs_of in (
        (streams.exponential, jax.random.exponential),
        (streams.normal, jax.random.normal),
    ):
        np.testing.assert_allclose(ours_of(ours, 500), theirs(theirs_of, rows, 500), rtol=1e-12, atol=1e-14)


def test_a_table_of_many_numbers_is_drawn_in_parts_that_do_not_show(monkeypatch):
    key = streams.fold(streams.of_seed(3), np.arange(50))
    whole = streams.uniform(key, 20)
    monkeypatch.setattr(streams, "IN_CACHE", 7)
    np.testing.assert_array_equal(streams.uniform(key, 20), whole)

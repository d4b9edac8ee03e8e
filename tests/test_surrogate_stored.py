"""Storage of modules as plain arrays."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from surrogate import stored
from twin import UserError


class Inner(eqx.Module):
    weight: Any


class Outer(eqx.Module):
    parts: tuple
    name: str
    one: Inner
    none: Any = None
    added: Any = 7.0


KINDS = {"Inner": Inner, "Outer": Outer}
MADE = Outer((Inner(jnp.arange(3.0)), jnp.eye(2), (jnp.ones(1),)), "plain", Inner(jnp.array(True)))


def test_a_module_with_modules_tuples_and_none_is_read_unchanged(tmp_path):
    stored.save(MADE, tmp_path / "made.npz")
    back = stored.load(tmp_path / "made.npz", KINDS)
    assert back.name == "plain" and back.none is None and type(back.parts[0]) is Inner
    assert jax.tree.structure(back.parts) == jax.tree.structure(MADE.parts)
    same = jax.tree.map(np.array_equal, (back.parts, back.one), (MADE.parts, MADE.one))
    assert all(jax.tree.leaves(same))


def test_a_missing_field_has_its_default():
    found = stored.arrays(MADE)
    del found["added"]
    assert stored.module(found, KINDS).added == 7.0


def test_an_unknown_part_is_named():
    with pytest.raises(UserError, match="'Inner' is not known here"):
        stored.module(stored.arrays(MADE), {"Outer": Outer})

"""The space of settings: limits, ramp rates and interlocks hold whatever is wanted."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twin
from twin import Space, UserError
from twin.facility import Facility

RING = twin.load("storage-ring")
SPACE = Space.of(RING)
MANY = settings(max_examples=200, deadline=None)


def facility(*interlocks: dict) -> Facility:
    """The ring with other interlocks."""
    return Facility.model_validate(RING.model_dump() | {"interlock": list(interlocks)})


BETWEEN = {"name": "sum", "title": "Sum", "unit": "a.u.", "factor": {"current": 0.01, "rf_voltage": 1.0}}
FENCED = Space.of(facility(BETWEEN | {"low": 6.5, "high": 8.2}))


def points(seed: int, n: int = 16) -> np.ndarray:
    """Settings [n, K] all over the limits and beyond."""
    return FENCED.from_unit(np.random.default_rng(seed).uniform(-0.3, 1.3, (n, 4)))


def inside(seed: int) -> np.ndarray:
    """Settings [n, K] that keep all limits and both sides of the interlock."""
    unit = np.random.default_rng([seed, 1]).random((200, 4))
    found = FENCED.from_unit(unit)
    return found[FENCED.inside(found)][:16]


@MANY
@given(seed=st.integers(0, 10**6), hours=st.floats(0.0, 20.0))
def test_no_step_breaks_a_limit_a_ramp_rate_or_an_interlock(seed, hours):
    for held, wanted in zip(inside(seed), points(seed), strict=False):
        moved = FENCED.step(held, wanted, hours)
        assert FENCED.inside(moved)
        assert (np.abs(moved - held) <= FENCED.ramp_per_h * hours + 1e-9).all()
        way = FENCED.way(held, wanted, hours)
        assert FENCED.inside(way)
        assert (np.abs(way - held) <= FENCED.ramp_per_h * hours + 1e-9).all()


@MANY
@given(seed=st.integers(0, 10**6))
def test_what_keeps_everything_is_reached_exactly_and_in_the_time_that_was_said(seed):
    held, wanted = inside(seed)[:2]
    total = FENCED.ramp_h(held, wanted)
    assert np.array_equal(FENCED.way(held, wanted, total), wanted)
    assert not np.array_equal(FENCED.way(held, wanted, 0.9 * total), wanted)
    assert np.array_equal(FENCED.step(held, wanted, total * (1 + 1e-9)), wanted)


def test_a_step_towards_what_an_interlock_forbids_ends_at_the_interlock():
    held = np.array([400.0, 3.0, 1.0, 5.0])
    moved = FENCED.step(held, np.array([500.0, 4.0, 1.0, 5.0]), 100.0)
    assert 0.01 * moved[0] + moved[1] == pytest.approx(8.2)
    assert (moved[0] - 400.0) / 100.0 == pytest.approx(moved[1] - 3.0)


def test_from_beyond_an_interlock_the_way_back_is_free_and_none_goes_further():
    beyond = np.array([450.0, 4.0, 1.0, 5.0])
    back = np.array([400.0, 3.0, 1.0, 5.0])
    assert not FENCED.inside(beyond)
    assert np.array_equal(FENCED.step(beyond, back, 100.0), back)
    assert np.array_equal(FENCED.step(beyond, np.array([500.0, 4.0, 1.0, 5.0]), 100.0), beyond)


def test_numpy_and_jax_take_the_same_steps():
    held, wanted = inside(3), points(3)
    plain = FENCED.step(held, wanted, 2.0)
    traced = FENCED.step(jnp.asarray(held), jnp.asarray(wanted), 2.0, jnp)
    np.testing.assert_allclose(np.asarray(traced), plain, rtol=1e-12)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_never_inside(odd):
    for space in (SPACE, FENCED, Space.of(facility())):
        assert not space.inside(np.array([400.0, odd, 1.0, 5.0]))


def test_settings_beyond_an_interlock_are_told_by_how_much():
    with pytest.raises(UserError, match=r"interlock 'Sum' is 0\.3 a\.u\. beyond its bound"):
        FENCED.check(np.array([450.0, 4.0, 1.0, 5.0]))
    with pytest.raises(UserError, match="interlock 'Sum'"):
        FENCED.override(np.array([[400.0, 3.0, 1.0, 5.0]]), {"current": 500.0, "rf_voltage": 4.0})


def test_the_built_in_facilities_stand_inside_their_interlocks():
    for name in twin.built_in():
        space = Space.of(twin.load(name))
        assert space.fence is not None and space.inside(space.present)
        assert space.fence.beyond(space.high).max() > 0, "the interlock forbids something"


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (0.0, np.nan), (-np.inf, 1.0)])
def test_limits_that_do_not_rise_or_are_not_finite_are_refused_by_name(low, high):
    ones = np.ones(2)
    with pytest.raises(
        UserError, match=f"'b': low = {low:g} mA and high = {high:g} mA must be finite and low < high"
    ):
        Space(("a", "b"), ("", "mA"), np.array([0.0, low]), np.array([1.0, high]), ones, ones)

"""Every registered search keeps the rules: inside limits and allowed, without side effects, seeded."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controllers.searches.search import BLOCK, SEARCHES, State, design, permitted
from twin import Space, UserError
from twin.space import Fence

every_search = pytest.mark.parametrize("name", sorted(SEARCHES))


def box(knobs: int = 3, present=0.4) -> Space:
    low = np.linspace(-3.0, 50.0, knobs)
    high = low + np.linspace(0.1, 400.0, knobs)
    names = tuple(f"knob_{i}" for i in range(knobs))
    return Space(names, ("mA",) * knobs, low, high, np.ones(knobs), low + present * (high - low))


def score(space: Space, asked: np.ndarray) -> np.ndarray:
    return -np.sum((space.to_unit(asked) - 0.7) ** 2, -1)


def told(name: str, seed: int, count: int, allowed: Callable | None = None) -> State:
    space, search = box(), SEARCHES[name]
    state = search.start(space, seed, allowed)
    for _ in range(count):
        asked = search.ask(state, 1)
        state = search.tell(state, asked, score(space, asked))
    return state


@every_search
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**31),
    present=st.floats(0.0, 1.0),
    reach=st.floats(0.02, 1.5),
    rows=st.integers(0, 9),
    n=st.integers(1, 3),
    spoil=st.sampled_from(["none", "infeasible", "nan", "flat", "huge"]),
)
def test_no_suggestion_ever_leaves_the_limits_or_what_is_allowed(name, seed, present, reach, rows, n, spoil):
    space, search = box(present=present), SEARCHES[name]

    def allowed(asked):
        return np.linalg.norm(space.to_unit(asked) - present, axis=-1) <= reach

    rng = np.random.default_rng(seed)
    tried = space.clip(space.from_unit(rng.random((rows, 3))))
    scores = score(space, tried)
    verdicts = rng.random(rows) < 0.5 if spoil == "infeasible" else None
    if spoil == "nan":
        scores[::2] = np.nan
    if spoil == "flat":
        scores[:] = 7.0
    if spoil == "huge":
        scores[:1] = -1e12
    state = search.tell(search.start(space, seed, allowed), tried, scores, feasible=verdicts)
    asked = search.ask(state, n)
    assert asked.shape == (n, 3)
    assert np.all((asked >= space.low) & (asked <= space.high))
    assert allowed(asked).all()


@every_search
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**31),
    present=st.floats(0.0, 1.0),
    room=st.sampled_from([0.0, 1e-6, 0.05, 0.5]),
    rows=st.integers(0, 9),
    reach=st.sampled_from([0.1, 2.0]),
)
def test_no_suggestion_ever_lies_beyond_an_interlock(name, seed, present, room, rows, reach):
    """The way to the optimum is barred by one interlock, another leaves only half of one knob, and a check
    of its own narrows what is left."""
    bare = box(present=present)
    factor = np.stack([1.0 / (bare.high - bare.low), [-1.0, 0.0, 0.0]])
    most = factor @ bare.present + [room, room * (bare.high - bare.low)[0]]
    space = replace(bare, fence=Fence(("power", "current"), ("", "mA"), factor, most))

    def allowed(asked):
        return np.abs(space.to_unit(asked) - present).max(-1) <= reach

    rng, search = np.random.default_rng(seed), SEARCHES[name]
    tried = space.clip(space.from_unit(rng.random((rows, 3))))
    state = search.tell(search.start(space, seed, allowed), tried, score(space, tried))
    asked = search.ask(state, 2)
    assert space.inside(asked).all()
    assert allowed(asked).all()


@every_search
def test_asking_twice_gives_the_same_and_changes_nothing(name):
    search, state = SEARCHES[name], told(name, seed=3, count=7)
    before = state.settings.copy(), state.scores.copy()
    np.testing.assert_array_equal(search.ask(state, 2), search.ask(state, 2))
    np.testing.assert_array_equal(state.settings, before[0])
    np.testing.assert_array_equal(state.scores, before[1])


@every_search
def test_telling_makes_a_new_state_and_leaves_the_old_one(name):
    search, old = SEARCHES[name], told(name, seed=3, count=2)
    new = search.tell(old, old.space.present, 1.0, noise=[0.1], feasible=[False])
    assert (old.told, new.told) == (2, 3)
    assert not new.feasible[-1]
    with pytest.raises(ValueError, match="read-only"):
        new.scores[0] = 5.0


@every_search
def test_one_seed_gives_one_run_bit_for_bit(name):
    once, again = told(name, seed=11, count=8), told(name, seed=11, count=8)
    np.testing.assert_array_equal(once.settings, again.settings)


@every_search
def test_when_nothing_is_allowed_the_present_settings_are_asked(name):
    state = told(name, seed=0, count=6, allowed=lambda asked: np.zeros(len(asked), bool))
    np.testing.assert_array_equal(state.settings, np.tile(state.space.present, (6, 1)))


@every_search
def test_the_present_settings_are_asked_first(name):
    state = told(name, seed=5, count=1)
    np.testing.assert_array_equal(state.settings[0], state.space.present)


@pytest.mark.parametrize("name", sorted(set(SEARCHES) - {"keep"}))
def test_another_seed_gives_another_run(name):
    assert not np.array_equal(told(name, 1, 3).settings, told(name, 2, 3).settings)


@pytest.mark.parametrize("name", sorted(set(SEARCHES) - {"keep"}))
def test_a_batch_holds_no_settings_twice(name):
    state = told(name, seed=4, count=8)
    assert len(np.unique(SEARCHES[name].ask(state, 4), axis=0)) == 4


@every_search
def test_the_best_is_feasible_and_its_absence_is_the_present_settings(name):
    search, space = SEARCHES[name], box()
    tried = space.from_unit(np.array([[0.1] * 3, [0.5] * 3, [0.9] * 3]))
    state = search.tell(search.start(space, 0), tried, [1.0, 2.0, 3.0], feasible=[True, True, False])
    np.testing.assert_array_equal(search.best(state)[0], tried[1])
    state = search.tell(search.start(space, 0), tried, [np.nan] * 3)
    found, worth = search.best(state)
    np.testing.assert_array_equal(found, space.present)
    assert np.isnan(worth)


def test_a_batch_of_the_design_is_its_single_suggestions_in_order():
    space = box()
    state = SEARCHES["random"].start(space, 6)
    singles = told("random", seed=6, count=5).settings
    np.testing.assert_array_equal(design(state, 5), singles)


def test_a_tiny_allowed_region_around_the_present_settings_is_found():
    space = box(knobs=8)

    def allowed(asked):
        return np.abs(space.to_unit(asked) - 0.4).max(-1) < 0.02

    asked = design(SEARCHES["random"].start(space, 0, allowed), 20)
    assert allowed(asked).all()
    assert len(np.unique(asked, axis=0)) == 20


def test_the_allowed_check_always_sees_blocks_of_one_size():
    seen = []

    def allowed(asked):
        seen.append(len(asked))
        return asked[:, 0] > 0.0

    state = SEARCHES["random"].start(box(), 0, allowed)
    for rows in (1, 7, BLOCK + 1):
        asked = np.random.default_rng(0).normal(size=(rows, 3))
        np.testing.assert_array_equal(permitted(state, asked), asked[:, 0] > 0.0)
    assert set(seen) == {BLOCK}


def test_telling_arrays_that_do_not_fit_is_an_error_that_names_the_shapes():
    search = SEARCHES["random"]
    with pytest.raises(ValueError, match=r"\(2, 3\).*expected \[n, 3\]"):
        search.tell(search.start(box(), 0), np.zeros((2, 3)), [1.0, 2.0, 3.0])


@every_search
@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_telling_settings_that_are_no_numbers_is_refused(name, odd):
    search, tried = SEARCHES[name], np.tile(box().present, (2, 1))
    tried[1, 2] = odd
    with pytest.raises(UserError, match=f"evaluation 1 has knob_2 = {odd} mA: give the finite value"):
        search.tell(search.start(box(), 0), tried, [1.0, 2.0])

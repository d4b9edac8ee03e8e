"""Advisories: rate limit for any input, hysteresis, deadbands, and a reason for each suppression."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.recommend.advisories import REASONS, Rules, Seen, State, step, words

RULES, BAND = Rules(), np.array([0.1, 1.0])
MINUTE_H, EVERY_H = 1.0 / 60.0, 1.0 / 6.0  # at most one in ten minutes: EEMUA 191
HERE, THERE = np.array([1.0, 10.0]), np.array([2.0, 10.0])
HELD = Seen(0.0, HERE, THERE, sure=0.5)


def advisories_of(observations, rules=RULES):
    """(Hours of the advisories, last state) after some observations."""
    state, hours = State(), []
    for observation in observations:
        before = state.suppressed
        state, advisory = step(state, observation, BAND, rules)
        assert sum(state.suppressed.values()) - sum(before.values()) in (0, 1)
        if advisory is not None:
            assert state.suppressed == before
            hours.append(advisory.time_h)
    return hours, state


def each_minute(n, **changes):
    return [replace(HELD, time_h=i * MINUTE_H, **changes) for i in range(n)]


knob = st.one_of(st.floats(-5.0, 5.0), st.sampled_from([np.nan, np.inf, 1.0, 2.0]))
pair = st.tuples(knob, knob).map(np.array)
wild = st.builds(
    Seen,
    time_h=st.one_of(st.floats(0.0, 3.0), st.sampled_from([np.nan, np.inf, -np.inf])),
    present=pair,
    proposed=st.one_of(st.none(), pair),
    sure=st.one_of(st.floats(-1.0, 2.0), st.sampled_from([np.nan, np.inf, -np.inf])),
    fresh=st.booleans(),
    beam=st.booleans(),
    valid=st.booleans(),
    inside=st.booleans(),
    answer=st.one_of(st.none(), st.tuples(st.integers(1, 3), st.sampled_from(["accept", "hold", "reject"]))),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(wild, max_size=60))
def test_no_input_yields_two_advisories_within_ten_minutes(observations):
    hours, state = advisories_of(observations)
    assert all(later - sooner >= EVERY_H for sooner, later in itertools.pairwise(hours))
    assert state.raised == len(hours)
    assert set(state.suppressed) <= set(REASONS)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-100.0, 100.0), min_size=1, max_size=400), st.integers(0, 2**32 - 1))
def test_a_chattering_input_raises_at_most_one_advisory_in_ten_minutes(sures, seed):
    """Gains and proposals that jump each minute by far more than any deadband."""
    rng = np.random.default_rng(seed)
    observations = [
        replace(HELD, time_h=i * MINUTE_H, sure=sure, proposed=rng.uniform(-50.0, 50.0, 2))
        for i, sure in enumerate(sures)
    ]
    hours, _ = advisories_of(observations)
    assert len(hours) <= 1 + len(sures) // 10
    assert all(np.diff(hours) >= EVERY_H)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(RULES.clear_below, RULES.raise_above), min_size=1, max_size=200),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_a_gain_that_jitters_inside_the_hysteresis_raises_at_most_one(sures, above, seed):
    """And settings that jitter inside their deadbands add nothing to that."""
    rng = np.random.default_rng(seed)
    first = [replace(HELD, time_h=-1.0)] if above else []
    observations = first + [
        replace(HELD, time_h=i * MINUTE_H, sure=sure, present=HERE + 0.4 * BAND * rng.uniform(-1, 1, 2),
                proposed=THERE + 0.9 * BAND * rng.uniform(-1, 1, 2))
        for i, sure in enumerate(sures)
    ]  # fmt: skip
    assert len(advisories_of(observations)[0]) == len(first)


@pytest.mark.parametrize(
    "reason, changes",
    [
        ("stale", {"fresh": False}),
        ("stale", {"present": np.array([np.nan, 1.0])}),
        ("no beam", {"beam": False}),
        ("expired", {"valid": False}),
        ("outside", {"inside": False}),
        ("small", {"sure": RULES.raise_above}),
        ("there", {"present": THERE - 0.9 * BAND}),
        ("answered", {"answer": (1, "hold")}),
    ],
)
def test_nothing_is_raised_where_a_reason_is_against_it_and_each_observation_is_counted(reason, changes):
    hours, state = advisories_of(each_minute(30, **changes))
    assert hours == [] and state.suppressed == {reason: 30}
    assert words(state) == f"30 as {REASONS[reason]}"


def test_what_brings_nothing_is_neither_raised_nor_counted():
    for changes in ({"sure": 0.0}, {"sure": -1.0}, {"proposed": None}):
        assert advisories_of(each_minute(5, **changes))[1].suppressed == {}


def test_an_advisory_is_raised_once_and_again_only_when_it_was_taken_back_or_has_moved():
    gain = [0.2] * 20 + [0.05] * 20 + [0.2] * 20 + [0.02] * 5 + [0.2] * 20
    observations = [replace(HELD, time_h=i * MINUTE_H, sure=sure) for i, sure in enumerate(gain)]
    hours, state = advisories_of(observations)
    np.testing.assert_allclose(hours, [0.0, 65 * MINUTE_H])
    assert state.suppressed == {"standing": 78, "small": 5}
    moved = [
        *each_minute(3),
        *(replace(observation, proposed=THERE + 2 * BAND) for observation in each_minute(15)[3:]),
    ]
    hours, state = advisories_of(moved)
    np.testing.assert_allclose(hours, [0.0, 11 * MINUTE_H], atol=1.5 * MINUTE_H)
    assert state.suppressed["soon"] in (7, 8)


def test_another_proposal_than_what_stands_is_raised_once_it_has_held_still():
    settled_h, moved = RULES.settle_h, THERE + 2 * BAND
    later = [replace(HELD, time_h=1.0 + i * MINUTE_H, proposed=moved) for i in range(10)]
    hours, state = advisories_of([HELD, *later])
    np.testing.assert_allclose(hours, [0.0, 1.0 + settled_h], atol=1.5 * MINUTE_H)
    assert state.suppressed["unsettled"] in (5, 6)
    nervous = [
        observation if i % 3 else replace(observation, proposed=THERE) for i, observation in enumerate(later)
    ]
    assert advisories_of([HELD, *nervous])[0] == [0.0]  # each way back to what stands begins the wait anew
    rng = np.random.default_rng(0)
    anywhere = [
        replace(HELD, time_h=1.0 + i * MINUTE_H, proposed=rng.uniform(-50.0, 50.0, 2)) for i in range(600)
    ]
    assert advisories_of([HELD, *anywhere])[0] == [0.0]


def test_a_proposal_that_jitters_within_its_deadband_is_raised_once_in_a_month():
    """One that leaves the deadband now and then: of two knobs, each by a quarter of it (standard deviation)."""
    jitter = 0.25 * np.random.default_rng(1).normal(size=(43_200, 2)) * BAND
    observations = [
        replace(observation, proposed=THERE + off)
        for observation, off in zip(each_minute(43_200), jitter, strict=True)
    ]
    hours, state = advisories_of(observations)
    assert hours == [0.0] and state.suppressed["unsettled"] > 10


def test_what_was_rejected_comes_back_only_when_the_situation_has_moved_beyond_the_deadband():
    no = {"answer": (7, "reject")}
    quiet = each_minute(30, **no)
    near = replace(HELD, time_h=1.0, present=HERE + 0.9 * BAND, proposed=THERE - 0.9 * BAND, **no)
    assert advisories_of([*quiet, near])[0] == []
    assert advisories_of([*quiet, near, replace(HELD, time_h=2.0, present=HERE - 1.1 * BAND, **no)])[0] == [
        2.0
    ]
    assert advisories_of([*quiet, replace(HELD, time_h=2.0, proposed=THERE + 1.1 * BAND)])[0] == [2.0]
    assert advisories_of([*quiet, replace(HELD, time_h=2.0, sure=0.5 + 1.1 * RULES.raise_above, **no)])[
        0
    ] == [2.0]


def test_what_was_accepted_is_not_repeated_on_the_way_there():
    yes = {"answer": (3, "accept")}
    way = [
        replace(HELD, time_h=i * MINUTE_H, present=HERE + i / 30 * (THERE - HERE), **yes) for i in range(31)
    ]
    hours, state = advisories_of([replace(HELD, time_h=-1.0), *way])
    assert hours == [-1.0] and set(state.suppressed) == {"answered", "there"}


def test_a_step_changes_no_state_that_was_before():
    first, _ = step(State(), replace(HELD, fresh=False), BAND, RULES)
    second, _ = step(first, replace(HELD, time_h=1.0, fresh=False), BAND, RULES)
    assert first.suppressed == {"stale": 1} and second.suppressed == {"stale": 2}


def test_the_deadband_is_a_share_of_the_range_and_no_less_than_the_precision():
    np.testing.assert_allclose(RULES.band([0.0, 0.0], [100.0, 0.1], [1, 2]), [5.0, 0.01])
    with pytest.raises(ValueError, match=r"make no hysteresis; expected 0 <= clear_below < raise_above"):
        Rules(raise_above=0.1, clear_below=0.1)

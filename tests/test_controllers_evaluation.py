"""The policy evaluator: paired gains with intervals, shares of variance, and policies within limits and ramp rates."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples_surrogate import FACILITY as TOY

from controllers.evaluation import (
    CHANCE,
    LAWS,
    PolicyEvaluator,
    build_evaluator,
    paired,
    quantile,
    ranks,
    under_one_law,
)
from controllers.policy import Policy
from twin import Space
from twin.nominal import nominal
from twin.scenario import ahead

HORIZON_H = 168.0
FACILITY = TOY.model_copy(
    update={
        "beam": TOY.beam.model_copy(update={"fill_per_h": 4800.0}),
        "beamline": [line.model_copy(update={"samples_per_experiment": 400}) for line in TOY.beamline],
    }
)  # its beam fills in minutes, and the queue is never empty: lost hours are lost samples
SPACE = Space.of(FACILITY)
BOLD = Policy("bold", np.array([300.0, 2.5]))


def laws(spread: float):
    """LAWS laws: the nominal one with trips ``exp(spread * i)`` times as often, i from -1 to 1."""
    law = nominal(FACILITY)
    many = jax.tree.map(lambda a: np.stack([np.asarray(a)] * LAWS), law)
    often = np.ones((LAWS, len(law.hazard)))
    often[:, 0] = np.exp(spread * np.linspace(-1.0, 1.0, LAWS))
    power = many.hazard_power.copy()
    power[:, 0, 0] = 2.0
    return replace(many, hazard=many.hazard * often, hazard_power=power)


@pytest.fixture(scope="module")
def evaluator() -> PolicyEvaluator:
    scenario = ahead(FACILITY, HORIZON_H)
    hazard = 2.0 * nominal(FACILITY).hazard
    return build_evaluator(FACILITY, SPACE, scenario, lambda batch, n: laws(0.5 + batch), 2, 5, hazard)


def test_a_policy_gains_exactly_nothing_over_itself(evaluator):
    once, again = (evaluator.score(evaluator.evaluate(BOLD)) for _ in range(2))
    assert once.std() > 0
    assert paired(once, again) == (0.0, 0.0, 0.0, 0.0)


def test_runs_of_two_policies_share_their_draws_and_laws(evaluator):
    """At 1 mA more every run fails at nearly the same moments: pairing leaves a fraction of the spread."""
    present = evaluator.score(evaluator.evaluate(Policy("present", SPACE.present)))
    near = evaluator.score(evaluator.evaluate(Policy("near", SPACE.present + np.array([1.0, 0.0]))))
    assert np.std(near - present) < 0.1 * np.std(present)
    assert np.std(present) > 1.0


def test_one_batch_is_the_beginning_of_all(evaluator):
    one, all_ = evaluator.part(0, 1).evaluate(BOLD), evaluator.evaluate(BOLD)
    assert len(one.samples) == CHANCE * LAWS and len(all_.samples) == 2 * CHANCE * LAWS
    assert all(np.array_equal(a, b[: len(a)]) for a, b in zip(one, all_, strict=True))


def test_one_seed_gives_equal_tallies(evaluator):
    again = build_evaluator(
        FACILITY,
        SPACE,
        evaluator.scenario,
        lambda b, n: evaluator.laws[b],
        2,
        5,
        2.0 * nominal(FACILITY).hazard,
    )
    for before, after in zip(evaluator.evaluate(BOLD), again.evaluate(BOLD), strict=True):
        assert np.array_equal(before, after)


def test_runs_whose_draws_are_used_up_are_never_ranked(evaluator):
    often = replace(evaluator.laws[0], hazard=evaluator.laws[0].hazard * 200.0)
    with pytest.raises(RuntimeError, match=r"bold: \d+ of 128 runs used up their draws; not ranked"):
        replace(evaluator, laws=[often, often]).part(0, 1).evaluate(BOLD)


def test_laws_that_disagree_are_most_of_the_interval(evaluator):
    """Trips up to 20 times as often under one law as under another: chance explains little of that."""
    unlike = replace(evaluator, laws=[laws(1.5), laws(1.5)])
    calm = Policy("calm", np.array([100.0, 2.0]))
    gain = paired(*(unlike.score(unlike.evaluate(p)) for p in (calm, BOLD)))
    assert gain.parameters > 0.9


def test_gains_that_spread_alike_under_every_law_leave_nothing_to_the_parameters():
    gains = np.array([np.roll(np.linspace(-1.0, 2.0, CHANCE), i) for i in range(LAWS)]).ravel()
    found = paired(gains, np.zeros_like(gains))
    assert found.parameters == 0.0
    assert found.mean == pytest.approx(0.5)
    assert found.low < 0.5 < found.high


def covered(rng, laws_: int, spread: float, repeats: int = 1500) -> float:
    """How often the interval holds the true law's expected gain: the laws and the truth are drawn alike."""
    hits = 0
    for _ in range(repeats):
        effect = 0.7 + rng.normal(0.0, spread, laws_ + 1)
        gains = (effect[:laws_, None] + rng.normal(size=(laws_, CHANCE))).ravel()
        inputs = rng.normal(0.0, 30.0, gains.size)  # common to both policies, so it must not matter
        found = paired(inputs + gains, inputs)
        hits += found.low <= effect[-1] <= found.high
    return hits / repeats


@pytest.mark.parametrize("count", [LAWS, 4 * LAWS])
@pytest.mark.parametrize("spread", [0.0, 0.1, 0.2, 0.4, 2.0])
def test_the_interval_covers_the_expected_gain_of_the_true_law(count, spread):
    """At least the nominal 90 % however much the laws disagree; three standard errors of 1500 repeats are 2.3 %."""
    assert covered(np.random.default_rng(count), count, spread) > 0.9 - 0.023


@pytest.mark.parametrize("count", [LAWS, 4 * LAWS])
def test_the_interval_is_not_much_wider_than_nominal_where_laws_disagree(count):
    """The variance between laws enters one standard error up, which costs a little coverage too much."""
    assert covered(np.random.default_rng(count), count, 2.0) < 0.95


def test_under_one_known_law_the_interval_is_that_of_students_t():
    rng = np.random.default_rng(2)
    inputs, gains = rng.normal(0.0, 30.0, (1500, 32)), rng.normal(0.4, 1.0, (1500, 32))
    found = [under_one_law(held + gain, held) for held, gain in zip(inputs, gains, strict=True)]
    assert np.mean([row.low <= 0.4 <= row.high for row in found]) == pytest.approx(0.9, abs=0.023)
    assert under_one_law(inputs[0], inputs[0]) == (0.0, 0.0, 0.0, 0.0)


def test_quantiles_of_the_expected_gain_rise_and_agree_with_the_interval():
    gain = paired(np.random.default_rng(1).normal(1.0, 1.0, LAWS * CHANCE), np.zeros(LAWS * CHANCE))
    assert quantile(gain, 0.5) == pytest.approx(gain.mean)
    assert quantile(gain, 0.05) == pytest.approx(gain.low, abs=1e-3)
    assert quantile(gain, 0.95) == pytest.approx(gain.high, abs=1e-3)
    assert quantile(gain, 0.1) < quantile(gain, 0.2)


def test_only_surely_worse_policies_rank_below():
    """Two that differ by chance alone share the first rank; the third is surely worse than both."""
    inputs = np.random.default_rng(3).normal(size=(3, LAWS * CHANCE))
    good, alike, bad = 50.0 + inputs[0], 50.0 + inputs[1], 47.0 + inputs[2]
    assert ranks([bad, good, alike]) == [3, 1, 1]
    assert ranks([good]) == [1] and ranks([]) == []


shares = st.floats(0.0, 1.0)


@st.composite
def spaces(draw):
    low, width = draw(st.floats(-500.0, 500.0)), draw(st.floats(0.1, 500.0))
    knobs = draw(st.integers(1, 4))
    low = low + np.arange(knobs)
    present = low + width * np.array([draw(shares) for _ in range(knobs)])
    ramp = np.array([draw(st.floats(0.01, 100.0)) for _ in range(knobs)])
    names = tuple(f"knob_{i}" for i in range(knobs))
    return Space(names, ("mA",) * knobs, low, low + width, ramp, np.minimum(present, low + width))


epochs = st.lists(st.floats(0.0, 50.0), min_size=1, max_size=6)


@given(space=spaces(), reach=st.floats(-0.5, 1.5), hours=epochs)
def test_a_plan_never_leaves_the_limits_and_never_ramps_too_fast(space, reach, hours):
    edges = np.cumsum([0.0, *hours])
    wanted = space.low + reach * (space.high - space.low)  # may lie beyond the limits
    plan = Policy("any", wanted).plan(space, edges)
    assert plan.shape == (len(hours), len(space.names))
    assert (plan >= space.low).all() and (plan <= space.high).all()
    steps = np.abs(np.diff(np.concatenate([space.present[None], plan]), axis=0))
    slack = 1e-12 * np.abs([space.low, space.high]).max()
    assert (steps <= space.ramp_per_h * np.diff(edges)[:, None] + slack).all()
    if edges[-1] > 1.01 * space.ramp_h(space.present, space.clip(wanted)):
        assert plan[-1] == pytest.approx(space.clip(wanted), rel=1e-12, abs=slack)


@given(space=spaces(), reach=shares)
def test_a_ramp_begins_now_at_the_present_settings_and_ends_at_those_wanted(space, reach):
    wanted = space.low + reach * (space.high - space.low)
    rows = Policy("any", wanted).ramp(space)
    hours = np.array([h for h, _ in rows])
    way = np.array([s for _, s in rows])
    slack = 1e-9 * np.abs([space.low, space.high]).max()
    assert hours[0] == 0.0 and np.array_equal(way[0], space.present)
    assert way[-1] == pytest.approx(wanted, abs=slack)
    assert (np.diff(hours) > 0).all() and len(rows) <= 14
    assert (way >= space.low).all() and (way <= space.high).all()
    assert (np.abs(np.diff(way, axis=0)) <= space.ramp_per_h * np.diff(hours)[:, None] + slack).all()


def test_staying_needs_no_ramp():
    assert len(Policy("stay", SPACE.present).ramp(SPACE)) == 1

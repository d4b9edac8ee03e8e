"""The search for a front: its expected gain is exact, its front beats chance, and it ends as a policy."""

from functools import partial

import jax
import numpy as np
import pytest

from controllers.searches.front import front, hypervolume
from controllers.searches.pareto import GOALS, ParetoSearch, choice, log_expected_gain, on_front, strips
from controllers.searches.search import SEARCHES
from tests.test_controllers_bayes import cube
from twin.errors import UserError

CORNER = np.zeros(GOALS)
expected = jax.jit(log_expected_gain)


def goals(x):
    """Distance from two corners of the square: the front is the straight line between them."""
    return np.column_stack([1.0 - ((x - [0.2, 0.2]) ** 2).sum(-1), 1.0 - ((x - [0.8, 0.7]) ** 2).sum(-1)])


def told(search, seed: int, budget: int, margins=None):
    state = search.start(cube(2, seed), seed)
    for _ in range(budget):
        asked = search.ask(state, 1)
        aims = goals(asked)
        limits = {} if margins is None else {"margins": margins(asked)}
        state = search.tell(state, asked, aims.sum(-1), objectives=aims, **limits)
    return state


@pytest.mark.parametrize("seed", range(4))
def test_a_sure_point_gains_what_the_hypervolume_grows_by(seed):
    """Without deviation nothing is left of the expectation but strips and hypervolume, each on its own."""
    rng = np.random.default_rng(seed)
    points, new = np.maximum(rng.normal(0.4, 0.4, (12, 2)), 0.0), rng.random((60, 2)) * 1.4
    gained = np.exp(expected(new.T, np.full((2, 60), 1e-9), strips(points.T)))
    grown = [
        hypervolume(np.append(points, one[None], 0), CORNER) - hypervolume(points, CORNER) for one in new
    ]
    np.testing.assert_allclose(gained, grown, atol=1e-7)


def test_the_expected_gain_equals_the_mean_over_draws():
    rng = np.random.default_rng(1)
    points = np.array([[0.1, 0.9], [0.5, 0.6], [0.8, 0.2], [0.3, 0.3], [0.5, 0.6], [0.0, 0.0]])
    mean, deviation = (
        np.array([[0.4, 0.9, 0.4], [0.7, 0.9, 0.5]]),
        np.array([[0.2, 0.1, 0.3], [0.3, 0.5, 0.3]]),
    )
    exact = np.exp(expected(mean, deviation, strips(points.T)))
    drawn = mean[..., None] + deviation[..., None] * rng.normal(size=(2, 3, 4000))
    before = hypervolume(points, CORNER)
    grown = np.array(
        [
            [hypervolume(np.append(points, one[None], 0), CORNER) - before for one in row.T]
            for row in drawn.swapaxes(0, 1)
        ]
    )
    spread = grown.std(1) / np.sqrt(grown.shape[1])
    assert (np.abs(grown.mean(1) - exact) < 4 * spread).all()
    assert (spread < 0.05 * exact).all()


def test_far_below_the_front_the_gain_still_has_a_finite_slope():
    def gain(mean, deviation):
        return log_expected_gain(
            mean[:, None], deviation[:, None], strips(np.array([[0.5, 1.0], [1.0, 0.5]]))
        )[0]

    slopes = jax.vmap(jax.grad(gain))(
        np.array([[-30.0, 0.1], [0.9, 0.9], [1.0, 1.0], [40.0, 40.0]]), np.full((4, 2), 0.01)
    )
    assert np.isfinite(slopes).all()
    assert slopes[0][0] > 0.0


def test_its_front_encloses_more_than_that_of_random_evaluations():
    ideal = goals(np.linspace([0.2, 0.2], [0.8, 0.7], 400))
    corner = (0.3, 0.3)
    whole = hypervolume(ideal, corner)
    for seed in (100, 101):
        ours, chance = (
            told(search, seed, 16) for search in (ParetoSearch(corner=corner), SEARCHES["random"])
        )
        assert hypervolume(ours.objectives, corner) > 0.96 * whole
        assert hypervolume(ours.objectives, corner) > hypervolume(chance.objectives, corner)


def test_what_is_not_feasible_is_on_no_front_and_no_policy_holds_it():
    state = told(SEARCHES["pareto"], 3, 14, margins=lambda x: 0.75 - x[:, :1] - x[:, 1:])
    rows = on_front(state)
    assert state.feasible[rows].all()
    assert not state.feasible.all()
    assert (np.diff(state.objectives[rows, 0]) > 0).all()
    assert (np.diff(state.objectives[rows, 1]) < 0).all()
    kept = front(state.objectives[state.feasible])
    np.testing.assert_array_equal(np.flatnonzero(state.feasible)[kept], np.sort(rows))
    np.testing.assert_array_equal(choice(state).wanted, SEARCHES["pareto"].best(state)[0])
    np.testing.assert_array_equal(choice(state, (1.0, 0.0)).wanted, state.settings[rows[-1]])
    np.testing.assert_array_equal(choice(state, (0.0, 1.0)).wanted, state.settings[rows[0]])


def test_where_nothing_is_feasible_the_choice_is_to_keep_the_present_settings():
    search, space = SEARCHES["pareto"], cube(2, 0)
    state = search.tell(
        search.start(space, 0), [space.present], [1.0], feasible=[False], objectives=[[1.0, 2.0]]
    )
    assert choice(state).name == "keep"
    np.testing.assert_array_equal(choice(state).wanted, space.present)
    np.testing.assert_array_equal(search.best(state)[0], space.present)


def test_objectives_that_failed_are_left_out_and_a_batch_has_no_settings_twice():
    search, space, rng = SEARCHES["pareto"], cube(3, 0), np.random.default_rng(0)
    tried = rng.random((9, 3))
    aims = goals(tried[:, :2])
    aims[2, 0] = np.nan
    aims[4] = np.nan
    state = search.tell(search.start(space, 0), tried, np.nansum(aims, -1), objectives=aims)
    asked = search.ask(state, 3)
    assert len(np.unique(asked, axis=0)) == 3
    assert not {2, 4} & set(on_front(state))


def test_without_objectives_it_is_bayesian_optimisation_of_the_score():
    space, search = cube(2, 1), SEARCHES["pareto"]
    tried = np.random.default_rng(1).random((8, 2))
    state = search.tell(search.start(space, 1), tried, tried.sum(-1))
    np.testing.assert_array_equal(search.ask(state, 2), SEARCHES["bayes"].ask(state, 2))
    np.testing.assert_array_equal(search.best(state)[0], SEARCHES["bayes"].best(state)[0])


def test_three_objectives_are_refused_in_words():
    search = SEARCHES["pareto"]
    tell = partial(search.tell, search.start(cube(2, 0), 0), np.full((1, 2), 0.5), [0.0])
    with pytest.raises(UserError, match="front of 2 objectives, but 3 were given"):
        search.ask(tell(objectives=[[1.0, 2.0, 3.0]]), 1)


@pytest.mark.parametrize("corner", [(1.0,), (1.0, 2.0, 3.0)])
def test_a_corner_that_is_not_of_two_objectives_is_refused_in_words(corner):
    with pytest.raises(
        UserError, match=f"has {len(corner)} values, but pareto searches a front of 2 objectives"
    ):
        ParetoSearch(corner=corner)

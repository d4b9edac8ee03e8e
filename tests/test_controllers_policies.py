"""Policies on the batched twin: exact optima, planned, by rule; none uses the future."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from case_wear import CHARGES, best, best_held, pair

from controllers.policies import batched_environment, rules
from controllers.policies.mpc import Planner
from controllers.searches.search import SEARCHES

RUNS = 128


@pytest.fixture(scope="module")
def wear():
    return pair()


@pytest.fixture(scope="module")
def world(wear):
    return batched_environment.world(wear, wear.draw(RUNS, 9))


@pytest.fixture(scope="module")
def exact(wear, world):
    """Useful beam [R] under the best policy by dynamic programming."""
    table = jnp.asarray(best()[1])

    def act(key, world, play, observation):
        down = batched_environment.seen(wear, world, play).down[:, 0].astype(int)
        charge = table[play.shift][down]
        return (2.0 * (charge - CHARGES[0]) / (CHARGES[-1] - CHARGES[0]) - 1.0)[:, None]

    return rules.score(wear, world, act)


@pytest.fixture(scope="module")
def held(wear, world):
    return rules.score(wear, world, rules.hold(wear, np.array([best_held()[1]])))


def error(seen: np.ndarray) -> float:
    return float(seen.std(ddof=1) / np.sqrt(len(seen)))


def test_the_twin_gives_the_exact_worth_of_the_best_policy_and_of_the_best_held_charge(exact, held):
    assert abs(exact.mean() - best()[0]) < 4.0 * error(exact)
    assert abs(held.mean() - best_held()[0]) < 4.0 * error(held)
    assert (exact - held).mean() > 2.0 * error(exact - held)


@pytest.mark.slow
def test_the_planner_comes_between_the_present_charge_and_the_exact_best(wear, world, exact):
    few = batched_environment.shuffled(world, np.arange(32))
    planned = rules.score(wear, few, Planner(wear, candidates=6, futures=4).policy)
    assert (planned - exact[:32]).mean() < 3.0 * error(planned - exact[:32])
    assert planned.mean() > 70.0


@pytest.mark.slow
def test_the_planner_uses_no_future_random_inputs(wear, world):
    """Other budgets for what happens later change no plan, and no plan is the same under other drawn futures."""
    few = batched_environment.shuffled(world, np.arange(8))
    play = batched_environment.reset(wear, few)
    play, _ = batched_environment.step(wear, few, play, jnp.zeros((8, 1)))
    planner = Planner(wear, candidates=4, futures=2)
    tried = jnp.broadcast_to(jnp.linspace(-1.0, 1.0, 4)[None, :, None], (8, 4, 1))
    forecast = jax.jit(planner.forecast)
    lives = play.state.lives._replace(left=7.0 * play.state.lives.left)
    other = play._replace(state=play.state._replace(lives=lives))
    up = np.asarray(batched_environment.seen(wear, few, play).down)[:, 0] < 2
    before, after = (np.asarray(forecast(jax.random.key(0), few, p, tried)) for p in (play, other))
    np.testing.assert_allclose(before[up], after[up], rtol=1e-9)
    assert not np.allclose(before, np.asarray(forecast(jax.random.key(1), few, play, tried)))


@pytest.mark.slow
def test_the_planner_uses_no_experiment_before_it_arrives(wear, world):
    """Without a run's own later arrivals and demands the plan is the same."""
    few = batched_environment.shuffled(world, np.arange(8))
    few = few._replace(demand=1e-11 * few.demand, arrive_h=1e-7 * few.arrive_h)  # some ten samples, each day
    play = batched_environment.reset(wear, few)
    play, _ = batched_environment.step(wear, few, play, jnp.zeros((8, 1)))
    come = np.asarray(play.state.lines.arrived).T[0]
    arrive, demand = np.array(few.arrive_h), np.array(few.demand)
    for line, count in enumerate(come):
        arrive[0, line, count:] += 5000.0
        demand[0, line, count + 1 :] = demand[0, line, count]
    other = few._replace(arrive_h=arrive, demand=demand)
    planner = Planner(wear, candidates=4, futures=2)
    tried = jnp.broadcast_to(jnp.linspace(-1.0, 1.0, 4)[None, :, None], (8, 4, 1))
    forecast = jax.jit(planner.forecast)
    before, after = (np.asarray(forecast(jax.random.key(0), w, play, tried)) for w in (few, other))
    np.testing.assert_allclose(before[0], after[0], rtol=1e-9)
    assert not np.allclose(before[1:], after[1:])  # whose futures are made of run 0's


def test_a_search_finds_the_charge_that_is_best_to_hold(wear, world):
    found = rules.best_to_hold(wear, world, SEARCHES["random"], 12)
    assert abs(found[0] - best_held()[1]) < 40.0


def test_pushing_when_quiet_pushes_only_while_nothing_is_out(wear, world):
    act = rules.push_when_quiet(wear, "charge")
    play = batched_environment.reset(wear, world)
    play, _ = batched_environment.step(wear, world, play, act(None, world, play, None))
    action = np.asarray(act(None, world, play, None))[:, 0]
    down = np.asarray(batched_environment.seen(wear, world, play).down)[:, 0]
    assert np.all(action[down == 0] == 1.0) and np.all(action[down > 0] < 1.0)

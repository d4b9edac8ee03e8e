"""Proximal policy optimisation: most of an exact optimum, equal bits from a seed, centred random inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from case_wear import CHARGES, best, best_held, pair

from controllers.policies import batched_environment, ppo, rules
from controllers.policies.tasks import task

RUNS = 512


@pytest.fixture(scope="module")
def wear():
    return pair()


@pytest.fixture(scope="module")
def pool(wear):
    return batched_environment.world(wear, wear.draw(128, 1))


@pytest.fixture(scope="module")
def fresh(wear):
    return batched_environment.world(wear, wear.draw(RUNS, 9))


@pytest.mark.slow
def test_training_recovers_most_of_the_exact_gain_over_the_best_held_charge(wear, pool, fresh):
    """At least half of it with 95 % confidence, and no more than all of it beyond 4 standard errors."""
    table = jnp.asarray(best()[1])

    def exact(key, world, play, observation):
        down = batched_environment.seen(wear, world, play).down[:, 0].astype(int)
        return (2.0 * (table[play.shift][down] - CHARGES[0]) / (CHARGES[-1] - CHARGES[0]) - 1.0)[:, None]

    recipe = ppo.Recipe(updates=100, discount=1.0, trace=0.95)
    policy, scores = ppo.train(wear, pool, recipe)
    assert scores.shape == (100,) and np.isfinite(scores).all()
    charge = np.array([best_held()[1]])
    held, top, seen = (rules.score(wear, fresh, act) for act in (rules.hold(wear, charge), exact, policy.act))
    gain, rest = seen - held - 0.5 * (best()[0] - best_held()[0]), seen - top
    assert gain.mean() > 1.65 * gain.std(ddof=1) / np.sqrt(RUNS)
    assert rest.mean() < 4.0 * rest.std(ddof=1) / np.sqrt(RUNS)


@pytest.mark.slow
def test_two_trainings_of_one_seed_are_equal_bit_for_bit_and_another_seed_differs(wear, pool):
    recipe = ppo.Recipe(updates=3, runs=16, batches=2, width=8)
    one, same, other = (ppo.train(wear, pool, recipe, seed) for seed in (3, 3, 4))
    leaves = [
        [a for a in jax.tree.leaves(policy) if isinstance(a, jax.Array)] for policy, _ in (one, same, other)
    ]
    assert all(np.array_equal(a, b) for a, b in zip(*leaves[:2], strict=True))
    assert np.array_equal(one[1], same[1])
    assert not all(np.array_equal(a, b) for a, b in zip(leaves[0], leaves[2], strict=True))


def test_a_new_policy_wants_its_first_settings_and_leaves_all_units(ring):
    where = task(ring, 16.0)
    recipe = ppo.Recipe(width=8)
    settings = where.space.low + 0.3 * (where.space.high - where.space.low)
    first = ppo.actor(where, recipe, jax.random.key(1), ppo.opening(where, settings))
    seen = jnp.ones((5, where.size))
    wanted = np.asarray(where.wanted(np.asarray(first.act(None, None, None, seen))))
    np.testing.assert_allclose(wanted, np.broadcast_to(settings, wanted.shape), rtol=0.05)
    assert np.all(np.asarray(first.act(None, None, None, seen))[:, 4] < -0.4)


def test_advantages_are_discounted_sums_of_temporal_difference_errors():
    recipe = ppo.Recipe(discount=0.5, trace=1.0)
    rewards, values = np.array([[1.0], [2.0], [4.0]]), np.array([[0.5], [0.25], [1.0]])
    expected = [[1.0 + 1.0 + 1.0 - 0.5], [2.0 + 2.0 - 0.25], [4.0 - 1.0]]
    np.testing.assert_allclose(ppo.advantages(recipe, ppo.td_errors(recipe, rewards, values)), expected)


@pytest.mark.parametrize("name", [pytest.param("ring", marks=pytest.mark.slow), "pair"])
def test_centred_inputs_are_zero_in_the_mean_under_a_policy_that_reacts_to_failures(ring, wear, name):
    """Within 4 standard errors, over all shifts and over either half, of what happens more than 30 times."""
    where = wear if name == "pair" else task(ring, 120.0)
    world = batched_environment.world(where, where.draw(RUNS, 4))
    sums = batched_environment.cumulative_inputs(world)

    def shift(play, key):
        before = batched_environment.centred_inputs(sums, world, play)
        failed = jnp.any(batched_environment.seen(where, world, play).down > 0, axis=1)
        wanted = jnp.where(failed[:, None], 1.0, 0.3 * jax.random.normal(key, (RUNS, where.actions)))
        play, _ = batched_environment.step(where, world, play, wanted)
        return play, batched_environment.centred_inputs(sums, world, play) - before

    keys = jax.random.split(jax.random.key(0), where.shifts)
    play = batched_environment.reset(where, world)
    inputs = np.asarray(jax.jit(lambda play: jax.lax.scan(shift, play, keys)[1])(play))
    processes = len(where.plant.units)
    often = np.ones(inputs.shape[-1], bool)
    often[:processes] = (inputs[..., :processes] > 0.5).sum((0, 1)) > 30
    often[processes : 2 * processes] = often[:processes]
    assert often[:processes].any()
    for part in (inputs.sum(0), inputs[: len(inputs) // 2].sum(0), inputs[len(inputs) // 2 :].sum(0)):
        error = part.std(0, ddof=1) / np.sqrt(RUNS)
        assert np.all((np.abs(part.mean(0)) < 4.0 * error + 1e-9)[often])


@pytest.mark.slow
def test_what_is_hidden_tells_the_days_of_repair_left_and_the_work_to_come(wear, ring):
    world = batched_environment.world(wear, wear.draw(64, 9))
    play = batched_environment.reset(wear, world)
    act = jnp.ones((64, 1))
    step = jax.jit(lambda play: batched_environment.step(wear, world, play, act)[0])
    for _ in range(3):
        play = step(play)
    hidden = np.asarray(batched_environment.hidden(world, play))
    down = np.asarray(batched_environment.seen(wear, world, play).down)[:, 0]
    total, longest = np.arctanh(hidden[:, -2]), np.arctanh(hidden[:, -1])
    assert np.all((total > 0) == (down > 0)) and np.all(longest <= total + 1e-12)
    assert np.allclose(total[down == 1], longest[down == 1]) and np.all(total[down == 2] > longest[down == 2])
    where = task(ring, 400.0)
    world = batched_environment.world(where, where.draw(4, 9))
    hidden = np.asarray(batched_environment.hidden(world, batched_environment.reset(where, world)))
    came = np.asarray(world.arrive_h) <= batched_environment.FORECAST_H[0]
    brought = np.diff(np.asarray(world.demand), axis=-1)
    brought = np.where(came & (np.asarray(world.arrive_h) > 0), brought, 0.0).sum(-1)
    np.testing.assert_allclose(np.arctanh(hidden[:, :2]) * batched_environment.FEW, brought, rtol=1e-6)

"""The environment: Gymnasium accepts it, rewards add up to useful beam, and the batched one takes equal steps."""

import jax
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from controllers.policies import batched_environment
from controllers.policies.environment import Operation
from controllers.policies.tasks import task
from twin.outcome import useful_beam

RUNS = 6


@pytest.fixture(scope="module")
def ring_task(ring):
    return task(ring, 96.0)


@pytest.fixture(scope="module")
def played(ring_task):
    """(draws, actions [T, R, K + M], observations [T + 1, R, O], rewards [T, R]) of the batched environment."""
    draws = ring_task.draw(RUNS, 5)
    actions = np.random.default_rng(0).uniform(-1.2, 1.2, (ring_task.shifts, RUNS, 5))
    world = batched_environment.world(ring_task, draws)
    step = jax.jit(lambda world, play, action: batched_environment.step(ring_task, world, play, action))
    look = jax.jit(lambda world, play: batched_environment.observe(ring_task, world, play))
    play, seen, rewards = batched_environment.reset(ring_task, world), [], []
    for action in actions:
        seen.append(look(world, play))
        play, reward = step(world, play, action)
        rewards.append(reward)
    return draws, actions, np.array([*seen, look(world, play)]), np.array(rewards)


@pytest.mark.filterwarnings("ignore:.*without an? (environment )?spec", "ignore:.*not having a spec")
def test_gymnasium_accepts_the_environment(ring_task):
    check_env(Operation(ring_task), skip_render_check=True)


def test_the_batched_environment_takes_the_steps_of_the_reference(ring_task, played):
    draws, actions, observations, rewards = played
    environment = Operation(ring_task)
    for r in range(RUNS):
        seen, _ = environment.reset(options={"draws": draws.run(r)})
        np.testing.assert_allclose(observations[0, r], seen, rtol=0, atol=1e-9)
        for t, action in enumerate(actions[:, r]):
            seen, reward, _, over, _ = environment.step(action)
            np.testing.assert_allclose(observations[t + 1, r], seen, rtol=0, atol=1e-9)
            assert rewards[t, r] == pytest.approx(reward, abs=1e-9)
        assert over


def test_rewards_add_up_to_useful_beam_less_the_samples_in_hand(ring_task, played):
    draws, actions, _, rewards = played
    environment = Operation(ring_task)
    environment.reset(options={"draws": draws.run(0)})
    for action in actions[:, 0]:
        environment.step(action)
    useful = 100.0 * useful_beam(environment.run.tally(), ring_task.plant)
    assert 0.0 <= rewards[:, 0].sum() - useful < ring_task.sample_value.sum()
    assert useful > 20.0


def test_settings_move_no_faster_than_their_ramp_rates_and_stay_within_limits(ring):
    slow = ring.model_copy(update={"knob": [k.model_copy(update={"ramp_per_h": 0.01}) for k in ring.knob]})
    slow_task = task(slow, 16.0)
    environment = Operation(slow_task)
    environment.reset(seed=1)
    before = slow_task.space.present
    for action in (np.ones(5), -9.0 * np.ones(5)):
        held = environment.step(action)[4]["settings"]
        assert np.all(np.abs(held - before) <= 0.08 + 1e-12)
        assert np.all((held >= slow_task.space.low) & (held <= slow_task.space.high))
        before = held


def test_units_that_are_down_and_ages_are_observed(ring_task, played):
    _, _, observations, _ = played
    processes, old = len(ring_task.plant.units), len(ring_task.ageing)
    down = observations[..., 13 : 13 + processes]
    assert set(np.unique(down)) == {0.0, 1.0}
    age = observations[..., 13 + processes : 13 + processes + old]
    start = age[0]
    assert np.all((start > 0.0) & (start < 1.0)) and np.unique(start).size == start.size
    last = played[0].budget[:, ring_task.ageing, -1]
    np.testing.assert_allclose(start, np.exp(-last), rtol=1e-12)
    assert np.all(age - start <= 96.0 / 9000.0 + 1e-12)

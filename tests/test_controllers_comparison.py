"""Every policy on every built-in facility keeps all limits, repeats from its seed, and refuses what does not fit."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from controllers.evaluation import under_one_law
from controllers.policies import batched_environment, comparison, ppo
from controllers.policies.environment import Operation
from controllers.policies.mpc import Planner
from controllers.policies.tasks import task
from twin import UserError, built_in, load

RUNS = 4


class Place:
    """A facility's task over four shifts, its runs, and one compiled step for all policies."""

    def __init__(self, name: str):
        facility = load(name)
        slow = [k.model_copy(update={"ramp_per_h": k.ramp_per_h / 20.0}) for k in facility.knob]
        self.task = task(facility.model_copy(update={"knob": slow}), 32.0)
        self.world = batched_environment.world(self.task, self.task.draw(RUNS, 3))
        self.step = jax.jit(partial(batched_environment.step, self.task))
        self.look = jax.jit(partial(batched_environment.observe, self.task))


PLACES = [pytest.param(name, marks=[pytest.mark.slow] if n else []) for n, name in enumerate(built_in())]


@pytest.fixture(scope="module", params=PLACES)
def place(request) -> Place:
    return Place(request.param)


def trained(place: Place):
    return ppo.actor(place.task, ppo.Recipe(width=8, sigma=0.5), jax.random.key(5)).act


def hostile(place: Place):
    """Far beyond all limits one shift, no numbers the next."""

    def act(key, world, play, observation):
        far = 1e6 * jax.random.normal(key, (world.runs, place.task.actions))
        return jnp.where(play.shift % 2 == 0, far, jnp.nan)

    return act


def rule(kind: str, number: int, place: Place):
    rows = [act for found, _, act in comparison.rivals(place.task, place.task.space.present) if found == kind]
    return rows[number]


POLICIES = {
    "hold": partial(rule, comparison.THUMB, 0),
    "push": partial(rule, comparison.THUMB, 1),
    "replace at access": partial(rule, comparison.TUNED, 1),
    "replace now": partial(rule, comparison.TUNED, -1),
    "trained": trained,
    "hostile": hostile,
    "planner": lambda place: Planner(place.task, candidates=3, futures=2, shifts=1).policy,
}
CASES = [pytest.param(name, marks=[pytest.mark.slow] if name == "planner" else []) for name in POLICIES]


def played(place: Place, act, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(settings [T + 1, R, K], rewards [T, R])."""
    world, play, act = place.world, batched_environment.reset(place.task, place.world), eqx.filter_jit(act)
    settings, rewards = [play.held], []
    for key in jax.random.split(jax.random.key(seed), place.task.shifts):
        play, reward = place.step(world, play, act(key, world, play, place.look(world, play)))
        settings.append(play.held)
        rewards.append(reward)
    return np.array(settings), np.array(rewards)


def test_every_kind_of_rival_is_a_case(place):
    """The rules differ in numbers only, so one of each type stands for all."""
    rivals = comparison.rivals(place.task, place.task.space.present, planner=True)
    assert {kind for kind, _, _ in rivals} == {comparison.THUMB, comparison.TUNED, comparison.PLANNER}
    cases = {type(make(place)) for make in POLICIES.values()}
    assert {type(act) for _, _, act in rivals} <= cases


@pytest.mark.parametrize("name", CASES)
def test_no_policy_leaves_limits_ramp_rates_interlocks_or_promised_quantities(place, name):
    where = place.task
    settings, rewards = played(place, POLICIES[name](place), 1)
    assert np.isfinite(settings).all() and np.isfinite(rewards).all()
    assert where.space.inside(settings).all()
    assert np.all(np.abs(np.diff(settings, axis=0)) <= where.space.ramp_per_h * 8.0 + 1e-9)
    for conditions, held in zip(where.scenario.conditions, settings[1:], strict=True):
        assert np.all(np.asarray(where.beyond(held, conditions)) <= 1e-8)


@pytest.mark.parametrize("name", CASES)
def test_two_runs_of_one_seed_are_equal(place, name):
    one, same = (played(place, POLICIES[name](place), 4) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))


def test_an_action_of_another_shape_is_refused_in_words_by_both_environments(place):
    environment = Operation(place.task)
    environment.reset(seed=0)
    play = batched_environment.reset(place.task, place.world)
    for size in (place.task.actions - 1, place.task.actions + 1):
        with pytest.raises(UserError, match=f"it takes {place.task.actions} numbers: .*urgency of"):
            environment.step(np.zeros(size))
        with pytest.raises(UserError, match="an action has shape"):
            place.step(place.world, play, jnp.zeros((RUNS, size)))


def test_settings_stop_where_a_promised_quantity_would_break_and_the_way_back_is_free():
    where = task(load("xfel-linac"), 16.0)
    down = where.action(where.space.low)
    conditions = where.scenario.conditions[0]
    move = jax.jit(where.move)
    held = move(where.space.present, down, conditions, 8.0)
    energy = float(where.law(held, conditions).quantity[0])
    assert 795.0 <= energy < 795.2
    assert np.array_equal(
        where.move(where.space.low, where.action(where.space.present), conditions, 8.0), where.space.present
    )
    assert not where.allowed(where.space.low[None])[0] and where.allowed(held[None])[0]


def test_better_than_every_rival_takes_an_interval_above_zero_for_each():
    rng = np.random.default_rng(0)
    base = rng.normal(100.0, 3.0, 400)
    rows = []
    for name, shift in (("a", 0.5), ("b", 0.0), ("c", -0.5)):
        gain = under_one_law(base + shift + 0.01 * rng.normal(size=400), base)
        rows.append(comparison.Comparison(name, comparison.THUMB, 100.0, gain.mean, gain.low, gain.high))
    assert [row.beaten for row in rows] == [True, False, False]
    said = comparison.verdict(rows)
    assert "1 of 3" in said and "not surely better than: b; c" in said and "worse than: c" in said
    assert comparison.verdict(rows[:1]) == "surely better than every rival"

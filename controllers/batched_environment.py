"""The environment of ``controllers.environment`` for many runs at once in JAX: equal transitions on equal draws."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from controllers.environment import Seen, Task
from twin import batched
from twin.batched import State, World, current_ma
from twin.draws import Draws
from twin.reference import STORED


class Play(NamedTuple):
    """R runs at the beginning of a shift."""

    state: State
    held: Any  # [R, K] settings
    shift: Any  # []


def world(task: Task, draws: Draws) -> World:
    """The world of R runs of a task."""
    return batched.world(task.plant, draws, task.scenario.calendar)


def shuffled(pool: World, runs) -> World:
    """The world of some runs [R] of a pool, by number."""
    return pool._replace(chance=pool.chance[runs], arrive_h=pool.arrive_h[runs], demand=pool.demand[runs])


def reset(task: Task, world: World) -> Play:
    """R runs at time zero at the present settings."""
    held = jnp.broadcast_to(jnp.asarray(task.space.present)[None], (world.runs, len(task.space.present)))
    return Play(batched.start(world), held, jnp.zeros((), int))


def step(task: Task, world: World, play: Play, action) -> tuple[Play, Any]:
    """A shift under actions [R, K]: (the runs after it, rewards [R])."""
    space, scenario = task.space, task.scenario
    edges = jnp.asarray(scenario.edges_h)
    start_h, until_h = edges[play.shift], edges[play.shift + 1]
    reach = jnp.asarray(space.ramp_per_h)[None] * (until_h - start_h)
    low, high = jnp.asarray(space.low)[None], jnp.asarray(space.high)[None]
    wanted = low + (jnp.clip(action, -1.0, 1.0) + 1.0) / 2.0 * (high - low)
    held = jnp.clip(jnp.clip(wanted, play.held - reach, play.held + reach), low, high)
    weather = jnp.asarray(scenario.conditions)[play.shift]
    state = batched.advance(world, task.law, play.state, held, weather, until_h)
    gained = (state.lines.done - play.state.lines.done).T @ jnp.asarray(task.worth)
    return Play(state, held, play.shift + 1), gained


def seen(task: Task, world: World, play: Play) -> Seen:
    """What can be known of each run, leading axis R."""
    state, scenario, old = play.state, task.scenario, task.ageing
    lives, clock = state.lives, jnp.asarray(world.plant.clock)[old]
    odd = lives.turns[:, : world.processes] % 2
    now = (state.t[None] - state.clocks.lag[clock]).T
    weather = jnp.asarray(scenario.conditions)[jnp.minimum(play.shift, task.shifts - 1)]
    calendar = scenario.calendar
    return Seen(
        held=play.held,
        weather=jnp.broadcast_to(weather[None], (world.runs, len(weather))),
        current=current_ma(world, state, state.t),
        stored=state.beam.mode == STORED,
        down=(lives.out if world.facts.several else odd).astype(float),
        age_h=jnp.where(odd[:, old] == 0, now - lives.born[:, old], 0.0),
        queue=(state.lines.queue - state.lines.done).T,
        wanted=jnp.asarray(calendar.beam)[state.block],
        user=jnp.asarray(calendar.user)[state.block],
        left_h=jnp.asarray(calendar.end_h)[state.block] - state.t,
        ahead=jnp.broadcast_to(1.0 - play.shift / task.shifts, (world.runs,)),
    )


def observe(task: Task, world: World, play: Play):
    """Observations [R, O]."""
    return jax.vmap(lambda one: task.features(one, jnp))(seen(task, world, play))


def roll(task: Task, world: World, policy, key) -> tuple[Any, Any, Any]:
    """Whole episodes under ``policy(key, world, play, observation [R, O]) -> action [R, K]``.

    Observations, actions and rewards, each with leading axes [shifts, R].
    """

    def shift(play: Play, key):
        observation = observe(task, world, play)
        action = policy(key, world, play, observation)
        play, reward = step(task, world, play, action)
        return play, (observation, action, reward)

    return lax.scan(shift, reset(task, world), jax.random.split(key, task.shifts))[1]

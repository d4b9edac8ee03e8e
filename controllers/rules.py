"""Policies that need no training: hold settings, push while all is quiet; and the settings that are best to hold."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from controllers.batched_environment import Play, roll, seen
from controllers.environment import Task
from controllers.search import Search
from twin.batched import World

Act = Callable[[Any, World, Play, Any], Any]
"""(key, world, runs at the beginning of a shift, observations [R, O]) -> actions [R, K]."""


def hold(task: Task, settings) -> Act:
    """Wants the same settings [K] always."""
    action = jnp.asarray(task.action(settings))
    return lambda key, world, play, observation: jnp.broadcast_to(action[None], (world.runs, len(action)))


def push_when_quiet(task: Task, knob: str) -> Act:
    """A rule of thumb: a knob at its upper limit while there is beam and nothing is out, else the present settings."""
    calm = np.array(task.space.present)
    calm[task.space.names.index(knob)] = task.space.high[task.space.names.index(knob)]
    pushed, held = (jnp.asarray(task.action(settings))[None] for settings in (calm, task.space.present))

    def act(key, world: World, play: Play, observation):
        now = seen(task, world, play)
        quiet = now.stored & jnp.all(now.down == 0, axis=1)
        return jnp.where(quiet[:, None], pushed, held)

    return act


def score(task: Task, world: World, act: Act, seed: int = 0) -> np.ndarray:
    """Useful beam [R] of each run under a policy, in percent of the scheduled hours at reference flux."""
    program = jax.jit(lambda world, key: jnp.sum(roll(task, world, act, key)[2], axis=0))
    return np.asarray(program(world, jax.random.key(seed)))


def best_to_hold(task: Task, world: World, search: Search, asks: int, seed: int = 0) -> np.ndarray:
    """The settings [K] that a search finds best to hold, all judged on the runs of one world."""

    @jax.jit
    def judged(world, settings):
        low, high = jnp.asarray(task.space.low), jnp.asarray(task.space.high)
        action = 2.0 * (settings - low) / (high - low) - 1.0

        def act(key, world, play, observation):
            return jnp.broadcast_to(action[None], (world.runs, len(action)))

        return jnp.sum(roll(task, world, act, jax.random.key(0))[2], axis=0)

    state = search.start(task.space, seed)
    for _ in range(asks):
        settings = search.ask(state, 1)
        seen = np.asarray(judged(world, settings[0]))
        state = search.tell(state, settings, [seen.mean()], noise=[seen.std(ddof=1) / np.sqrt(len(seen))])
    return search.best(state)[0]

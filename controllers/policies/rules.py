"""Policies that need no training: hold settings, push while all is quiet, replace what is old; and the best to hold.

Each is a pytree, so all of one kind run in one compiled program.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from controllers.policies.batched_environment import Play, roll, seen
from controllers.policies.tasks import AT_ACCESS, LEAVE, NOW, Task
from controllers.searches.search import Search
from twin.batched import RunInputs

Act = Callable[[Any, RunInputs, Play, Any], Any]
"""(key, world, runs at the beginning of a shift, observations [R, O]) -> actions [R, K + M]."""


class Settled(eqx.Module):
    """Wants one action [K + M] while there is beam and nothing is out, and another one else."""

    task: Task = eqx.field(static=True)
    quiet: Any
    otherwise: Any

    def __call__(self, key, world: RunInputs, play: Play, observation):
        now = seen(self.task, world, play)
        quiet = now.stored & jnp.all(now.down == 0, axis=1)
        return jnp.where(quiet[:, None], self.quiet[None], self.otherwise[None])


class Renewing(eqx.Module):
    """Another policy's settings; of each subsystem that wears the oldest unit gets an urgency beyond an age."""

    task: Task = eqx.field(static=True)
    act: Act
    older_h: Any  # [] h
    urgency: Any  # []

    def __call__(self, key, world: RunInputs, play: Play, observation):
        age_h = seen(self.task, world, play).age_h
        oldest = jnp.max(age_h[:, None] * jnp.asarray(self.task.ward)[None], -1, initial=0.0)  # [R, M]
        settings = self.act(key, world, play, observation)[:, : len(self.task.space.low)]
        return jnp.concatenate([settings, jnp.where(oldest > self.older_h, self.urgency, LEAVE)], axis=1)


def hold(task: Task, settings) -> Settled:
    """Wants the same settings [K] always."""
    action = jnp.asarray(task.action(settings))
    return Settled(task, action, action)


def push_when_quiet(task: Task, knob: str, settings=None) -> Settled:
    """A rule of thumb: a knob at its upper limit while there is beam and nothing is out.

    All else, and it else, as in ``settings`` [K], default the present.
    """
    held = task.space.present if settings is None else settings
    pushed, k = np.array(held), task.space.names.index(knob)
    pushed[k] = task.space.high[k]
    return Settled(task, jnp.asarray(task.action(pushed)), jnp.asarray(task.action(held)))


def replace_when_old(task: Task, act: Act, older_h: float, now: bool = False) -> Renewing:
    """Another policy's settings, with age replacement: the oldest unit of each subsystem that wears is replaced, beyond
    an age, at the next access day or ``now``."""
    return Renewing(task, act, jnp.asarray(older_h, float), jnp.asarray(NOW if now else AT_ACCESS, float))


@eqx.filter_jit
def _played(task: Task, world: RunInputs, act: Act, key):
    return roll(task, world, act, key)


def score(task: Task, world: RunInputs, act: Act, seed: int = 0) -> np.ndarray:
    """Useful beam [R] of each run under a policy, in percent of the scheduled hours at reference flux.

    Raises RuntimeError where a run used up its draws: it may not be ranked.
    """
    gained, exhausted = (np.asarray(x) for x in _played(task, world, act, jax.random.key(seed)))
    if exhausted.any():
        raise RuntimeError(
            f"{exhausted.sum()} of {len(exhausted)} runs used up their draws; shorten the horizon"
        )
    return gained


def best_to_hold(task: Task, world: RunInputs, search: Search, asks: int, seed: int = 0) -> np.ndarray:
    """The allowed settings [K] that a search finds best to hold, all judged on the runs of one world."""
    state = search.start(task.space, seed, task.allowed)
    for _ in range(asks):
        settings = search.ask(state, 1)
        gained = score(task, world, hold(task, settings[0]))
        state = search.tell(
            state, settings, [gained.mean()], noise=[gained.std(ddof=1) / np.sqrt(len(gained))]
        )
    return search.best(state)[0]

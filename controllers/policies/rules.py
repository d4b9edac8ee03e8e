"""Rules: policies without training (hold settings, push a knob while all is up, replace old units); the best settings.

Each rule is a pytree, so all rules of one class run in one compiled program.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from controllers.policies.batched_environment import EnvState, roll, seen
from controllers.policies.tasks import AT_ACCESS, LEAVE, NOW, Task
from controllers.searches.search import Search
from twin.batched import RunInputs

Act = Callable[[Any, RunInputs, EnvState, Any], Any]
"""A policy: (key, run inputs, state at the beginning of a shift, observations [R, O]) -> actions [R, K + M]."""


class Settled(eqx.Module):
    """One action [K + M] while beam is stored and no unit is down, another action otherwise."""

    task: Task = eqx.field(static=True)
    quiet: Any
    otherwise: Any

    def __call__(self, key, run_inputs: RunInputs, env: EnvState, observation):
        now = seen(self.task, run_inputs, env)
        quiet = now.stored & jnp.all(now.down == 0, axis=1)
        return jnp.where(quiet[:, None], self.quiet[None], self.otherwise[None])


class Renewing(eqx.Module):
    """Another policy's settings, with an urgency to replace the oldest unit of a subsystem once it exceeds an age."""

    task: Task = eqx.field(static=True)
    act: Act
    older_h: Any  # [] h
    urgency: Any  # []

    def __call__(self, key, run_inputs: RunInputs, env: EnvState, observation):
        age_h = seen(self.task, run_inputs, env).age_h
        oldest = jnp.max(
            age_h[:, None] * jnp.asarray(self.task.wearing_processes)[None], -1, initial=0.0
        )  # [R, M]
        settings = self.act(key, run_inputs, env, observation)[:, : len(self.task.space.low)]
        return jnp.concatenate([settings, jnp.where(oldest > self.older_h, self.urgency, LEAVE)], axis=1)


def hold(task: Task, settings) -> Settled:
    """The policy that always holds the same settings [K]."""
    action = jnp.asarray(task.action(settings))
    return Settled(task, action, action)


def push_when_quiet(task: Task, knob: str, settings=None) -> Settled:
    """A rule of thumb: one knob at its upper limit while beam is stored and no unit is down.

    The other knobs, and this knob otherwise, are as in ``settings`` [K], by default the present ones.
    """
    held = task.space.present if settings is None else settings
    pushed, k = np.array(held), task.space.names.index(knob)
    pushed[k] = task.space.high[k]
    return Settled(task, jnp.asarray(task.action(pushed)), jnp.asarray(task.action(held)))


def replace_when_old(task: Task, act: Act, older_h: float, now: bool = False) -> Renewing:
    """Another policy's settings, with age replacement.

    The oldest unit of each subsystem that wears is replaced once it is older than ``older_h``, at the next access day
    or ``now``.
    """
    return Renewing(task, act, jnp.asarray(older_h, float), jnp.asarray(NOW if now else AT_ACCESS, float))


@eqx.filter_jit
def _played(task: Task, run_inputs: RunInputs, act: Act, key):
    return roll(task, run_inputs, act, key)


def score(task: Task, run_inputs: RunInputs, act: Act, seed: int = 0) -> np.ndarray:
    """Useful beam [R] of each run under a policy, in percent of the scheduled hours at reference flux.

    Raises RuntimeError if a run used up its draws, as it may not be ranked.
    """
    gained, exhausted = (np.asarray(x) for x in _played(task, run_inputs, act, jax.random.key(seed)))
    if exhausted.any():
        raise RuntimeError(
            f"{exhausted.sum()} of {len(exhausted)} runs used up their draws; shorten the horizon"
        )
    return gained


def best_to_hold(task: Task, run_inputs: RunInputs, search: Search, asks: int, seed: int = 0) -> np.ndarray:
    """The best allowed settings [K] to hold that a search finds in ``asks`` evaluations, all on the same runs."""
    state = search.start(task.space, seed, task.allowed)
    for _ in range(asks):
        settings = search.ask(state, 1)
        gained = score(task, run_inputs, hold(task, settings[0]))
        state = search.tell(
            state, settings, [gained.mean()], noise=[gained.std(ddof=1) / np.sqrt(len(gained))]
        )
    return search.best(state)[0]

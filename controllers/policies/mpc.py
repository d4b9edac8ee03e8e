"""Model-predictive control on the twin: each shift, sample settings, simulate each in drawn futures, take the best.

It plans settings only and orders no replacements.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from controllers.policies.batched_environment import EnvState, shuffled, step
from controllers.policies.tasks import LEAVE, Task
from twin.batched import RunInputs, State, lives
from twin.laws import NEVER


@dataclass(frozen=True)
class Planner:
    """Candidates: the present settings and ``candidates - 1`` around them, each held for ``shifts`` in ``futures``.

    The planner uses the observation and the ends of the repairs under way, but nothing of the future. Working units get
    new ageing budgets (unit-exponential whatever their age, as the rest of such a budget is unit-exponential too).
    Later failures and repairs, and experiments that are not booked, are those of other runs. All candidates are
    simulated in the same futures.
    """

    task: Task
    candidates: int = 12
    futures: int = 6
    shifts: int = 2
    spread: float = 0.5  # standard deviation of the candidates, in [-1, 1]

    def policy(self, key, run_inputs: RunInputs, env: EnvState, observation):
        """Actions [R, K + M]."""
        nearby, futures = jax.random.split(key)
        space = self.task.space
        low, high = jnp.asarray(space.low)[None], jnp.asarray(space.high)[None]
        held = 2.0 * (env.held - low) / (high - low) - 1.0
        away = self.spread * jax.random.normal(nearby, (self.candidates - 1, len(space.low)))
        away = jnp.concatenate([jnp.zeros_like(away[:1]), away])
        tried = jnp.clip(held[:, None] + away[None], -1.0, 1.0)  # [R, M, K]
        value = self.forecast(futures, run_inputs, env, tried)
        return self.complete(jnp.take_along_axis(tried, jnp.argmax(value, 1)[:, None, None], 1)[:, 0])

    def complete(self, wanted):
        """Actions [N, K + M] that want settings [N, K], in [-1, 1], and order no replacement."""
        return jnp.pad(wanted, ((0, 0), (0, len(self.task.wearing))), constant_values=LEAVE)

    def forecast(self, key, run_inputs: RunInputs, env: EnvState, tried):
        """Mean reward [R, M] of holding each of the settings ``tried`` [R, M, K]."""
        runs, many, knobs = tried.shape
        future, env = self.futures_of(key, run_inputs, env, many)
        wide = jnp.broadcast_to(tried[:, :, None], (runs, many, self.futures, knobs)).reshape(-1, knobs)

        def shift(env, _):
            return step(self.task, future, env, self.complete(wide))

        rewards = jax.lax.scan(shift, env, length=self.shifts)[1]
        return jnp.sum(rewards, 0).reshape(runs, many, self.futures).mean(-1)

    def futures_of(self, key, run_inputs: RunInputs, env: EnvState, many: int) -> tuple[RunInputs, EnvState]:
        """Each run ``many`` times, each time in ``futures`` futures: leading axis R * M * S."""
        who, left = jax.random.split(key)
        runs, futures = run_inputs.runs, self.futures
        other = jax.random.randint(who, (runs, futures), 1, runs)
        other = (jnp.arange(runs)[:, None] + other) % runs
        budget = jax.random.exponential(left, (runs, futures, run_inputs.processes))

        def spread(table):  # [R, S, ...] to [R * M * S, ...]
            shape = (runs, many, *table.shape[1:])
            return jnp.broadcast_to(table[:, None], shape).reshape(-1, *table.shape[2:])

        mine = jnp.repeat(jnp.arange(runs), many * futures)
        aged, clocks = lives.aim(run_inputs, env.state, env.state.operating_point.hazard)
        state = copied(env.state._replace(lives=aged, clocks=clocks), mine)
        state = state._replace(lives=state.lives._replace(left=spread(budget)))
        theirs = spread(other)
        booked = jnp.array([bool(line.visit) for line in self.task.facility.beamline])
        future, state = _experiments(run_inputs, booked, state, mine, theirs)
        future = future._replace(chance=run_inputs.chance[theirs])
        return future, EnvState(state, env.held[mine], env.shift, env.ordered[mine])


def _experiments(run_inputs: RunInputs, booked, state: State, mine, theirs) -> tuple[RunInputs, State]:
    """Runs ``mine`` with their past experiments, and future experiments drawn from the runs ``theirs``.

    Random arrivals have no memory: the next is one gap from now. Visits of ``booked`` beamlines [B] are known.
    """
    come = state.lines.arrived.T[..., None]  # [N, B, 1]
    number = jnp.arange(run_inputs.arrive_h.shape[-1])[None, None]
    gaps = jnp.where(number < come, 0.0, jnp.diff(run_inputs.arrive_h, axis=-1, prepend=0.0)[theirs])
    random = state.t[:, None, None] + jnp.cumsum(gaps, axis=-1)
    arrive = jnp.where((number < come) | booked[None, :, None], run_inputs.arrive_h[mine], random)
    brought = jnp.where(
        number < come, *(jnp.diff(run_inputs.demand, axis=-1)[runs] for runs in (mine, theirs))
    )
    demand = jnp.pad(jnp.cumsum(brought, axis=-1), ((0, 0), (0, 0), (1, 0)))
    last = arrive.shape[-1]
    coming = jnp.take_along_axis(arrive, jnp.minimum(come, last - 1), axis=-1)
    coming = jnp.where(come < last, coming, NEVER)[..., 0].T
    run_inputs = shuffled(run_inputs, mine)._replace(arrive_h=arrive, demand=demand)
    return run_inputs, state._replace(lines=state.lines._replace(arrive_at=coming))


def copied(state: State, runs) -> State:
    """The states of selected runs, by number; a run may be selected several times."""

    def first(part: Any):
        return jax.tree.map(lambda a: a[runs], part)

    own = first((state.lives, state.operating_point.hazard, state.gates.troubles))
    rest = state._replace(
        lives=None,
        operating_point=state.operating_point._replace(hazard=None),
        gates=state.gates._replace(troubles=None),
    )
    rest = jax.tree.map(lambda a: a[..., runs], rest)
    return rest._replace(
        lives=own[0],
        operating_point=rest.operating_point._replace(hazard=own[1]),
        gates=rest.gates._replace(troubles=own[2]),
    )

"""Model-predictive control on the twin: each shift, sample settings, play them into drawn futures, choose the best.

It plans settings and leaves all units.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from controllers.policies.batched_environment import Play, shuffled, step
from controllers.policies.tasks import LEAVE, Task
from twin.batched import RunInputs, State, lives
from twin.laws import NEVER


@dataclass(frozen=True)
class Planner:
    """Candidates: what is held, and ``candidates - 1`` about it; each is held for ``shifts`` in ``futures``.

    Of the present it knows what a policy may know, and when repairs under way will end. Of the future nothing: lives
    that go on get fresh budgets (unit-exponential, whatever their age: what is left of such a budget is one too), and
    later lives and repairs, and experiments that are not booked, are those of other runs. All candidates meet the same
    futures.
    """

    task: Task
    candidates: int = 12
    futures: int = 6
    shifts: int = 2
    spread: float = 0.5  # standard deviation of the candidates, in [-1, 1]

    def policy(self, key, world: RunInputs, play: Play, observation):
        """Actions [R, K + M]."""
        about, inputs = jax.random.split(key)
        space = self.task.space
        low, high = jnp.asarray(space.low)[None], jnp.asarray(space.high)[None]
        held = 2.0 * (play.held - low) / (high - low) - 1.0
        away = self.spread * jax.random.normal(about, (self.candidates - 1, len(space.low)))
        away = jnp.concatenate([jnp.zeros_like(away[:1]), away])
        tried = jnp.clip(held[:, None] + away[None], -1.0, 1.0)  # [R, M, K]
        worth = self.forecast(inputs, world, play, tried)
        return self.complete(jnp.take_along_axis(tried, jnp.argmax(worth, 1)[:, None, None], 1)[:, 0])

    def complete(self, wanted):
        """Actions [N, K + M] that want settings [N, K] in [-1, 1]."""
        return jnp.pad(wanted, ((0, 0), (0, len(self.task.wards))), constant_values=LEAVE)

    def forecast(self, key, world: RunInputs, play: Play, tried):
        """Mean reward [R, M] of holding each of the settings ``tried`` [R, M, K]."""
        runs, many, knobs = tried.shape
        future, play = self.futures_of(key, world, play, many)
        wide = jnp.broadcast_to(tried[:, :, None], (runs, many, self.futures, knobs)).reshape(-1, knobs)

        def shift(play, _):
            return step(self.task, future, play, self.complete(wide))

        rewards = jax.lax.scan(shift, play, length=self.shifts)[1]
        return jnp.sum(rewards, 0).reshape(runs, many, self.futures).mean(-1)

    def futures_of(self, key, world: RunInputs, play: Play, many: int) -> tuple[RunInputs, Play]:
        """Each run ``many`` times over in ``futures`` futures, axis R * M * S."""
        who, left = jax.random.split(key)
        runs, futures = world.runs, self.futures
        other = jax.random.randint(who, (runs, futures), 1, runs)
        other = (jnp.arange(runs)[:, None] + other) % runs
        budget = jax.random.exponential(left, (runs, futures, world.processes))

        def spread(table):  # [R, S, ...] to [R * M * S, ...]
            shape = (runs, many, *table.shape[1:])
            return jnp.broadcast_to(table[:, None], shape).reshape(-1, *table.shape[2:])

        mine = jnp.repeat(jnp.arange(runs), many * futures)
        aged, clocks = lives.aim(world, play.state, play.state.operating_point.hazard)
        state = copied(play.state._replace(lives=aged, clocks=clocks), mine)
        state = state._replace(lives=state.lives._replace(left=spread(budget)))
        theirs = spread(other)
        booked = jnp.array([bool(line.visit) for line in self.task.facility.beamline])
        future, state = _experiments(world, booked, state, mine, theirs)
        future = future._replace(chance=world.chance[theirs])
        return future, Play(state, play.held[mine], play.shift, play.ordered[mine])


def _experiments(world: RunInputs, booked, state: State, mine, theirs) -> tuple[RunInputs, State]:
    """Runs ``mine`` with the experiments that have come, and such to come as runs ``theirs`` bring.

    Arrivals at random have no memory: the next is one gap from now. What is ``booked`` [B] is known.
    """
    come = state.lines.arrived.T[..., None]  # [N, B, 1]
    number = jnp.arange(world.arrive_h.shape[-1])[None, None]
    gaps = jnp.where(number < come, 0.0, jnp.diff(world.arrive_h, axis=-1, prepend=0.0)[theirs])
    random = state.t[:, None, None] + jnp.cumsum(gaps, axis=-1)
    arrive = jnp.where((number < come) | booked[None, :, None], world.arrive_h[mine], random)
    brought = jnp.where(number < come, *(jnp.diff(world.demand, axis=-1)[runs] for runs in (mine, theirs)))
    demand = jnp.pad(jnp.cumsum(brought, axis=-1), ((0, 0), (0, 0), (1, 0)))
    last = arrive.shape[-1]
    coming = jnp.take_along_axis(arrive, jnp.minimum(come, last - 1), axis=-1)
    coming = jnp.where(come < last, coming, NEVER)[..., 0].T
    world = shuffled(world, mine)._replace(arrive_h=arrive, demand=demand)
    return world, state._replace(lines=state.lines._replace(arrive_at=coming))


def copied(state: State, runs) -> State:
    """The states of some runs, by number; one may come several times."""

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

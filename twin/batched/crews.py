"""The repair crews of the batched engine: a free hand at once, or a place in the crew's queue."""

import jax.numpy as jnp

from twin.batched.arrays import INDEX, NOBODY, look_up, of_each, put
from twin.batched.state import Crews, Lives
from twin.batched.world import RunInputs


def _mine(world: RunInputs, process):
    """[C, R]: which crew repairs this process of each run."""
    crew = look_up(world.plant.crew, process)
    return jnp.arange(len(world.plant.crew_size))[:, None] == crew[None]


def _pick(mine, table):
    """[R]: the entry of each run's crew, nobody where none repairs."""
    return jnp.where(jnp.any(mine, axis=0), jnp.sum(mine * table, axis=0, dtype=INDEX), NOBODY)


def ask(world: RunInputs, crews: Crews, lives: Lives, process, row, asking):
    """Where ``asking``, the ``row`` of a process asks its crew; True where the repair begins at once.

    A process without a crew resets itself.
    """
    if not crews.busy.shape[0]:
        return crews, lives, asking
    mine = _mine(world, process) & asking[None]
    free = jnp.asarray(world.plant.crew_size)[:, None] > crews.busy
    starts, queues = mine & free, mine & ~free
    chained = queues & (crews.next != NOBODY)
    behind = put(lives.behind, _pick(chained, crews.last), row)
    crews = Crews(
        busy=crews.busy + starts,
        next=jnp.where(queues & ~chained, row[None], crews.next),
        last=jnp.where(queues, row[None], crews.last),
    )
    return crews, lives._replace(behind=behind), asking & ~jnp.any(queues, axis=0)


def release(world: RunInputs, crews: Crews, lives: Lives, process, done):
    """Where ``done``, the hand that repaired ``process`` is free; [R] the row it takes next, if any."""
    if not crews.busy.shape[0]:
        return crews, jnp.full_like(process, NOBODY)
    mine = _mine(world, process) & done[None]
    taken = _pick(mine, crews.next)
    following = jnp.where(taken == _pick(mine, crews.last), NOBODY, of_each(lives.behind, taken))
    called = mine & (crews.next != NOBODY)
    return crews._replace(
        busy=crews.busy - (mine & ~called), next=jnp.where(called, following[None], crews.next)
    ), taken

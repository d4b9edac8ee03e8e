"""The lives of the batched engine: what each failure process awaits on its own clock, and new laws.

A process that ages only with beam counts its life in hours of stored beam. When the beam goes, its clock
stands still and nothing else changes: lives are aimed anew only by their own renewal and by a new law.
"""

import jax
import jax.numpy as jnp
import numpy as np

from twin.batched.arrays import INDEX, NOBODY, SURE, earliest, put
from twin.batched.state import NEVER, Clocks, Lives, State
from twin.batched.world import CALENDAR, RunInputs
from twin.lifetimes.power import ageing, time_to_spend


def own_clock(world: RunInputs):
    """[P] the clock by which each process ages."""
    return jnp.asarray(world.plant.clock, INDEX)


def next_life(world: RunInputs, state: State):
    """(hour, row) of each run's next failure or end of repair; the lower row on a tie."""
    at_h, row = jnp.full_like(state.t, NEVER), jnp.full_like(state.block, NOBODY)
    if not world.processes:
        return at_h, row
    for clock in range(world.facts.clocks):
        due, who = _first(state.lives.due[clock], state.lives.first[clock])
        moment = jnp.where(state.clocks.running[clock], due + state.clocks.lag[clock], NEVER)
        sooner = (moment < at_h) | ((moment == at_h) & (who < row))
        at_h, row = jnp.where(sooner, moment, at_h), jnp.where(sooner, who, row)
    return at_h, row


def _first(due, first):
    """(moment, row) [R] of the first that is due on a clock, by the earliest of each block."""
    if not first.shape[1]:
        return earliest(due)
    least, block = earliest(first)
    size = due.shape[1] // first.shape[1]
    return least, size * block + earliest(_block(due, first, block))[1]


def _block(due, first, block):
    """[R, S]: one block of the rows of each run."""
    runs, blocks = first.shape
    place = jnp.arange(runs, dtype=INDEX) * blocks + jnp.minimum(block, blocks - 1)
    return due.reshape(runs * blocks, -1).at[place].get(**SURE)


def _earliest_of_blocks(due, first):
    """All of ``first`` [R, G] anew."""
    return jnp.min(due.reshape(*first.shape, -1), axis=2) if first.shape[1] else first


def await_moments(lives: Lives, clock: int, *moments) -> Lives:
    """Each of some rows [R] awaits its moment [R] on one clock: pairs of both."""
    due, first = lives.due[clock], lives.first[clock]
    for row, moment in moments:
        due = put(due, row, moment)
    for row, _ in moments if first.shape[1] else ():
        block = row // (due.shape[1] // first.shape[1])
        first = put(first, block, jnp.min(_block(due, first, block), axis=1))
    return lives._replace(due=_at(lives.due, clock, due), first=_at(lives.first, clock, first))


def _at(entries: tuple, index: int, entry) -> tuple:
    return (*entries[:index], entry, *entries[index + 1 :])


def aim(world: RunInputs, state: State, hazard) -> tuple[Lives, Clocks]:
    """All lives under a new law's hazard [R, P]: spend the old budget up to now, aim at what is left."""
    lives, clocks = state.lives, state.clocks
    if not world.processes:
        return lives, clocks
    own = own_clock(world)
    now, law_at = (state.t[None] - clocks.lag).T, clocks.law_at.T
    working = working_share(world, lives)
    aimed = jax.vmap(lambda *run: _aim_run(world, own, *run))
    left, fails = aimed(lives, now, law_at, state.operating_point.hazard * working, hazard * working)
    turns, due = lives.turns[:, : world.processes], []
    for clock, before in enumerate(lives.due):
        mine = jnp.where((own == clock)[None], fails, NEVER)
        awaited = jnp.where(turns % 2 == 0, mine, before[:, : world.processes])
        due.append(jnp.concatenate([awaited, before[:, world.processes :]], axis=1))
    first = tuple(_earliest_of_blocks(row, old) for row, old in zip(due, lives.first, strict=True))
    return lives._replace(left=left, due=tuple(due), first=first), clocks._replace(law_at=now.T)


def retire(world: RunInputs, state: State, wanted) -> State:
    """Of each process ``wanted`` [R, P] a unit that is up fails now, whatever is left of its budget.

    Its moment is put on the calendar's clock, which never stands still; the failure itself takes it off.
    """
    lives, processes = state.lives, world.processes
    if world.facts.several:
        up = lives.out < jnp.asarray(world.plant.units)[None]
    else:
        up = lives.turns[:, :processes] % 2 == 0
    before = lives.due[CALENDAR]
    due = jnp.where(wanted & up, state.t[:, None], before[:, :processes])
    due = jnp.concatenate([due, before[:, processes:]], axis=1)
    first = _earliest_of_blocks(due, lives.first[CALENDAR])
    lives = lives._replace(due=_at(lives.due, CALENDAR, due), first=_at(lives.first, CALENDAR, first))
    return state._replace(lives=lives)


def working_share(world: RunInputs, lives: Lives):
    """[R, P] of the units of each process; 1 where a unit apart is its own row."""
    if not world.facts.several:
        return 1.0
    return 1.0 - lives.out / jnp.asarray(world.plant.units)[None]


def _aim_run(world: RunInputs, own, lives: Lives, now, law_at, old, new):
    """Of one run: (budget left, own time of failure) [P] each."""
    now, since = now[own], jnp.maximum(lives.born, law_at[own])
    # a clock that stood still since the birth may be an ulp behind
    age_h = jnp.maximum(now - lives.born, 0.0)
    used = _spent(world, age_h, old) - _spent(world, since - lives.born, old)
    left = jnp.maximum(lives.left - used, 0.0)
    return left, now + jnp.where(new > 0, _time_left(world, age_h, left, new), NEVER)


def _spent(world: RunInputs, age_h, hazard):
    """``ageing`` [P], with the power only where the shape is not 1."""
    spent = hazard * age_h
    if not world.facts.ageing:
        return spent
    old = np.array(world.facts.ageing)
    shape = jnp.asarray(world.plant.shape)[old]
    return spent.at[old].set(ageing(age_h[old], hazard[old], shape))


def _time_left(world: RunInputs, age_h, left, hazard):
    """``time_to_spend`` [P], with the powers only where the shape is not 1."""
    hours = left / hazard
    if not world.facts.ageing:
        return hours
    old = np.array(world.facts.ageing)
    shape = jnp.asarray(world.plant.shape)[old]
    return hours.at[old].set(time_to_spend(age_h[old], left[old], hazard[old], shape))

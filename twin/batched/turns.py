"""The turns of a failure process in the batched engine: it fails, is diagnosed, repaired, conditioned, renewed."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from twin.batched import crews
from twin.batched.arrays import INDEX, NOBODY, look_up, of_each, put
from twin.batched.lives import await_moments, own_clock
from twin.batched.state import NEVER, Lives, State
from twin.batched.world import CALENDAR, RunInputs
from twin.lifetimes.power import ageing, time_to_spend

REPAIR, DIAGNOSIS, CONDITIONING = range(3)


class Transition(NamedTuple):
    """What the event of a run's row means, [R] each; of nothing where no row's moment has come."""

    process: Any  # whose row it is
    row: Any  # what is out of service: the process, or the place that one of its like units takes
    many: Any  # the process is of like units
    ordinal: Any  # of the row's turns
    failing: Any
    fixed: Any
    asks: Any  # for its crew
    done: Any  # the crew's hand is free
    wait_h: Any  # hours of diagnosis or conditioning that begin, else 0


def read(world: RunInputs, lives: Lives, row) -> Transition:
    """The turn of the ``row`` [R] whose moment has come."""
    mine, turns = row < NOBODY, of_each(lives.turns, row)
    failing = mine & (turns % 2 == 0)
    back, process, many = mine & ~failing, _owner(world, row), jnp.zeros_like(mine)
    if world.facts.several:
        many = mine & (look_up(world.plant.units, process) > 1)
        row = jnp.where(many & failing, of_each(lives.free, process), row)
    turn = Transition(process, row, many, turns + 1, failing, back, failing, back, jnp.zeros(world.runs))
    return _staged(world, lives, turn) if world.facts.staged else turn


def _owner(world: RunInputs, row):
    """The process of each run's row."""
    return jnp.where(row < NOBODY, look_up(world.owner, row), NOBODY) if world.facts.several else row


def _staged(world: RunInputs, lives: Lives, turn: Transition) -> Transition:
    """The same where there may be a diagnosis before the crew comes, or conditioning after its repair."""
    stage = of_each(lives.stage, turn.row)
    before_h = look_up(world.plant.diagnosis_h, turn.process)
    after_h = look_up(world.plant.conditioning_h, turn.process)
    told, done = turn.fixed & (stage == DIAGNOSIS), turn.fixed & (stage == REPAIR)
    fixed = turn.fixed & ~told & ~(done & (after_h > 0))
    return turn._replace(
        ordinal=turn.ordinal - ~(turn.failing | fixed),
        fixed=fixed,
        asks=told | (turn.failing & (before_h == 0)),
        done=done,
        wait_h=jnp.where(turn.failing, before_h, jnp.where(done, after_h, 0.0)),
    )


def happen(world: RunInputs, state: State, turn: Transition) -> State:
    """The turn's consequences for its process and its crew."""
    lives, row = state.lives, turn.row
    changes = turn.failing | turn.fixed
    moved = jnp.where(changes, turn.process, NOBODY)
    now, clock = _own_time(world, state, turn.process)
    drawn = _drawn(world, turn.process, turn.ordinal)
    born, left, fails = _alone(world, state, turn, now, clock, drawn)
    renewed = jnp.where(turn.fixed, turn.process, NOBODY)
    if world.facts.several:
        left_now, fails_now = _among_like(world, state, turn, now, clock)
        born, renewed = jnp.where(turn.many, now, born), jnp.where(turn.many, moved, renewed)
        left, fails = jnp.where(turn.many, left_now, left), jnp.where(turn.many, fails_now, fails)
        lives = _change_places(lives, turn, moved)
    hands, lives, starts = crews.ask(world, state.crews, lives, turn.process, row, turn.asks)
    hands, called = crews.release(world, hands, lives, turn.process, turn.done)
    since = jnp.where(turn.failing, -state.t, jnp.where(turn.fixed, state.t, 0.0))
    lives = lives._replace(
        turns=_count(world, lives, turn),
        born=put(lives.born, moved, born),
        left=put(lives.left, renewed, left),
        down_h=put(lives.down_h, turn.process, of_each(lives.down_h, turn.process) + since),
    )
    ends = jnp.where(starts, state.t + drawn, NEVER)
    if world.facts.staged:
        ends = jnp.where(turn.wait_h > 0, state.t + turn.wait_h, ends)
        stage = jnp.where(turn.failing, DIAGNOSIS, CONDITIONING)
        stage = jnp.where(turn.wait_h > 0, stage, REPAIR).astype(INDEX)
        lives = lives._replace(stage=put(lives.stage, row, stage))
    return state._replace(lives=_aim(world, state, lives, turn, clock, fails, ends, called), crews=hands)


def _own_time(world: RunInputs, state: State, process):
    """(own time, clock) [R] by which a process ages."""
    clock, now = look_up(own_clock(world), process), state.t
    for other in range(1, world.facts.clocks):
        now = jnp.where(clock == other, state.t - state.clocks.lag[other], now)
    return now, clock


def _drawn(world: RunInputs, process, ordinal):
    """What a process awaits after so many turns; the last draws stand in once they are used up."""
    last = world.chance.shape[-1] - 2
    return of_each(world.chance, process, jnp.minimum(ordinal, last + ordinal % 2))


def _alone(world: RunInputs, state: State, turn: Transition, now, clock, drawn):
    """(born, budget left, own time of failure) [R] of a unit apart after its turn."""
    born = of_each(state.lives.born, turn.process)
    hazard = of_each(state.operating_point.hazard, turn.process)
    age_h, hours, counted = jnp.zeros_like(born), drawn / hazard, 0.0
    shape = look_up(world.plant.shape, turn.process)
    if world.facts.minimal:  # what ``aim`` will count as spent under the present law before this repair
        age_h = jnp.where(look_up(world.plant.minimal, turn.process), born, 0.0)
        young_h = jnp.maximum(age_h - now + of_each(state.clocks.law_at.T, clock), 0.0)
        counted = ageing(age_h, hazard, shape) - ageing(young_h, hazard, shape)
    if world.facts.ageing:
        hours = time_to_spend(age_h, drawn, hazard, shape)
    fails = now + jnp.where(hazard > 0, hours, NEVER)
    return jnp.where(turn.failing, now - born, now - age_h), drawn + counted, fails


def _among_like(world: RunInputs, state: State, turn: Transition, now, clock):
    """(budget left, own time of failure) [R] of like units after the turn of one: exponential, at their sum."""
    lives, units = state.lives, look_up(world.plant.units, turn.process)
    hazard = of_each(state.operating_point.hazard, turn.process) / units
    up = units - of_each(lives.out, turn.process)
    since = jnp.maximum(of_each(lives.born, turn.process), of_each(state.clocks.law_at.T, clock))
    left = jnp.maximum(of_each(lives.left, turn.process) - hazard * up * (now - since), 0.0)
    left = jnp.where(turn.failing, _drawn(world, turn.process, turn.ordinal + 1), left)
    rate = hazard * (up - turn.failing + turn.fixed)
    return left, now + jnp.where(rate > 0, left / rate, NEVER)


def _change_places(lives: Lives, turn: Transition, moved) -> Lives:
    """A unit more is down, or less; one of like units takes the first free place or, back, leaves its own as that."""
    taken, left = turn.many & turn.failing, turn.many & turn.fixed
    change = turn.failing.astype(INDEX) - turn.fixed
    following, first = of_each(lives.behind, turn.row), of_each(lives.free, turn.process)
    return lives._replace(
        out=put(lives.out, moved, of_each(lives.out, turn.process) + change),
        behind=put(lives.behind, jnp.where(left, turn.row, NOBODY), first),
        free=put(
            lives.free, jnp.where(taken | left, turn.process, NOBODY), jnp.where(taken, following, turn.row)
        ),
    )


def _count(world: RunInputs, lives: Lives, turn: Transition):
    """The turns; like units make two at each failure, and the one that fails keeps the first."""
    turns = put(lives.turns, turn.row, turn.ordinal)
    if not world.facts.several:
        return turns
    return put(turns, jnp.where(turn.many & turn.failing, turn.process, NOBODY), turn.ordinal + 1)


def _aim(world: RunInputs, state: State, lives: Lives, turn: Transition, clock, fails, ends, called) -> Lives:
    """What the row, its process and the row that the crew has ``called`` await from now on."""
    several = world.facts.several
    lasts = turn.many | turn.fixed
    aimed = jnp.where(turn.many & ~(turn.failing | turn.fixed), NOBODY, turn.process) if several else turn.row
    for other in range(1, world.facts.clocks):
        lives = await_moments(lives, other, (aimed, jnp.where((clock == other) & lasts, fails, NEVER)))
    by_calendar = jnp.where(clock == CALENDAR, fails, NEVER)
    moments = [(turn.row, jnp.where(turn.fixed & ~turn.many, by_calendar, ends))]
    if several:
        moments.append((jnp.where(turn.many, aimed, NOBODY), by_calendar))
    if len(world.plant.crew_size):
        hours = _drawn(world, _owner(world, called), of_each(lives.turns, called))
        moments.append((called, state.t + hours))
    return await_moments(lives, CALENDAR, *moments)

"""The stored beam of the batched engine: its current, its own events, and how it follows the plant."""

import jax.numpy as jnp

from twin import laws
from twin.batched.arrays import look_up
from twin.batched.state import NEVER, Beam, State
from twin.batched.world import RunInputs
from twin.beam_states import OFF, RESTARTING, STORED
from twin.reference import DECAY, FILL, HOLD
from twin.tree import DISTORT, DUMP, INJECTION


def current_ma(world: RunInputs, state: State, t):
    """[R] the stored current at ``t``, before any event there."""
    beam = state.beam
    if not world.facts.ring:
        return beam.current
    hours = t - beam.since
    decayed = laws.decay(beam.current, state.operating_point.gas, state.operating_point.touschek, hours, jnp)
    filled = beam.current + world.plant.fill_per_h * hours
    moved = jnp.where(beam.regime == DECAY, decayed, jnp.where(beam.regime == FILL, filled, beam.current))
    return jnp.where(beam.mode == STORED, moved, beam.current)


def injector_up(state: State):
    return state.down[INJECTION] == 0


def machine_down(state: State):
    return jnp.any(state.down > 0, axis=0)


def is_low(world: RunInputs, state: State):
    beam = state.beam
    return (beam.regime == DECAY) & (beam.current <= world.plant.low_share * state.operating_point.target)


def is_good(world: RunInputs, state: State):
    """Beam as promised to the users."""
    steady = (state.beam.mode == STORED) & (state.beam.regime != FILL) & ~is_low(world, state)
    return steady & (state.down[DISTORT] == 0)


def beam_event(world: RunInputs, state: State, due) -> Beam:
    """Where ``due``: restart over, target reached, or current too low."""
    beam, target = state.beam, state.operating_point.target
    restarted = beam.mode == RESTARTING
    reached = (beam.regime == FILL) | (injector_up(state) & (beam.current > target))
    at = jnp.where(reached, target, world.plant.low_share * target)
    at = jnp.where(restarted, 0.0 if world.facts.ring else target, at)
    return beam._replace(
        mode=jnp.where(due & restarted, STORED, beam.mode),
        current=jnp.where(due, at, beam.current),
        since=jnp.where(due, state.t, beam.since),
    )


def settle_beam(world: RunInputs, state: State, now_ma, new_piece):
    """Follow the faults, the calendar and the injector; (beam, current now, the curve has a new piece)."""
    beam, t = state.beam, state.t
    may_start = injector_up(state) if world.facts.ring else True
    wanted = look_up(world.calendar.beam, state.block)
    stop = ~wanted | (state.down[DUMP] > 0) | ((beam.mode == RESTARTING) & jnp.logical_not(may_start))
    begin = ~stop & (beam.mode == OFF) & may_start
    mode = jnp.where(stop, OFF, jnp.where(begin, RESTARTING, beam.mode))
    lost = (beam.mode == STORED) & (mode == OFF)
    due = jnp.where(begin, t + world.plant.restart_h, jnp.where(stop, NEVER, beam.due))
    now_ma = jnp.where(lost, 0.0, now_ma)
    regime = _regime(world, state, now_ma)
    moves = (mode == STORED) & ((regime != beam.regime) | new_piece)
    changed = moves | lost
    return Beam(
        mode=mode,
        regime=jnp.where(moves, regime, beam.regime),
        current=jnp.where(changed, now_ma, beam.current),
        since=jnp.where(changed, t, beam.since),
        due=jnp.where(moves, t + _hours_to_next(world, state, regime, now_ma), due),
    ), now_ma, changed  # fmt: skip


def _regime(world: RunInputs, state: State, now_ma):
    if not world.facts.ring:
        return jnp.full_like(state.beam.regime, HOLD)
    target, up = state.operating_point.target, injector_up(state)
    return jnp.where(up & (now_ma == target), HOLD, jnp.where(up & (now_ma < target), FILL, DECAY))


def _hours_to_next(world: RunInputs, state: State, regime, now_ma):
    """Hours to the beam's next own event: full, or fallen to the target or to the lower limit."""
    if not world.facts.ring:
        return NEVER
    target = state.operating_point.target
    goal = jnp.where(injector_up(state), target, world.plant.low_share * target)
    falls = laws.decay_time(now_ma, goal, state.operating_point.gas, state.operating_point.touschek, jnp)
    falls = jnp.where(now_ma > goal, falls, NEVER)
    fills = (target - now_ma) / world.plant.fill_per_h
    return jnp.where(regime == HOLD, NEVER, jnp.where(regime == FILL, fills, falls))

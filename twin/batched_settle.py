"""The batched engine after an event: crews, beam, beamlines and ageing follow what has happened."""

import jax.numpy as jnp
import numpy as np

from twin import laws
from twin.batched_state import (
    ALIVE,
    NEVER,
    REPAIRING,
    WAITING,
    BeamState,
    Lives,
    State,
    World,
    any_down,
    current_ma,
    draw_of,
    is_good,
    is_low,
    queue_of,
)
from twin.plant import BEAMLINE, DISTORT, DUMP, INJECTION
from twin.reference import DECAY, FILL, HOLD, OFF, RESTARTING, STORED


def _call_crews(world: World, state: State) -> State:
    """Each crew with a free hand takes the one that has waited longest."""
    lives, crew = state.lives, world.plant.crew
    hours = laws.repair_h(
        world.plant.repair_mu, world.plant.repair_sigma, draw_of(world.draws.repair_z, lives.ordinal), jnp
    )
    for c in range(len(world.plant.crew_size)):
        mine = crew == c
        free = world.plant.crew_size[c] > jnp.sum(mine & (lives.status == REPAIRING))
        waiting = mine & (lives.status == WAITING)
        first = jnp.arange(len(crew)) == jnp.argmin(jnp.where(waiting, lives.asked, NEVER))
        taken = first & waiting & free
        lives = lives._replace(
            status=jnp.where(taken, REPAIRING, lives.status),
            due=jnp.where(taken, state.t + hours, lives.due),
        )
    return state._replace(lives=lives)


def _settle_beam(world: World, state: State, new_piece):
    """Follow the faults, the calendar and the injector; True if the curve has a new piece."""
    beam, plant, target = state.beam, world.plant, state.drive.target
    injector_up = ~any_down(world, state.lives, INJECTION)
    may_start = injector_up | ~plant.ring
    wanted = world.calendar.beam[state.block]
    stop = ~wanted | any_down(world, state.lives, DUMP) | ((beam.mode == RESTARTING) & ~may_start)
    begin = ~stop & (beam.mode == OFF) & may_start
    mode = jnp.where(stop, OFF, jnp.where(begin, RESTARTING, beam.mode))
    lost = (beam.mode == STORED) & (mode == OFF)
    due = jnp.where(begin, state.t + plant.restart_h, jnp.where(stop, NEVER, beam.due))
    now_ma = jnp.where(lost, 0.0, current_ma(world, state, state.t))
    regime = jnp.where(injector_up & (now_ma < target), FILL, DECAY)
    regime = jnp.where(~plant.ring | (injector_up & (now_ma == target)), HOLD, regime)
    stored = mode == STORED
    moves = stored & ((regime != beam.regime) | new_piece)
    low = plant.low_share * target
    goal = jnp.where(injector_up, target, low)
    falls = laws.decay_time(now_ma, goal, state.drive.gas, state.drive.touschek, jnp)
    hours = jnp.where(
        regime == FILL, (target - now_ma) / plant.fill_per_h, jnp.where(now_ma > goal, falls, NEVER)
    )
    hours = jnp.where(regime == HOLD, NEVER, hours)
    changed = moves | lost
    beam = BeamState(
        mode=mode,
        regime=jnp.where(moves, regime, beam.regime),
        current=jnp.where(changed, now_ma, beam.current),
        since=jnp.where(changed, state.t, beam.since),
        due=jnp.where(moves, state.t + hours, due),
    )
    return state._replace(beam=beam), changed


def _settle_lines(world: World, state: State, changed, flux_before) -> State:
    """Heat or cool, spoil, measure or wait; find when each queue will be empty."""
    plant, lines, t = world.plant, state.lines, state.t
    at_line = (plant.effect == BEAMLINE) & (state.lives.status != ALIVE)
    fault = jnp.any(at_line[:, None] & (plant.line[:, None] == jnp.arange(len(plant.flux))[None]), axis=0)
    heated = (state.beam.mode == STORED) & world.calendar.open[state.block] & ~fault
    cools, heats = lines.heated & ~heated, heated & ~lines.heated
    owed = laws.warmup_left(lines.warm_left, t - lines.dark_since, plant.warmup_h, plant.warmup_tau_h, jnp)
    share = laws.exchange_share(jnp.maximum(flux_before, 1e-12), plant.exchange_h, plant.exposure_h)
    spoilt = cools & (lines.done - jnp.floor(lines.done) > share)
    lines = lines._replace(
        done=jnp.where(spoilt, jnp.floor(lines.done), lines.done),
        heated=heated,
        warm_left=jnp.where(cools, jnp.maximum(lines.warm_at - t, 0.0), lines.warm_left),
        dark_since=jnp.where(cools, t, lines.dark_since),
        warm_at=jnp.where(heats, t + owed, jnp.where(cools, NEVER, lines.warm_at)),
    )
    left = queue_of(world, lines) - lines.done
    measuring = heated & (t >= lines.warm_at) & is_good(world, state) & (left > 0)
    aims = (measuring != lines.measuring) | changed
    now_ma = current_ma(world, state, t)
    empty = t + _hours_to_empty(world, state, left, now_ma)
    lines = lines._replace(
        measuring=measuring,
        since_ma=jnp.where(aims, now_ma, lines.since_ma),
        empty_at=jnp.where(aims, jnp.where(measuring, empty, NEVER), lines.empty_at),
    )
    return state._replace(lines=lines, tally=state.tally._replace(spoilt=state.tally.spoilt + spoilt))


def _hours_to_empty(world: World, state: State, left, now_ma):
    plant, per_ma = world.plant, state.drive.flux_per_ma
    losses = state.drive.gas, state.drive.touschek
    held = left * laws.sample_h(per_ma * state.beam.current, plant.exchange_h, plant.exposure_h)
    at_ma = laws.decay_for_samples(now_ma, left, *losses, plant.exchange_h, plant.exposure_h, per_ma, jnp)
    falls = jnp.where(at_ma > 0, laws.decay_time(now_ma, at_ma, *losses, jnp), NEVER)
    return jnp.where(state.beam.regime == HOLD, held, falls)


def aged(state: State, t) -> Lives:
    """Age the running processes up to ``t`` at the present hazard."""
    return state.lives._replace(
        age_h=jnp.where(state.lives.running, state.lives.age_h + t - state.lives.since, state.lives.age_h),
        since=jnp.full_like(state.lives.since, t),
    )


def spent(world: World, age_h, hazard):
    """``laws.ageing``, with the power only where the shape is not 1."""
    spent = hazard * age_h
    if not world.ageing:
        return spent
    old = np.array(world.ageing)
    return spent.at[old].set(laws.ageing(age_h[old], hazard[old], world.plant.shape[old]))


def _time_left(world: World, age_h, left, hazard):
    """``laws.time_to_spend``, with the powers only where the shape is not 1."""
    hours = left / hazard
    if not world.ageing:
        return hours
    old = np.array(world.ageing)
    return hours.at[old].set(laws.time_to_spend(age_h[old], left[old], hazard[old], world.plant.shape[old]))


def _settle_lives(world: World, state: State, new_law) -> State:
    """Start or stop ageing; find when each budget will be spent."""
    plant, lives, hazard = world.plant, state.lives, state.drive.hazard
    alive = lives.status == ALIVE
    running = alive & ((state.beam.mode == STORED) | ~plant.with_beam)
    changed = (running != lives.running) | new_law
    older = aged(state, state.t)
    used = spent(world, older.age_h, hazard) - spent(world, lives.age_h, hazard)
    left = jnp.where(changed & lives.running, lives.left - used, lives.left)
    age_h = jnp.where(changed, older.age_h, lives.age_h)
    due = state.t + _time_left(world, age_h, jnp.maximum(left, 0.0), hazard)
    due = jnp.where(running & (hazard > 0), due, NEVER)
    return state._replace(
        lives=lives._replace(
            running=running,
            age_h=age_h,
            left=left,
            since=jnp.where(changed, older.since, lives.since),
            due=jnp.where(alive & changed, due, lives.due),
        )
    )


def _judge_outage(world: World, state: State) -> State:
    """Count an outage of user time when it begins, unless it follows the last too closely."""
    broken = (state.beam.mode != STORED) | is_low(world, state) | any_down(world, state.lives, DISTORT)
    outage = broken & world.calendar.user[state.block]
    counts = outage & ~state.outage & (state.t - state.back_at >= world.plant.merge_h)
    return state._replace(
        good=is_good(world, state),
        outage=outage,
        back_at=jnp.where(state.outage & ~outage, state.t, state.back_at),
        tally=state.tally._replace(failures=state.tally.failures + counts),
    )


def settle(world: World, state: State, flux_before, new_law, new_piece, arrived) -> State:
    state = _call_crews(world, state)
    state, changed = _settle_beam(world, state, new_piece)
    state = _settle_lines(world, state, changed | new_piece | arrived, flux_before)
    state = _settle_lives(world, state, new_law)
    return _judge_outage(world, state)

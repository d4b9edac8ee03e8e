"""The batched engine's events: what is awaited next, the hours booked until then, and what it changes."""

import jax.numpy as jnp

from twin import laws
from twin.batched_state import (
    ALIVE,
    NEVER,
    REPAIRING,
    WAITING,
    State,
    World,
    any_down,
    current_ma,
    draw_of,
    machine_down,
    queue_of,
)
from twin.plant import BEAMLINE, INJECTION
from twin.reference import FILL, HOLD, RESTARTING, STORED


def awaited(world: World, state: State, until_h):
    """The next moment of each source: processes, beam, warm-ups, queues, arrivals, calendar, end."""
    lines = state.lines
    last = world.draws.arrive_h.shape[-1]
    row = jnp.minimum(lines.arrived, last - 1)
    arrival = jnp.take_along_axis(world.draws.arrive_h, row[:, None], axis=-1)[:, 0]
    warming = lines.heated & (state.t < lines.warm_at)
    return jnp.concatenate([
        state.lives.due,
        state.beam.due[None],
        jnp.where(warming, lines.warm_at, NEVER),
        lines.empty_at,
        jnp.where(lines.arrived < last, arrival, NEVER),
        world.calendar.end_h[state.block][None],
        until_h[None],
    ])  # fmt: skip


def count(world: World, state: State, t) -> State:
    """Book the hours up to ``t`` under the state there is, and the samples under the beam there is."""
    hours = jnp.where(world.calendar.user[state.block], t - state.t, 0.0)
    tally = state.tally
    tally = tally._replace(
        user_h=tally.user_h + hours,
        delivered_h=tally.delivered_h + hours * state.good,
        lost_h=tally.lost_h.at[state.cause].add(hours * ~state.good),
        open_h=tally.open_h + hours * world.calendar.open[state.block],
    )
    now_ma = current_ma(world, state, t)
    plant, lines = world.plant, state.lines
    per_ma = state.drive.flux_per_ma
    held = (t - lines.since) / laws.sample_h(per_ma * now_ma, plant.exchange_h, plant.exposure_h)
    decayed = laws.samples_in_decay(
        lines.since_ma,
        now_ma,
        state.drive.gas,
        state.drive.touschek,
        plant.exchange_h,
        plant.exposure_h,
        per_ma,
        jnp,
    )
    gain = jnp.where(lines.measuring, jnp.where(state.beam.regime == HOLD, held, decayed), 0.0)
    since_ma = jnp.broadcast_to(now_ma, lines.since_ma.shape)
    lines = lines._replace(done=lines.done + gain, since=jnp.full_like(lines.since, t), since_ma=since_ma)
    return state._replace(t=t, tally=tally, lines=lines)


def happen(world: World, state: State, index):
    """Change what the event itself changes; True if the beam's curve has a new piece."""
    processes, lines = len(world.plant.shape), len(world.plant.flux)
    place = jnp.arange(processes)
    mine = place == index
    failing = mine & (state.lives.status == ALIVE)
    state = _fail(world, state, failing)
    state = _renew(world, state, mine & ~failing)
    state, new_piece = _beam_event(world, state, index == processes)
    line = jnp.arange(lines)
    emptied = line == index - processes - 1 - lines
    arrived = line == index - processes - 1 - 2 * lines
    queue = state.lines
    done = jnp.where(emptied, queue_of(world, queue), queue.done)
    count = queue.arrived + arrived
    turned = index == processes + 1 + 3 * lines
    cause = jnp.where(turned & ~machine_down(world, state.lives), processes, state.cause)
    spent = state.tally.exhausted | jnp.any(count >= world.draws.arrive_h.shape[-1])
    return state._replace(
        lines=queue._replace(done=done, arrived=count),
        block=state.block + turned,
        cause=cause,
        tally=state.tally._replace(exhausted=spent),
    ), new_piece, jnp.any(arrived)  # fmt: skip


def _fail(world: World, state: State, failing) -> State:
    lives, tally = state.lives, state.tally
    alone = failing & (world.plant.crew < 0)
    z = draw_of(world.draws.repair_z, lives.ordinal)
    hours = laws.repair_h(world.plant.repair_mu, world.plant.repair_sigma, z, jnp)
    status = jnp.where(alone, REPAIRING, jnp.where(failing, WAITING, lives.status))
    due = jnp.where(alone, state.t + hours, jnp.where(failing, NEVER, lives.due))
    begins = state.good | ~machine_down(world, lives)
    begins &= jnp.any(failing & (world.plant.effect != BEAMLINE))
    return state._replace(
        lives=lives._replace(
            status=status,
            due=due,
            running=lives.running & ~failing,
            asked=jnp.where(failing, state.t, lives.asked),
        ),
        cause=jnp.where(begins, jnp.sum(failing * jnp.arange(len(failing))), state.cause),
        tally=tally._replace(failures_by=tally.failures_by + failing),
    )


def _renew(world: World, state: State, fixed) -> State:
    lives = state.lives
    ordinal = lives.ordinal + fixed
    return state._replace(
        lives=lives._replace(
            status=jnp.where(fixed, ALIVE, lives.status),
            due=jnp.where(fixed, NEVER, lives.due),
            ordinal=ordinal,
            age_h=jnp.where(fixed, 0.0, lives.age_h),
            left=jnp.where(fixed, draw_of(world.draws.budget, ordinal), lives.left),
            since=jnp.where(fixed, state.t, lives.since),
        ),
        tally=state.tally._replace(
            exhausted=state.tally.exhausted | jnp.any(fixed & (ordinal >= world.draws.budget.shape[-1]))
        ),
    )


def _beam_event(world: World, state: State, due):
    """Restart over, target reached, or current too low."""
    beam, target = state.beam, state.drive.target
    restarted = due & (beam.mode == RESTARTING)
    injector_up = ~any_down(world, state.lives, INJECTION)
    reached = (beam.regime == FILL) | (injector_up & (beam.current > target))
    start = jnp.where(world.plant.ring, 0.0, target)
    at = jnp.where(restarted, start, jnp.where(reached, target, world.plant.low_share * target))
    return state._replace(
        beam=beam._replace(
            mode=jnp.where(restarted, STORED, beam.mode),
            current=jnp.where(due, at, beam.current),
            since=jnp.where(due, state.t, beam.since),
        )
    ), due  # fmt: skip

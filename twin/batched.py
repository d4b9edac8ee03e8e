"""The batched engine: thousands of runs at once in JAX, equal to the reference event for event.

One run is a state of fixed size and a step that finds the earliest of the awaited moments, moves
there and settles. ``vmap`` makes many of them; plant, law and draws are arguments of the compiled
program, so another facility of the same shape costs no new compilation.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from twin import laws
from twin.draws import Draws
from twin.outcome import Tally
from twin.plant import BEAMLINE, DISTORT, DUMP, INJECTION, Drive, Law, Plant, drive
from twin.reference import DECAY, FILL, HOLD, OFF, RESTARTING, STORED
from twin.scenario import Calendar, Scenario

ALIVE, WAITING, REPAIRING = range(3)
NEVER = laws.NEVER


class Lives(NamedTuple):
    """The failure processes, [P] each."""

    status: Any
    running: Any
    age_h: Any
    left: Any
    since: Any
    due: Any  # of the failure, or of the end of the repair
    asked: Any  # when the crew was asked for
    ordinal: Any


class BeamState(NamedTuple):
    """The stored beam: mode, regime, and the current's curve from its last new piece on."""

    mode: Any
    regime: Any
    current: Any
    since: Any
    due: Any


class Lines(NamedTuple):
    """The beamlines, [B] each."""

    done: Any
    arrived: Any
    since: Any
    since_ma: Any
    heated: Any
    measuring: Any
    warm_left: Any
    dark_since: Any
    warm_at: Any
    empty_at: Any


class State(NamedTuple):
    """One run between two events."""

    t: Any
    drive: Drive
    lives: Lives
    beam: BeamState
    lines: Lines
    block: Any
    cause: Any
    good: Any
    outage: Any
    back_at: Any
    tally: Tally


@jax.tree_util.register_static
class Ageing(tuple):
    """Indices of the processes with a Weibull shape other than 1: powers are taken of these alone."""


class World(NamedTuple):
    """What a run does not change: its plant, its chance, its calendar."""

    plant: Plant
    draws: Draws
    calendar: Calendar
    ageing: Ageing


def world(plant: Plant, draws: Draws, calendar: Calendar) -> World:
    """The world of R runs, one for each run of ``draws``."""
    return World(plant, draws, calendar, Ageing(np.flatnonzero(np.asarray(plant.shape) != 1.0).tolist()))


class Signal(NamedTuple):
    """The event of one step: when, and its place in the row of awaited moments (-1: none)."""

    at_h: Any
    index: Any


def _current(world: World, state: State, t):
    beam, hours = state.beam, t - state.beam.since
    decayed = laws.decay(beam.current, state.drive.gas, state.drive.touschek, hours, jnp)
    filled = beam.current + world.plant.fill_per_h * hours
    moved = jnp.where(beam.regime == DECAY, decayed, jnp.where(beam.regime == FILL, filled, beam.current))
    return jnp.where(beam.mode == STORED, moved, beam.current)


def _down(world: World, lives: Lives, effect: int):
    return jnp.any((lives.status != ALIVE) & (world.plant.effect == effect))


def _machine_down(world: World, lives: Lives):
    return jnp.any((lives.status != ALIVE) & (world.plant.effect != BEAMLINE))


def _low(world: World, state: State):
    beam = state.beam
    return (beam.regime == DECAY) & (beam.current <= world.plant.low_share * state.drive.target)


def _good(world: World, state: State):
    steady = (state.beam.mode == STORED) & (state.beam.regime != FILL) & ~_low(world, state)
    return steady & ~_down(world, state.lives, DISTORT)


def _draw(table, ordinal):
    """The draw of each process's present life; the last one stands in once they are used up."""
    row = jnp.minimum(ordinal, table.shape[-1] - 1)
    return jnp.take_along_axis(table, row[:, None], axis=-1)[:, 0]


def _queue(world: World, lines: Lines):
    row = jnp.minimum(lines.arrived, world.draws.demand.shape[-1] - 1)
    return jnp.take_along_axis(world.draws.demand, row[:, None], axis=-1)[:, 0]


def _awaited(world: World, state: State, until_h):
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


def _count(world: World, state: State, t) -> State:
    """Book the hours up to ``t`` under the state there is, and the samples under the beam there is."""
    hours = jnp.where(world.calendar.user[state.block], t - state.t, 0.0)
    tally = state.tally
    tally = tally._replace(
        user_h=tally.user_h + hours,
        delivered_h=tally.delivered_h + hours * state.good,
        lost_h=tally.lost_h.at[state.cause].add(hours * ~state.good),
        open_h=tally.open_h + hours * world.calendar.open[state.block],
    )
    now_ma = _current(world, state, t)
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


def _happen(world: World, state: State, index):
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
    done = jnp.where(emptied, _queue(world, queue), queue.done)
    count = queue.arrived + arrived
    turned = index == processes + 1 + 3 * lines
    cause = jnp.where(turned & ~_machine_down(world, state.lives), processes, state.cause)
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
    z = _draw(world.draws.repair_z, lives.ordinal)
    hours = laws.repair_h(world.plant.repair_mu, world.plant.repair_sigma, z, jnp)
    status = jnp.where(alone, REPAIRING, jnp.where(failing, WAITING, lives.status))
    due = jnp.where(alone, state.t + hours, jnp.where(failing, NEVER, lives.due))
    begins = state.good | ~_machine_down(world, lives)
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
            left=jnp.where(fixed, _draw(world.draws.budget, ordinal), lives.left),
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
    injector_up = ~_down(world, state.lives, INJECTION)
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


def _call_crews(world: World, state: State) -> State:
    """Each crew with a free hand takes the one that has waited longest."""
    lives, crew = state.lives, world.plant.crew
    hours = laws.repair_h(
        world.plant.repair_mu, world.plant.repair_sigma, _draw(world.draws.repair_z, lives.ordinal), jnp
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
    injector_up = ~_down(world, state.lives, INJECTION)
    may_start = injector_up | ~plant.ring
    wanted = world.calendar.beam[state.block]
    stop = ~wanted | _down(world, state.lives, DUMP) | ((beam.mode == RESTARTING) & ~may_start)
    begin = ~stop & (beam.mode == OFF) & may_start
    mode = jnp.where(stop, OFF, jnp.where(begin, RESTARTING, beam.mode))
    lost = (beam.mode == STORED) & (mode == OFF)
    due = jnp.where(begin, state.t + plant.restart_h, jnp.where(stop, NEVER, beam.due))
    now_ma = jnp.where(lost, 0.0, _current(world, state, state.t))
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
    fault = jnp.any(at_line[:, None] & (plant.line[:, None] == jnp.arange(len(plant.flux))), axis=0)
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
    left = _queue(world, lines) - lines.done
    measuring = heated & (t >= lines.warm_at) & _good(world, state) & (left > 0)
    aims = (measuring != lines.measuring) | changed
    now_ma = _current(world, state, t)
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


def _spend(state: State, t) -> Lives:
    """Age the running processes up to ``t`` at the present hazard."""
    return state.lives._replace(
        age_h=jnp.where(state.lives.running, state.lives.age_h + t - state.lives.since, state.lives.age_h),
        since=jnp.full_like(state.lives.since, t),
    )


def _spent(world: World, age_h, hazard):
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
    aged = _spend(state, state.t)
    used = _spent(world, aged.age_h, hazard) - _spent(world, lives.age_h, hazard)
    left = jnp.where(changed & lives.running, lives.left - used, lives.left)
    age_h = jnp.where(changed, aged.age_h, lives.age_h)
    due = state.t + _time_left(world, age_h, jnp.maximum(left, 0.0), hazard)
    due = jnp.where(running & (hazard > 0), due, NEVER)
    return state._replace(
        lives=lives._replace(
            running=running,
            age_h=age_h,
            left=left,
            since=jnp.where(changed, aged.since, lives.since),
            due=jnp.where(alive & changed, due, lives.due),
        )
    )


def _judge_outage(world: World, state: State) -> State:
    """Count an outage of user time when it begins, unless it follows the last too closely."""
    broken = (state.beam.mode != STORED) | _low(world, state) | _down(world, state.lives, DISTORT)
    outage = broken & world.calendar.user[state.block]
    counts = outage & ~state.outage & (state.t - state.back_at >= world.plant.merge_h)
    return state._replace(
        good=_good(world, state),
        outage=outage,
        back_at=jnp.where(state.outage & ~outage, state.t, state.back_at),
        tally=state.tally._replace(failures=state.tally.failures + counts),
    )


def _settle(world: World, state: State, flux_before, new_law, new_piece, arrived) -> State:
    state = _call_crews(world, state)
    state, changed = _settle_beam(world, state, new_piece)
    state = _settle_lines(world, state, changed | new_piece | arrived, flux_before)
    state = _settle_lives(world, state, new_law)
    return _judge_outage(world, state)


def _step(world: World, state: State, until_h) -> tuple[State, Signal]:
    """Move to the earliest awaited moment and let it happen."""
    awaited = _awaited(world, state, until_h)
    index = jnp.argmin(awaited)
    t = jnp.maximum(awaited[index], state.t)
    flux_before = state.drive.flux_per_ma * _current(world, state, t)
    state = _count(world, state, t)
    state, new_piece, arrived = _happen(world, state, index)
    return _settle(world, state, flux_before, False, new_piece, arrived), Signal(t, index)


def _over(world: World, signal: Signal):
    """The last of the awaited moments is the epoch's end; on a tie all others come first."""
    return signal.index == len(world.plant.shape) + 2 + 3 * len(world.plant.flux)


def _new_epoch(world: World, state: State, new: Drive) -> State:
    """Begin an epoch: everything that depends on the law starts a new piece here."""
    first = state.drive.target < 0
    old = state._replace(drive=jax.tree.map(lambda a, b: jnp.where(first, a, b), new, state.drive))
    now_ma = _current(world, old, old.t)
    flux_before = old.drive.flux_per_ma * now_ma
    aged = _spend(old, old.t)
    used = [_spent(world, a, old.drive.hazard) for a in (aged.age_h, old.lives.age_h)]
    left = jnp.where(old.lives.running, old.lives.left - (used[0] - used[1]), old.lives.left)
    on_linac = (old.beam.mode == STORED) & ~world.plant.ring
    beam = old.beam._replace(current=jnp.where(on_linac, new.target, now_ma), since=old.t)
    idle = old.good & ~_machine_down(world, old.lives)
    state = old._replace(
        drive=new,
        beam=beam,
        lives=aged._replace(left=left),
        cause=jnp.where(idle, len(world.plant.shape), old.cause),
    )
    return _settle(world, state, flux_before, True, True, False)


def _begin(world: World) -> State:
    processes, lines = len(world.plant.shape), len(world.plant.flux)
    zero, no = jnp.zeros(()), jnp.zeros((), bool)
    per_process, per_line = jnp.zeros(processes), jnp.zeros(lines)
    count_p, count_b = jnp.zeros(processes, int), jnp.zeros(lines, int)
    never_p, never_b = jnp.full(processes, NEVER), jnp.full(lines, NEVER)
    return State(
        t=zero,
        drive=Drive(per_process, zero - 1.0, zero, zero, per_line),
        lives=Lives(
            count_p, jnp.zeros(processes, bool), per_process, world.draws.budget[:, 0], per_process,
            never_p, never_p, count_p,
        ),
        beam=BeamState(jnp.full((), OFF), jnp.full((), HOLD), zero, zero, zero + NEVER),
        lines=Lines(
            per_line, count_b, per_line, per_line, jnp.zeros(lines, bool), jnp.zeros(lines, bool),
            jnp.asarray(world.plant.warmup_h), per_line, never_b, never_b,
        ),
        block=jnp.zeros((), int), cause=jnp.full((), processes), good=no, outage=no, back_at=zero - NEVER,
        tally=Tally(
            zero, zero, zero, per_process, jnp.zeros(processes + 1), per_line, per_line, per_line, count_b, no
        ),
    )  # fmt: skip


def _advance(world: World, law: Law, state: State, settings, conditions, until_h) -> State:
    state = _new_epoch(world, state, drive(world.plant, law(settings, conditions), settings, jnp))
    state, _ = lax.while_loop(
        lambda pair: ~_over(world, pair[1]),
        lambda pair: _step(world, pair[0], until_h),
        (state, Signal(state.t, jnp.zeros((), int))),
    )
    return state


def _tally(world: World, state: State) -> Tally:
    done = state.lines.done
    finished = jnp.sum(world.draws.demand[:, 1:] <= done[:, None] + 1e-9, axis=-1)
    return state.tally._replace(samples=jnp.floor(done + 1e-9), experiments=finished)


PER_RUN = World(None, 0, None, None)  # type: ignore[arg-type]


@jax.jit
def start(world: World) -> State:
    """The states of R runs at time zero, beam off."""
    return jax.vmap(_begin, in_axes=(PER_RUN,))(world)


def _axes(law_per_run: bool, settings) -> tuple:
    return (PER_RUN, 0 if law_per_run else None, 0, 0 if settings.ndim == 2 else None, None, None)


@jax.jit(static_argnames="law_per_run")
def advance(
    world: World, law: Law, state: State, settings, conditions, until_h, law_per_run: bool = False
) -> State:
    """R runs on to ``until_h`` at settings [K] or [R, K] under conditions [C].

    ``law_per_run``: the law's leaves carry a leading axis R, one law (say, one posterior draw) a run.
    """
    return jax.vmap(_advance, in_axes=_axes(law_per_run, settings))(
        world, law, state, settings, conditions, until_h
    )


@jax.jit
def tally(world: World, state: State) -> Tally:
    """The tallies of R runs."""
    return jax.vmap(_tally, in_axes=(PER_RUN, 0))(world, state)


@jax.jit(static_argnames="law_per_run")
def _whole(world: World, law: Law, edges_h, settings, conditions, law_per_run: bool) -> Tally:
    """All epochs of R runs in one program; settings [E, K] or [R, E, K]."""

    def one(world, law, settings):
        def epoch(state, row):
            held, weather, until_h = row
            return _advance(world, law, state, held, weather, until_h), None

        state, _ = lax.scan(epoch, _begin(world), (settings, conditions, edges_h[1:]))
        return _tally(world, state)

    axes = (PER_RUN, 0 if law_per_run else None, 0 if settings.ndim == 3 else None)
    return jax.vmap(one, in_axes=axes)(world, law, settings)


def simulate(
    plant: Plant, law: Law, draws: Draws, scenario: Scenario, settings=None, law_per_run: bool = False
) -> Tally:
    """The tallies of all runs of ``draws`` through a scenario; leading axis R.

    ``settings`` [R, E, K] replaces the scenario's [E, K] run by run.
    """
    all_runs = world(plant, draws, scenario.calendar)
    held = scenario.settings if settings is None else settings
    whole = _whole(all_runs, law, scenario.edges_h, held, scenario.conditions, law_per_run)
    return Tally(*(np.asarray(field) for field in whole))


@jax.jit(static_argnames="steps")
def _traced(world: World, law: Law, state: State, settings, conditions, until_h, steps: int):
    state = _new_epoch(world, state, drive(world.plant, law(settings, conditions), settings, jnp))

    def step(pair, _):
        state, last = pair
        moved, signal = _step(world, state, until_h)
        over = _over(world, last)
        pair = jax.tree.map(lambda a, b: jnp.where(over, a, b), pair, (moved, signal))
        return pair, Signal(signal.at_h, jnp.where(over | _over(world, signal), -1, signal.index))

    (state, last), signals = lax.scan(step, (state, Signal(state.t, jnp.zeros((), int))), None, length=steps)
    return state, signals, _over(world, last)


def trace(plant: Plant, law: Law, draws: Draws, scenario: Scenario, steps: int = 512) -> tuple[Tally, list]:
    """One run (``draws.run(r)``) with its events [(hour, source)]; for tests and replay, not for speed.

    ``source`` is a process index, P for the beam, then B warm-ups, B empty queues, B arrivals.
    """
    one = world(plant, draws, scenario.calendar)
    state, events = _begin(one), []
    for e, until_h in enumerate(scenario.edges_h[1:]):
        row = scenario.settings[e], scenario.conditions[e], until_h
        state, signals, over = _traced(one, law, state, *row, steps)
        if not over:
            raise ValueError(f"more than steps = {steps} events before hour {until_h:g}; allow more")
        events += [(float(t), int(i)) for t, i in zip(*map(np.asarray, signals), strict=True) if i >= 0]
    return Tally(*(np.asarray(field) for field in _tally(one, state))), events

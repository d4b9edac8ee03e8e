"""One step of the batched engine: R runs, each to its own next event; and the turn to a new law."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from twin.batched import gates, lines, lives, turns
from twin.batched.arrays import INDEX, NOBODY, earliest, look_up
from twin.batched.beam import beam_event, current_ma, is_good, is_low, machine_down, settle_beam
from twin.batched.state import State
from twin.batched.turns import Transition
from twin.batched.world import RunInputs
from twin.beam_states import RESTARTING, STORED
from twin.outcome import DISTORTED, GOOD, LOW_CURRENT, NO_BEAM
from twin.plant import PHASES, OperatingPoint
from twin.reference import FILL
from twin.tree import BEAMLINE, DISTORT

SHUTDOWN, STARTUP, INJECTION, USER, STUDY = range(len(PHASES))
KINDS = jnp.arange(4, dtype=INDEX)[:, None]
"""Rows of the outage counts: of any kind, no beam, low current, distorted."""


class Event(NamedTuple):
    """What happens next in each run, [R]; sources in the order in which they go on a tie."""

    at_h: Any
    source: Any  # lives, beam, B warm-ups, B empty queues, B arrivals, calendar, end of the epoch
    row: Any  # of the lives; nobody's unless they are the source

    def line(self, which: int, count: int):
        """[B, R]: the event is the ``which``-th of the beamlines' kinds."""
        return self.source[None] == 2 + which * count + jnp.arange(count)[:, None]


def sources(world: RunInputs) -> int:
    """How many sources there are; the last is the end of the epoch."""
    return 4 + 3 * len(world.plant.flux)


def awaited(world: RunInputs, state: State, until_h) -> Event:
    """The earliest of the awaited moments."""
    life_at, row = lives.next_life(world, state)
    rows = [
        life_at[None],
        state.beam.due[None],
        lines.warm_at(state.lines, state.t),
        state.lines.empty_at,
        state.lines.arrive_at,
        look_up(world.calendar.end_h, state.block)[None],
        until_h[None],
    ]
    at_h, source = earliest(jnp.concatenate(rows).T)
    return Event(jnp.maximum(at_h, state.t), source, jnp.where(source == 0, row, NOBODY))


def step(world: RunInputs, state: State, until_h) -> tuple[State, Event]:
    """Each run moves to its next event and lets it happen. At the end of the epoch a run stands still.

    The event that is told names the process that fails or is back.
    """
    event = awaited(world, state, until_h)
    now_ma = current_ma(world, state, event.at_h)
    flux_before, share = lines.flux_per_ma(world, state) * now_ma[None], state.gates.share
    state = count(world, state, event.at_h, now_ma)
    if world.processes:
        turn = turns.read(world, state.lives, event.row)
        state = _mark_down(world, turns.happen(world, state, turn), turn)
        event = event._replace(row=jnp.where(turn.failing | turn.fixed, turn.process, NOBODY))
    due = event.source == 1
    state = state._replace(beam=beam_event(world, state, due))
    state, arrived = _line_event(world, state, event)
    state = _calendar_event(world, state, event)
    now_ma = jnp.where(due, state.beam.current, now_ma)
    if world.facts.levels:
        arrived |= (state.gates.share != share)[None]
    return settle(world, state, now_ma, flux_before, due, arrived), event


def count(world: RunInputs, state: State, t, now_ma) -> State:
    """Book the hours up to ``t`` under the state there was, and the samples under the beam there was."""
    hours = jnp.where(look_up(world.calendar.user, state.block), t - state.t, 0.0)
    opened = jnp.asarray(world.calendar.open).T[:, state.block]
    books, clocks = state.books, state.clocks
    lost, good = jnp.where(state.good, 0.0, hours), jnp.where(state.good, hours, 0.0)
    books = books._replace(
        user_h=books.user_h + hours,
        delivered_h=books.delivered_h + good,
        level_h=books.level_h + good * state.gates.share if world.facts.levels else books.level_h,
        kind_h=books.kind_h + jnp.where(state.kind[None] == KINDS[1:], hours[None], 0.0),
        lost_h=books.lost_h.at[state.cause, jnp.arange(len(t))].add(lost, unique_indices=True),
        open_h=books.open_h + jnp.where(opened, hours[None], 0.0),
    )
    still = jnp.where(clocks.running, 0.0, (t - state.t)[None])
    return state._replace(
        t=t,
        books=books,
        clocks=clocks._replace(lag=clocks.lag + still),
        lines=lines.accumulate(world, state, t, now_ma),
    )


def _mark_down(world: RunInputs, state: State, turn: Transition) -> State:
    """Count what is down, by effect and by beamline; a failure by which a whole machine suffers takes the blame."""
    effect, line = look_up(world.plant.effect, turn.process), look_up(world.plant.line, turn.process)
    more = turn.failing.astype(INDEX) - turn.fixed
    raised = (jnp.arange(BEAMLINE)[:, None] == effect[None]) * more[None]
    stops = jnp.arange(len(world.plant.flux))[:, None] == line[None]
    stops = (stops & (effect == BEAMLINE)[None]) * more[None]
    if len(world.tree.slack):
        tree, by_gates = gates.carry_up(world.tree, world.facts, state.gates, turn.process, more)
        raised, stops = raised + by_gates[:BEAMLINE], stops + by_gates[BEAMLINE:]
        state = state._replace(gates=tree)
    whole = state.good | ~machine_down(state)
    begins = turn.failing & whole & (jnp.sum(raised, axis=0) > 0)
    return state._replace(
        down=state.down + raised,
        lines=state.lines._replace(faults=state.lines.faults + stops),
        cause=jnp.where(begins, turn.process, state.cause),
    )


def _line_event(world: RunInputs, state: State, event: Event) -> tuple[State, Any]:
    """A queue is empty or an experiment arrives; [B, R] where one has arrived."""
    count = len(world.plant.flux)
    emptied, arrived = event.line(1, count), event.line(2, count)
    now = state.lines._replace(done=jnp.where(emptied, state.lines.queue, state.lines.done))
    now, none_left = lines.arrive(world, now, arrived)
    spent = state.books.exhausted | (none_left & jnp.any(arrived, axis=0))
    return state._replace(lines=now, books=state.books._replace(exhausted=spent)), arrived


def _calendar_event(world: RunInputs, state: State, event: Event) -> State:
    """The calendar turns a page; hours lost from here on have no cause unless the machine is down."""
    turned = event.source == sources(world) - 2
    blameless = turned & ~machine_down(state)
    return state._replace(
        block=state.block + turned, cause=jnp.where(blameless, world.processes, state.cause)
    )


def settle(world: RunInputs, state: State, now_ma, flux_before, new_piece, anew) -> State:
    """Beam, beamlines and clocks follow what has happened; outages are counted."""
    beam, now_ma, changed = settle_beam(world, state, now_ma, new_piece)
    state = state._replace(beam=beam)
    state = state._replace(good=is_good(world, state))
    aims = (changed | new_piece)[None] | anew
    state = state._replace(
        lines=lines.settle_lines(world, state, now_ma, flux_before, aims),
        clocks=state.clocks._replace(running=_running(world, state)),
    )
    return _judge(world, state)


def _running(world: RunInputs, state: State):
    """[clocks, R]: which clocks run in the present phase, with or without stored beam."""
    stored, clocks = (state.beam.mode == STORED)[None], range(world.facts.clocks)
    runs = stored | ~jnp.asarray(world.plant.clock_beam)[:, None]
    if not world.facts.phased:
        return runs
    block = jnp.where(look_up(world.calendar.beam, state.block), STUDY, SHUTDOWN)
    block = jnp.where(look_up(world.calendar.user, state.block), USER, block)
    filling = stored[0] & (state.beam.regime == FILL)
    phase = jnp.where(state.beam.mode == RESTARTING, STARTUP, jnp.where(filling, INJECTION, block))
    return runs & jnp.stack([look_up(world.plant.clock_phase[clock], phase) for clock in clocks])


def _judge(world: RunInputs, state: State) -> State:
    """Note what users have from now on, and count the outages that this begins and ends."""
    beam, low, before = state.beam, is_low(world, state), state.felt
    lasts = ((state.kind == NO_BEAM) | (state.kind == LOW_CURRENT)) & (low | (beam.regime == FILL))
    kind = jnp.where(low, LOW_CURRENT, jnp.where(state.down[DISTORT] > 0, DISTORTED, GOOD))
    kind = jnp.where(beam.mode != STORED, NO_BEAM, jnp.where(lasts, state.kind, kind)).astype(INDEX)
    felt = jnp.where(look_up(world.calendar.user, state.block), kind, GOOD).astype(INDEX)
    any_row, turned = KINDS == GOOD, (felt != before)[None]
    ends = turned & jnp.where(any_row, (felt == GOOD)[None], before[None] == KINDS)
    begins = turned & jnp.where(any_row, (before == GOOD)[None], felt[None] == KINDS)
    books, delivered = state.books, state.books.delivered_h[None]
    merged = begins & (state.t[None] - books.back_at < world.plant.merge_h)
    books = books._replace(
        outages=books.outages + (begins & ~merged),
        short_h=books.short_h + jnp.where(merged, delivered - books.back_delivered_h, 0.0),
        back_at=jnp.where(ends, state.t[None], books.back_at),
        back_delivered_h=jnp.where(ends, delivered, books.back_delivered_h),
    )
    return state._replace(kind=kind, felt=felt, books=books)


def new_law(world: RunInputs, state: State, turning, new: OperatingPoint) -> State:
    """The runs that are ``turning`` begin an epoch: what depends on the law starts a new piece here."""
    now_ma = current_ma(world, state, state.t)
    flux_before = lines.flux_per_ma(world, state) * now_ma[None]
    if not world.facts.ring:
        now_ma = jnp.where(state.beam.mode == STORED, new.target, now_ma)
    all_lives, clocks = lives.aim(world, state, new.hazard)
    idle = state.good & ~machine_down(state)
    begun = state._replace(
        operating_point=new,
        beam=state.beam._replace(current=now_ma, since=state.t),
        lives=all_lives,
        clocks=clocks,
        cause=jnp.where(idle, world.processes, state.cause),
    )
    always = jnp.full_like(turning, True)
    begun = settle(world, begun, now_ma, flux_before, always, jnp.zeros_like(begun.lines.heated))
    return _chosen(turning, begun, state)


def _chosen(turning, begun: State, state: State) -> State:
    """Each run's own state, begun or not; a new law leaves the gates as they are."""

    def among(a, b, runs_first: bool):
        return jnp.where(
            jnp.expand_dims(turning, range(1, a.ndim) if runs_first else range(a.ndim - 1)), a, b
        )

    def apart(s: State):
        by_process = s.lives, s.operating_point.hazard
        return by_process, s._replace(
            lives=None, gates=None, operating_point=s.operating_point._replace(hazard=None)
        )

    (mine, others), (old, rest) = apart(begun), apart(state)
    all_lives, hazard = jax.tree.map(lambda a, b: among(a, b, True), mine, old)
    chosen = jax.tree.map(lambda a, b: among(a, b, False), others, rest)
    return chosen._replace(
        lives=all_lives, gates=state.gates, operating_point=chosen.operating_point._replace(hazard=hazard)
    )

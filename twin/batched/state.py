"""The batched engine's state: R runs side by side as arrays of fixed size.

What a run has once is an array [R]. What it has per clock, effect, crew or beamline has the runs last,
[B, R], so that every operation is a vector over the runs. What it has per failure process has the runs
first, [R, P]: there a step touches one process of each run, and its neighbours should lie beside it.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from twin import laws
from twin.batched.arrays import INDEX, NOBODY, SMALL
from twin.batched.gates import Gates
from twin.batched.world import CALENDAR, RunInputs
from twin.beam_states import OFF
from twin.outcome import GOOD, NO_BEAM
from twin.plant import OperatingPoint
from twin.reference import HOLD
from twin.tree import BEAMLINE

NEVER = laws.NEVER


class Lives(NamedTuple):
    """The failure processes, [R, P] each unless noted, and what each awaits on which clock.

    A process awaits its failure on its own clock and the end of its repair on the calendar; the
    other clocks are NEVER for it. ``first`` holds the earliest of each block of rows, so that one
    event costs one block and not all. Where several like units of a process may be down at
    once, it awaits the next failure alone, and each unit that is down has a row of its own, a place.
    """

    turns: Any  # [R, rows] failures and renewals so far: odd while down; of a place: when it was taken
    born: Any  # own clock at the last renewal, or turn of like units; while down, the age at the failure
    left: Any  # ageing budget then, or at the present law's beginning if that was later
    due: tuple[Any, ...]  # [R, G * S] a clock each; rows filled up to G blocks of S
    first: tuple[Any, ...]  # [R, G] a clock each; no columns where one block is all
    behind: Any  # [R, rows] who asked for the crew next; of a free place, the next free one
    stage: Any  # [R, rows] what the end of the present wait is the end of; no columns where all is repair
    out: Any  # units down; no columns where at most one is, and the turns tell it
    free: Any  # the first free place; no columns likewise
    down_h: Any  # hours down, less the hours at which the present failures began


class Clocks(NamedTuple):
    """The clocks by which processes age, [clocks, R] each; own time = t - lag."""

    lag: Any  # hours that the clock has stood still
    running: Any
    law_at: Any  # own time at which the present law began


class Crews(NamedTuple):
    """The repair crews, [C, R] each; who waits is a chain through ``Lives.behind``."""

    busy: Any
    next: Any  # longest waiting row
    last: Any  # youngest waiting row


class Beam(NamedTuple):
    """The stored beam, [R] each: mode, regime, and the current's curve from its last new piece on."""

    mode: Any
    regime: Any
    current: Any
    since: Any
    due: Any


class Lines(NamedTuple):
    """The beamlines, [B, R] each."""

    done: Any
    since: Any  # samples are counted up to here
    since_ma: Any
    heated: Any
    measuring: Any
    warm_left: Any
    dark_since: Any
    warm_at: Any
    empty_at: Any
    arrived: Any
    arrive_at: Any  # the next experiment
    queue: Any  # samples brought so far
    spoilt: Any
    faults: Any  # processes down that stop this line


class Accounts(NamedTuple):
    """What has been counted, [R] each unless noted."""

    user_h: Any
    delivered_h: Any
    level_h: Any  # delivered hours by the share of the flux that the tree left
    kind_h: Any  # [3, R] of user time, by kind of failure
    lost_h: Any  # [P + 1, R]
    open_h: Any  # [B, R]
    outages: Any  # [4, R] of any kind, then by kind
    short_h: Any  # [4, R] delivered between outages that were merged
    back_at: Any  # [4, R] end of the last outage
    back_delivered_h: Any  # [4, R] delivered until then
    exhausted: Any


class State(NamedTuple):
    """R runs, each between two events of its own."""

    t: Any  # [R]
    operating_point: OperatingPoint  # hazard [R, P], flux [B, R], the rest [R]
    clocks: Clocks
    lives: Lives
    gates: Gates
    down: Any  # [3, R] processes and gates down, by their effect on the machine
    crews: Crews
    beam: Beam
    lines: Lines
    block: Any  # [R] of the calendar
    cause: Any  # [R] process to which lost hours are booked, P = none
    good: Any  # [R] beam as promised
    kind: Any  # [R] of failure of the beam
    felt: Any  # [R] the same in user time, else none
    books: Accounts


def begin(world: RunInputs) -> State:
    """R runs at time zero, beam off, every process new and no law yet."""
    runs, processes, facts = world.runs, world.processes, world.facts
    lines, crews = len(world.plant.flux), len(world.plant.crew_size)

    def full(value, *shape):
        return jnp.full((*shape, runs), value, _kind(value))

    zero, no = full(0.0), full(False)
    at_line = full(0.0, lines)
    return State(
        t=zero,
        operating_point=OperatingPoint(jnp.zeros((runs, processes)), zero, zero + 1.0, zero, at_line),
        clocks=Clocks(
            full(0.0, facts.clocks),
            jnp.broadcast_to((jnp.arange(facts.clocks) == CALENDAR)[:, None], (facts.clocks, runs)),
            full(0.0, facts.clocks),
        ),
        lives=_lives(world),
        gates=_gates(world),
        down=full(0, BEAMLINE),
        crews=Crews(full(0, crews), full(NOBODY, crews), full(NOBODY, crews)),
        beam=Beam(full(OFF), full(HOLD), zero, zero, full(NEVER)),
        lines=Lines(
            done=at_line, since=at_line, since_ma=at_line,
            heated=full(False, lines), measuring=full(False, lines),
            warm_left=jnp.broadcast_to(jnp.asarray(world.plant.warmup_h)[:, None], (lines, runs)),
            dark_since=at_line, warm_at=full(NEVER, lines), empty_at=full(NEVER, lines),
            arrived=full(0, lines), arrive_at=jnp.asarray(world.arrive_h[:, :, 0]).T, queue=at_line,
            spoilt=at_line, faults=full(0, lines),
        ),
        block=full(0),
        cause=full(processes),
        good=no,
        kind=full(NO_BEAM),
        felt=jnp.broadcast_to(jnp.where(world.calendar.user[0], NO_BEAM, GOOD), (runs,)).astype(INDEX),
        books=Accounts(
            user_h=zero, delivered_h=zero, level_h=zero, kind_h=full(0.0, 3), lost_h=full(0.0, processes + 1),
            open_h=at_line, outages=full(0, 4), short_h=full(0.0, 4), back_at=full(-NEVER, 4),
            back_delivered_h=full(0.0, 4), exhausted=no,
        ),
    )  # fmt: skip


def _lives(world: RunInputs) -> Lives:
    """All units up and all places free."""
    runs, processes, rows, facts = world.runs, world.processes, world.rows, world.facts
    size = block_size(rows)
    blocks = -(-rows // size) if rows else 0

    def each(value, columns):
        return jnp.full((runs, columns), value, _kind(value))

    units = jnp.asarray(world.plant.units, INDEX)
    free = processes + jnp.cumsum(jnp.where(units > 1, units, 0), dtype=INDEX) - units
    places = processes if facts.several else 0
    return Lives(
        turns=each(0, rows),
        born=each(0.0, processes),
        left=jnp.asarray(world.chance[:, :, 0]),
        due=tuple(each(NEVER, blocks * size) for _ in range(facts.clocks)),
        first=tuple(each(NEVER, blocks if blocks > 1 else 0) for _ in range(facts.clocks)),
        behind=jnp.broadcast_to(jnp.arange(1, rows + 1, dtype=INDEX), (runs, rows)),
        stage=each(0, rows if facts.staged else 0),
        out=each(0, places),
        free=jnp.broadcast_to(free[:places], (runs, places)),
        down_h=each(0.0, processes),
    )


def _gates(world: RunInputs) -> Gates:
    """No input lost."""
    gates, runs = len(world.tree.slack), world.runs
    return Gates(
        lost=jnp.zeros((gates, runs), INDEX),
        fallen=jnp.zeros((1 + gates, runs), INDEX),
        troubles=jnp.zeros((runs, world.facts.shared), INDEX),
        share=jnp.ones(runs),
    )


def _kind(value):
    return INDEX if type(value) is int else type(value)


def block_size(rows: int) -> int:
    """Rows in a block of the agenda: all while they are few, else about the root of their number."""
    return rows if rows <= SMALL else int(np.ceil(np.sqrt(rows)))

"""The batched engine's state: one run as arrays of fixed size, and the questions that are asked of it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from twin import laws
from twin.draws import Draws
from twin.outcome import Tally
from twin.plant import BEAMLINE, DISTORT, Drive, Plant
from twin.reference import DECAY, FILL, HOLD, OFF, STORED
from twin.scenario import Calendar

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


def current_ma(world: World, state: State, t):
    beam, hours = state.beam, t - state.beam.since
    decayed = laws.decay(beam.current, state.drive.gas, state.drive.touschek, hours, jnp)
    filled = beam.current + world.plant.fill_per_h * hours
    moved = jnp.where(beam.regime == DECAY, decayed, jnp.where(beam.regime == FILL, filled, beam.current))
    return jnp.where(beam.mode == STORED, moved, beam.current)


def any_down(world: World, lives: Lives, effect: int):
    return jnp.any((lives.status != ALIVE) & (world.plant.effect == effect))


def machine_down(world: World, lives: Lives):
    return jnp.any((lives.status != ALIVE) & (world.plant.effect != BEAMLINE))


def is_low(world: World, state: State):
    beam = state.beam
    return (beam.regime == DECAY) & (beam.current <= world.plant.low_share * state.drive.target)


def is_good(world: World, state: State):
    steady = (state.beam.mode == STORED) & (state.beam.regime != FILL) & ~is_low(world, state)
    return steady & ~any_down(world, state.lives, DISTORT)


def draw_of(table, ordinal):
    """The draw of each process's present life; the last one stands in once they are used up."""
    row = jnp.minimum(ordinal, table.shape[-1] - 1)
    return jnp.take_along_axis(table, row[:, None], axis=-1)[:, 0]


def queue_of(world: World, lines: Lines):
    row = jnp.minimum(lines.arrived, world.draws.demand.shape[-1] - 1)
    return jnp.take_along_axis(world.draws.demand, row[:, None], axis=-1)[:, 0]


def begin(world: World) -> State:
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
        block=jnp.zeros((), int), cause=jnp.full((), processes), good=no,
        outage=jnp.asarray(world.calendar.user)[0],  # switching on is not a failure
        back_at=zero - NEVER,
        tally=Tally(
            zero, zero, zero, per_process, jnp.zeros(processes + 1), per_line, per_line, per_line, count_b, no
        ),
    )  # fmt: skip

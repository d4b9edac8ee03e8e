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

from twin.batched_events import awaited, count, happen
from twin.batched_settle import aged, settle, spent
from twin.batched_state import State, World, begin, current_ma, machine_down, world
from twin.draws import Draws
from twin.outcome import Tally
from twin.plant import Drive, Law, Plant, drive
from twin.reference import STORED
from twin.scenario import Scenario


class Signal(NamedTuple):
    """The event of one step: when, and its place in the row of awaited moments (-1: none)."""

    at_h: Any
    index: Any


def _step(world: World, state: State, until_h) -> tuple[State, Signal]:
    """Move to the earliest awaited moment and let it happen."""
    moments = awaited(world, state, until_h)
    index = jnp.argmin(moments)
    t = jnp.maximum(moments[index], state.t)
    flux_before = state.drive.flux_per_ma * current_ma(world, state, t)
    state = count(world, state, t)
    state, new_piece, arrived = happen(world, state, index)
    return settle(world, state, flux_before, False, new_piece, arrived), Signal(t, index)


def _over(world: World, signal: Signal):
    """The last of the awaited moments is the epoch's end; on a tie all others come first."""
    return signal.index == len(world.plant.shape) + 2 + 3 * len(world.plant.flux)


def _new_epoch(world: World, state: State, new: Drive) -> State:
    """Begin an epoch: everything that depends on the law starts a new piece here."""
    first = state.drive.target < 0
    old = state._replace(drive=jax.tree.map(lambda a, b: jnp.where(first, a, b), new, state.drive))
    now_ma = current_ma(world, old, old.t)
    flux_before = old.drive.flux_per_ma * now_ma
    older = aged(old, old.t)
    used = [spent(world, a, old.drive.hazard) for a in (older.age_h, old.lives.age_h)]
    left = jnp.where(old.lives.running, old.lives.left - (used[0] - used[1]), old.lives.left)
    on_linac = (old.beam.mode == STORED) & ~world.plant.ring
    beam = old.beam._replace(current=jnp.where(on_linac, new.target, now_ma), since=old.t)
    idle = old.good & ~machine_down(world, old.lives)
    state = old._replace(
        drive=new,
        beam=beam,
        lives=older._replace(left=left),
        cause=jnp.where(idle, len(world.plant.shape), old.cause),
    )
    return settle(world, state, flux_before, True, True, False)


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
    return jax.vmap(begin, in_axes=(PER_RUN,))(world)


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

        state, _ = lax.scan(epoch, begin(world), (settings, conditions, edges_h[1:]))
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
    state, events = begin(one), []
    for e, until_h in enumerate(scenario.edges_h[1:]):
        row = scenario.settings[e], scenario.conditions[e], until_h
        state, signals, over = _traced(one, law, state, *row, steps)
        if not over:
            raise ValueError(f"more than steps = {steps} events before hour {until_h:g}; allow more")
        events += [(float(t), int(i)) for t, i in zip(*map(np.asarray, signals), strict=True) if i >= 0]
    return Tally(*(np.asarray(field) for field in _tally(one, state))), events

"""The batched engine: thousands of runs at once in JAX, equal to the reference event for event.

All runs step together, each to its own next event. Plant, law and draws are arguments of the compiled
program, so another facility of the same shape costs no new compilation.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from twin.batched import lives
from twin.batched.arrays import INDEX, NOBODY
from twin.batched.beam import current_ma
from twin.batched.lives import aim
from twin.batched.state import State, begin
from twin.batched.step import new_law, sources, step
from twin.batched.world import CALENDAR, RunInputs, world
from twin.draws import Draws
from twin.outcome import Tally
from twin.plant import Law, OperatingPoint, Plant, operating_point
from twin.scenario import Scenario

__all__ = [
    "CALENDAR",
    "RunInputs",
    "State",
    "advance",
    "aim",
    "current_ma",
    "simulate",
    "start",
    "tally",
    "trace",
    "world",
]  # fmt: skip

CHUNK = 256  # runs at a time: their states stay in the processor's cache, and memory stays bounded
SHARE = 1.0  # of the runs that move, so many may wait for the turn to the next epoch


class Plan(NamedTuple):
    """The drives of E epochs, for all runs alike or with a leading axis R, and the epochs' ends."""

    operating_points: OperatingPoint
    end_h: Any  # [E]


def _plan(world: RunInputs, law: Law, settings, conditions, end_h, law_per_run: bool) -> Plan:
    """``settings`` [E, K] or [R, E, K], ``conditions`` [E, C]."""

    def one(law, held, conditions):
        return operating_point(world.plant, law(held, conditions), held, jnp)

    def epochs(law, settings):
        return jax.vmap(one, in_axes=(None, 0, 0))(law, settings, conditions)

    per_run = settings.ndim == 3
    if law_per_run or per_run:
        epochs = jax.vmap(epochs, in_axes=(0 if law_per_run else None, 0 if per_run else None))
    return Plan(epochs(law, settings), end_h)


def _at(plan: Plan, epoch) -> OperatingPoint:
    """Each run's operating_point in its own epoch [R]."""
    per_run = plan.operating_points.target.ndim == 2
    index = (jnp.arange(len(epoch)), epoch) if per_run else (epoch,)
    now = jax.tree.map(lambda table: table[index], plan.operating_points)
    return now._replace(flux_per_ma=now.flux_per_ma.T)


class Course(NamedTuple):
    """R runs on their way through the epochs of a plan."""

    state: State
    epoch: Any  # [R]
    over: Any  # [R] the epoch has ended


def _through(world: RunInputs, plan: Plan, state: State, retire=None) -> State:
    """All runs through all epochs; ``retire`` [R, P]: processes of which a unit is retired as each epoch begins.

    Runs that have ended an epoch wait until as many wait as still move; then those that wait turn to
    the next epoch together, for a turn costs as much as many steps, and waiting costs steps.
    """
    last = len(plan.end_h) - 1
    ends = sources(world) - 1

    def turn(course: Course) -> Course:
        turning = course.over & (course.epoch < last)
        epoch = course.epoch + turning
        state = new_law(world, course.state, turning, _at(plan, jnp.maximum(epoch, 0)))
        if retire is not None:
            state = lives.retire(world, state, retire & turning[:, None])
        until_h = plan.end_h[epoch]

        def some_move(course: Course):
            moving, waiting = jnp.sum(~course.over), jnp.sum(course.over & (epoch < last))
            return (moving > 0) & (waiting <= SHARE * moving)

        def move(course: Course) -> Course:
            state, event = step(world, course.state, until_h)
            return Course(state, epoch, event.source == ends)

        return lax.while_loop(some_move, move, Course(state, epoch, course.over & ~turning))

    runs = jnp.arange(world.runs, dtype=INDEX)
    course = Course(state, jnp.full_like(runs, -1), jnp.full_like(runs, True, bool))
    return lax.while_loop(lambda c: jnp.any(~c.over | (c.epoch < last)), turn, course).state


def _tally(world: RunInputs, state: State) -> Tally:
    done, books, lives = state.lines.done.T, state.books, state.lives
    finished = jnp.sum(world.demand[:, :, 1:] <= done[..., None] + 1e-9, axis=-1)
    turns = lives.turns[:, : world.processes]
    failures, out = (turns + 1) // 2, lives.out if world.facts.several else turns % 2
    known = jnp.asarray(world.drawn)[None]
    spent = (failures > known) | ((failures == known) & (out < jnp.asarray(world.plant.units)[None]))
    return Tally(
        user_h=books.user_h,
        delivered_h=books.delivered_h,
        level_h=books.level_h if world.facts.levels else books.delivered_h,
        failures=books.outages[0],
        short_h=books.short_h[0],
        outages=books.outages[1:].T,
        outage_h=(books.kind_h + books.short_h[1:]).T,
        failures_by=failures.astype(float),
        lost_h=books.lost_h.T,
        down_h=lives.down_h + out * state.t[:, None],
        open_h=books.open_h.T,
        samples=jnp.floor(done + 1e-9),
        spoilt=state.lines.spoilt.T,
        experiments=finished,
        exhausted=books.exhausted | jnp.any(spent, axis=1),
    )


@jax.jit
def start(world: RunInputs) -> State:
    """The states of R runs at time zero, beam off."""
    return begin(world)


@jax.jit(static_argnames="law_per_run")
def advance(
    world: RunInputs,
    law: Law,
    state: State,
    settings,
    conditions,
    until_h,
    law_per_run: bool = False,
    retire=None,
) -> State:
    """R runs on to ``until_h`` at settings [K] or [R, K] under conditions [C].

    ``law_per_run``: the law's leaves carry a leading axis R, one law (say, one posterior draw) a run.
    ``retire`` [R, P]: processes of which a unit that is up is retired first (``reference.Run.retire``).
    """
    held = jnp.expand_dims(settings, -2)
    plan = _plan(world, law, held, conditions[None], jnp.asarray(until_h)[None], law_per_run)
    return _through(world, plan, state, retire)


@jax.jit
def tally(world: RunInputs, state: State) -> Tally:
    """The tallies of R runs."""
    return _tally(world, state)


@jax.jit(static_argnames="law_per_run")
def _whole(world: RunInputs, law: Law, edges_h, settings, conditions, law_per_run: bool) -> Tally:
    """All epochs of R runs in one program; settings [E, K] or [R, E, K]."""
    plan = _plan(world, law, settings, conditions, edges_h[1:], law_per_run)
    return _tally(world, _through(world, plan, begin(world)))


def simulate(
    plant: Plant, law: Law, draws: Draws, scenario: Scenario, settings=None, law_per_run: bool = False
) -> Tally:
    """The tallies of all runs of ``draws`` through a scenario; leading axis R.

    ``settings`` [R, E, K] replaces the scenario's [E, K] run by run.
    """
    runs = draws.budget.shape[0]
    chunks = -(-runs // CHUNK)
    size = -(-runs // chunks)
    rows = [np.arange(c * size, (c + 1) * size) % runs for c in range(chunks)]

    def part(mine) -> Tally:
        some = Draws(*(np.asarray(f)[mine] for f in draws)) if chunks > 1 else draws
        held = scenario.settings if settings is None else np.asarray(settings)[mine]
        own = jax.tree.map(lambda leaf: leaf[mine], law) if law_per_run and chunks > 1 else law
        w = world(plant, some, scenario.calendar)
        whole = _whole(w, own, scenario.edges_h, held, scenario.conditions, law_per_run)
        return Tally(*(np.asarray(field) for field in whole))

    if chunks == 1:
        return part(rows[0])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(part, rows))
    return Tally(*(np.concatenate(field)[:runs] for field in zip(*parts, strict=True)))


@jax.jit(static_argnames="steps")
def _traced(world: RunInputs, law: Law, state: State, settings, conditions, until_h, steps: int):
    """One epoch of R runs with its first ``steps`` events; the last of them tells if it ended."""
    plan = _plan(world, law, settings[None], conditions[None], until_h[None], False)
    zeros = jnp.zeros(world.runs, INDEX)
    state = new_law(world, state, zeros == 0, _at(plan, zeros))
    return lax.scan(lambda s, _: step(world, s, until_h + 0.0 * s.t), state, None, length=steps)


def trace(plant: Plant, law: Law, draws: Draws, scenario: Scenario, steps: int = 512) -> tuple[Tally, list]:
    """One run (``draws.run(r)``) with its events [(hour, source)]; for tests and replay, not for speed.

    ``source`` is a process index, P for the beam, then B warm-ups, B empty queues, B arrivals, the calendar.
    """
    one = world(plant, Draws(*(field[None] for field in draws)), scenario.calendar)
    end, processes = sources(one) - 1, one.processes
    state, events = start(one), []
    for e, until_h in enumerate(scenario.edges_h[1:]):
        row = scenario.settings[e], scenario.conditions[e], until_h
        state, told = _traced(one, law, state, *row, steps)
        at_h, source, process = (np.asarray(field)[:, 0] for field in told)
        if source[-1] != end:
            raise ValueError(f"more than steps = {steps} events before hour {until_h:g}; allow more")
        rows = zip(at_h, np.where(source == 0, process, processes - 1 + source), source, strict=True)
        events += [(float(t), int(i)) for t, i, s in rows if s != end and i < NOBODY]
    return Tally(*(np.asarray(field)[0] for field in tally(one, state))), events

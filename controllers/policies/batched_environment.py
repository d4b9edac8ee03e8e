"""The environment for many runs at once in JAX: equal transitions on equal draws."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from controllers.policies.tasks import Seen, Task
from twin import batched
from twin.batched import CALENDAR, RunInputs, State, aim, current_ma
from twin.beam_states import STORED
from twin.draws import Draws


class Play(NamedTuple):
    """R runs at the beginning of a shift."""

    state: State
    held: Any  # [R, K] settings
    shift: Any  # []
    ordered: Any  # [R, M]


def world(task: Task, draws: Draws) -> RunInputs:
    """The world of R runs of a task."""
    return batched.world(task.plant, draws, task.scenario.calendar)


def shuffled(pool: RunInputs, runs) -> RunInputs:
    """The world of some runs [R] of a pool, by number."""
    return pool._replace(chance=pool.chance[runs], arrive_h=pool.arrive_h[runs], demand=pool.demand[runs])


def mixed(pool: RunInputs, runs: int, key) -> RunInputs:
    """The world of ``runs`` runs, the luck of each process and beamline from some run of a pool."""
    who = jax.random.randint(key, (runs, pool.processes + pool.arrive_h.shape[1]), 0, pool.runs)
    process, line = who[:, : pool.processes], who[:, pool.processes :]
    p, b = (jnp.arange(part.shape[1])[None] for part in (process, line))
    return pool._replace(
        chance=pool.chance[process, p], arrive_h=pool.arrive_h[line, b], demand=pool.demand[line, b]
    )


def reset(task: Task, world: RunInputs) -> Play:
    """R runs at time zero at the present settings, what wears of any age."""
    held = jnp.broadcast_to(jnp.asarray(task.space.present)[None], (world.runs, len(task.space.present)))
    ordered = jnp.zeros((world.runs, len(task.wards)), bool)
    state = batched.start(world)
    born_h = -task.born_h(jnp.asarray(world.chance)[..., -2], jnp)
    lives = state.lives._replace(born=state.lives.born.at[:, task.ageing].set(born_h))
    return Play(state._replace(lives=lives), held, jnp.zeros((), int), ordered)


def step(task: Task, world: RunInputs, play: Play, action) -> tuple[Play, Any]:
    """A shift under actions [R, K + M]: (the runs after it, rewards [R])."""
    task.check(action)
    scenario = task.scenario
    edges = jnp.asarray(scenario.edges_h)
    start_h, until_h = edges[play.shift], edges[play.shift + 1]
    conditions = jnp.asarray(scenario.conditions)[play.shift]
    held = task.move(play.held, action, conditions, until_h - start_h)
    retire, ordered = (
        task.orders(action, seen(task, world, play), jnp) if task.wards else (None, play.ordered)
    )
    state = batched.advance(world, task.law, play.state, held, conditions, until_h, retire=retire)
    gained = (state.lines.done - play.state.lines.done).T @ jnp.asarray(task.worth)
    return Play(state, held, play.shift + 1, ordered), gained


def seen(task: Task, world: RunInputs, play: Play) -> Seen:
    """What can be known of each run, leading axis R."""
    state, scenario, old = play.state, task.scenario, task.ageing
    lives, clock = state.lives, jnp.asarray(world.plant.clock)[old]
    odd = lives.turns[:, : world.processes] % 2
    now = (state.t[None] - state.clocks.lag[clock]).T
    conditions = jnp.asarray(scenario.conditions)[jnp.minimum(play.shift, task.shifts - 1)]
    calendar = scenario.calendar
    return Seen(
        held=play.held,
        conditions=jnp.broadcast_to(conditions[None], (world.runs, len(conditions))),
        current=current_ma(world, state, state.t),
        stored=state.beam.mode == STORED,
        down=(lives.out if world.facts.several else odd).astype(float),
        age_h=jnp.where(odd[:, old] == 0, now - lives.born[:, old], 0.0),
        queue=(state.lines.queue - state.lines.done).T,
        wanted=jnp.asarray(calendar.beam)[state.block],
        user=jnp.asarray(calendar.user)[state.block],
        left_h=jnp.asarray(calendar.end_h)[state.block] - state.t,
        ahead=jnp.broadcast_to(1.0 - play.shift / task.shifts, (world.runs,)),
        ordered=play.ordered,
    )


def observe(task: Task, world: RunInputs, play: Play):
    """Observations [R, O]."""
    return jax.vmap(lambda one: task.features(one, jnp))(seen(task, world, play))


def roll(task: Task, world: RunInputs, policy, key) -> tuple[Any, Any]:
    """Whole episodes under ``policy(key, world, play, observation [R, O]) -> action [R, K + M]``.

    (Sum of the rewards [R]; which runs used up their draws and may not be ranked [R].)
    """

    def shift(carry: tuple[Play, Any], key):
        play, gained = carry
        play, reward = step(task, world, play, policy(key, world, play, observe(task, world, play)))
        return (play, gained + reward), None

    begun = reset(task, world), jnp.zeros(world.runs)
    (play, gained), _ = lax.scan(shift, begun, jax.random.split(key, task.shifts))
    return gained, batched.tally(world, play.state).exhausted


DAY_H = 24.0
FORECAST_H = (24.0, 72.0, 168.0)
FEW = 500.0  # samples


class Told(NamedTuple):
    """What the draws of a world add up to life by life, [R, P, N] each."""

    budget: Any  # spent by so many lives
    days: Any  # of so many repairs, less as many mean ones


def told(world: RunInputs) -> Told:
    """The sums that ``inputs`` compares with what has happened; lives that were not drawn count nothing."""
    budget, hours = (
        jnp.where(jnp.isfinite(part), part, 0.0) for part in (world.chance[..., ::2], world.chance[..., 1::2])
    )
    days = hours / DAY_H
    return Told(jnp.cumsum(budget, -1), jnp.cumsum(days - days.mean((0, 2), keepdims=True), -1))


def inputs(told: Told, world: RunInputs, play: Play):
    """What a run's luck has come to, [R, 2 P + B], zero in the mean from any shift to any later one whatever is done.

    Failures so far less the hazard spent so far: a life spends a unit-exponential budget that nobody knows, so this is
    a martingale, also where a unit is retired, as what is left of a budget has mean 1 too. Then the days that repairs
    so far were drawn to last, less as many mean ones; and the work brought so far, less its mean over the runs.
    """
    lives, _ = aim(world, play.state, play.state.operating_point.hazard)
    turns = lives.turns[:, : world.processes]
    life = jnp.minimum(turns // 2, told.budget.shape[-1] - 1)
    left = jnp.where((turns % 2 == 0) & jnp.isfinite(lives.left), lives.left - 1.0, 0.0)
    failures = life + 1 + left - _entry(told.budget, life)
    repairs = jnp.where(turns > 0, _entry(told.days, (turns + 1) // 2 - 1), 0.0)
    work = _brought(world, play.state.t) / FEW
    return jnp.concatenate([failures, repairs, work - work.mean(0, keepdims=True)], axis=1)


def _entry(table, index):
    """[R, P]: of tables [R, P, N] the entries at ``index`` [R, P], the first where that is below 0."""
    return jnp.take_along_axis(table, jnp.clip(index, 0, table.shape[-1] - 1)[..., None], -1)[..., 0]


def hidden(world: RunInputs, play: Play):
    """What a run has in store that no policy may see and none can change, [R, H], in numbers of order one.

    The work that experiments will bring to each beamline within some times, and the days of repair left on the units
    of each process that are down.
    """
    now = _brought(world, play.state.t)
    work = [_brought(world, play.state.t + hours) - now for hours in FORECAST_H]
    return jnp.tanh(jnp.concatenate([*(part / FEW for part in work), _repairs(world, play)], axis=1))


def _brought(world: RunInputs, t):
    """[R, B] samples of the experiments that arrive up to ``t`` [R]."""
    came = jnp.sum(world.arrive_h <= t[:, None, None], -1)
    return jnp.take_along_axis(world.demand, came[..., None], -1)[..., 0]


def _repairs(world: RunInputs, play: Play):
    """Days of repair left [R, P] or [R, 2 P]: in all and, where several may be down at once, of the longest."""
    lives, processes = play.state.lives, world.processes
    wait = (lives.due[CALENDAR][:, : world.rows] - play.state.t[:, None]) / DAY_H
    apart = jnp.asarray(world.plant.units)[None] == 1
    down = (lives.turns[:, :processes] % 2 == 1) & (apart | (not world.facts.several))
    down = jnp.concatenate([down, jnp.ones_like(wait[:, processes:], bool)], axis=1)
    wait = jnp.where(down & jnp.isfinite(wait), wait, 0.0)
    mine = jnp.asarray(world.owner)[None] == jnp.arange(processes)[:, None]  # [P, rows]
    if not world.facts.several:
        return wait
    longest = jnp.max(jnp.where(mine[None], wait[:, None], 0.0), -1)
    return jnp.concatenate([wait @ mine.T.astype(float), longest], axis=1)

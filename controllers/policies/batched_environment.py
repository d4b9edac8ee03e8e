"""The environment for many runs at once in JAX; equal draws give the transitions of the reference environment."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from controllers.policies.tasks import Observation, Task
from twin import batched
from twin.batched import CALENDAR, RunInputs, State, aim, current_ma
from twin.beam_states import STORED
from twin.draws import Draws


class EnvState(NamedTuple):
    """The state of R runs at the beginning of a shift."""

    state: State
    held: Any  # [R, K] present settings
    shift: Any  # [] number of the shift
    ordered: Any  # [R, M] open orders of replacements


def world(task: Task, draws: Draws) -> RunInputs:
    """The run inputs of R runs of a task."""
    return batched.world(task.plant, draws, task.scenario.calendar)


def shuffled(pool: RunInputs, runs) -> RunInputs:
    """The run inputs of selected runs [R] of a pool, by number."""
    return pool._replace(chance=pool.chance[runs], arrive_h=pool.arrive_h[runs], demand=pool.demand[runs])


def mixed(pool: RunInputs, runs: int, key) -> RunInputs:
    """Run inputs of ``runs`` runs: each process and beamline takes its random inputs from a random run of a pool."""
    who = jax.random.randint(key, (runs, pool.processes + pool.arrive_h.shape[1]), 0, pool.runs)
    process, line = who[:, : pool.processes], who[:, pool.processes :]
    p, b = (jnp.arange(part.shape[1])[None] for part in (process, line))
    return pool._replace(
        chance=pool.chance[process, p], arrive_h=pool.arrive_h[line, b], demand=pool.demand[line, b]
    )


def reset(task: Task, run_inputs: RunInputs) -> EnvState:
    """R runs at time zero at the present settings; units that wear have random ages."""
    held = jnp.broadcast_to(jnp.asarray(task.space.present)[None], (run_inputs.runs, len(task.space.present)))
    ordered = jnp.zeros((run_inputs.runs, len(task.wearing)), bool)
    state = batched.start(run_inputs)
    born_h = -task.initial_age_h(jnp.asarray(run_inputs.chance)[..., -2], jnp)
    lives = state.lives._replace(born=state.lives.born.at[:, task.ageing].set(born_h))
    return EnvState(state._replace(lives=lives), held, jnp.zeros((), int), ordered)


def step(task: Task, run_inputs: RunInputs, env: EnvState, action) -> tuple[EnvState, Any]:
    """One shift under actions [R, K + M]: (the state after it, rewards [R])."""
    task.check(action)
    scenario = task.scenario
    edges = jnp.asarray(scenario.edges_h)
    start_h, until_h = edges[env.shift], edges[env.shift + 1]
    conditions = jnp.asarray(scenario.conditions)[env.shift]
    held = task.move(env.held, action, conditions, until_h - start_h)
    retire, ordered = (
        task.orders(action, seen(task, run_inputs, env), jnp) if task.wearing else (None, env.ordered)
    )
    state = batched.advance(run_inputs, task.law, env.state, held, conditions, until_h, retire=retire)
    gained = (state.lines.done - env.state.lines.done).T @ jnp.asarray(task.sample_value)
    return EnvState(state, held, env.shift + 1, ordered), gained


def seen(task: Task, run_inputs: RunInputs, env: EnvState) -> Observation:
    """What a policy may observe of each run, in the facility's units; leading axis R."""
    state, scenario, old = env.state, task.scenario, task.ageing
    lives, clock = state.lives, jnp.asarray(run_inputs.plant.clock)[old]
    odd = lives.turns[:, : run_inputs.processes] % 2
    now = (state.t[None] - state.clocks.lag[clock]).T
    conditions = jnp.asarray(scenario.conditions)[jnp.minimum(env.shift, task.shifts - 1)]
    calendar = scenario.calendar
    return Observation(
        held=env.held,
        conditions=jnp.broadcast_to(conditions[None], (run_inputs.runs, len(conditions))),
        current=current_ma(run_inputs, state, state.t),
        stored=state.beam.mode == STORED,
        down=(lives.out if run_inputs.facts.several else odd).astype(float),
        age_h=jnp.where(odd[:, old] == 0, now - lives.born[:, old], 0.0),
        queue=(state.lines.queue - state.lines.done).T,
        wanted=jnp.asarray(calendar.beam)[state.block],
        user=jnp.asarray(calendar.user)[state.block],
        left_h=jnp.asarray(calendar.end_h)[state.block] - state.t,
        remaining=jnp.broadcast_to(1.0 - env.shift / task.shifts, (run_inputs.runs,)),
        ordered=env.ordered,
    )


def observe(task: Task, run_inputs: RunInputs, env: EnvState):
    """Observation vectors [R, O]: numbers of order one."""
    return jax.vmap(lambda one: task.features(one, jnp))(seen(task, run_inputs, env))


def roll(task: Task, run_inputs: RunInputs, policy, key) -> tuple[Any, Any]:
    """Whole episodes under ``policy(key, run_inputs, env, observation [R, O]) -> action [R, K + M]``.

    (Sum of the rewards [R]; which runs used up their draws [R]: those may not be ranked.)
    """

    def shift(carry: tuple[EnvState, Any], key):
        env, gained = carry
        env, reward = step(
            task, run_inputs, env, policy(key, run_inputs, env, observe(task, run_inputs, env))
        )
        return (env, gained + reward), None

    begun = reset(task, run_inputs), jnp.zeros(run_inputs.runs)
    (env, gained), _ = lax.scan(shift, begun, jax.random.split(key, task.shifts))
    return gained, batched.tally(run_inputs, env.state).exhausted


DAY_H = 24.0
FORECAST_H = (24.0, 72.0, 168.0)
FEW = 500.0  # samples


class CumulativeInputs(NamedTuple):
    """Cumulative sums of the drawn random inputs over the failures of each process, [R, P, N] each."""

    budget: Any  # ageing budgets of the failures so far
    days: Any  # of the repairs so far, minus as many mean repairs


def cumulative_inputs(run_inputs: RunInputs) -> CumulativeInputs:
    """The sums that ``centred_inputs`` compares with the events so far; entries that were not drawn count as 0."""
    budget, hours = (
        jnp.where(jnp.isfinite(part), part, 0.0)
        for part in (run_inputs.chance[..., ::2], run_inputs.chance[..., 1::2])
    )
    days = hours / DAY_H
    return CumulativeInputs(jnp.cumsum(budget, -1), jnp.cumsum(days - days.mean((0, 2), keepdims=True), -1))


def centred_inputs(sums: CumulativeInputs, run_inputs: RunInputs, env: EnvState):
    """Centred random inputs of each run so far, [R, 2 P + B]; their increments have zero mean under every policy.

    First failures minus integrated hazard: the ageing budget of a failure is unit-exponential and hidden from the
    policy, so this is a martingale, also where a unit is retired, as the rest of a budget has mean 1 too. Then the
    drawn days of the repairs so far, minus as many mean repairs. Then the samples of the experiments that arrived so
    far, minus their mean over the runs.
    """
    lives, _ = aim(run_inputs, env.state, env.state.operating_point.hazard)
    turns = lives.turns[:, : run_inputs.processes]
    failed = jnp.minimum(turns // 2, sums.budget.shape[-1] - 1)
    left = jnp.where((turns % 2 == 0) & jnp.isfinite(lives.left), lives.left - 1.0, 0.0)
    failures = failed + 1 + left - _entries(sums.budget, failed)
    repairs = jnp.where(turns > 0, _entries(sums.days, (turns + 1) // 2 - 1), 0.0)
    work = _arrived(run_inputs, env.state.t) / FEW
    return jnp.concatenate([failures, repairs, work - work.mean(0, keepdims=True)], axis=1)


def _entries(table, index):
    """Entries [R, P] of a table [R, P, N] at ``index`` [R, P]; a negative index counts as 0."""
    return jnp.take_along_axis(table, jnp.clip(index, 0, table.shape[-1] - 1)[..., None], -1)[..., 0]


def hidden(run_inputs: RunInputs, env: EnvState):
    """What is hidden from the policy and independent of its actions, [R, H], in numbers of order one.

    The samples that experiments will bring to each beamline within FORECAST_H, and the remaining days of repair of
    the units of each process that are down.
    """
    now = _arrived(run_inputs, env.state.t)
    work = [_arrived(run_inputs, env.state.t + hours) - now for hours in FORECAST_H]
    return jnp.tanh(jnp.concatenate([*(part / FEW for part in work), _repairs(run_inputs, env)], axis=1))


def _arrived(run_inputs: RunInputs, t):
    """Samples [R, B] of the experiments that arrive up to the times ``t`` [R]."""
    came = jnp.sum(run_inputs.arrive_h <= t[:, None, None], -1)
    return jnp.take_along_axis(run_inputs.demand, came[..., None], -1)[..., 0]


def _repairs(run_inputs: RunInputs, env: EnvState):
    """Remaining days of repair: the sum [R, P]; where several units may be down at once, sum and longest [R, 2 P]."""
    lives, processes = env.state.lives, run_inputs.processes
    wait = (lives.due[CALENDAR][:, : run_inputs.rows] - env.state.t[:, None]) / DAY_H
    apart = jnp.asarray(run_inputs.plant.units)[None] == 1
    down = (lives.turns[:, :processes] % 2 == 1) & (apart | (not run_inputs.facts.several))
    down = jnp.concatenate([down, jnp.ones_like(wait[:, processes:], bool)], axis=1)
    wait = jnp.where(down & jnp.isfinite(wait), wait, 0.0)
    mine = jnp.asarray(run_inputs.owner)[None] == jnp.arange(processes)[:, None]  # [P, rows]
    if not run_inputs.facts.several:
        return wait
    longest = jnp.max(jnp.where(mine[None], wait[:, None], 0.0), -1)
    return jnp.concatenate([wait @ mine.T.astype(float), longest], axis=1)

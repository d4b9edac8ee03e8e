"""The beamlines of the batched engine: optics that warm up, queues of samples, samples spoilt.

Each function is written for one beamline of R runs and mapped over the beamlines.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from twin import laws
from twin.batched.arrays import of_each
from twin.batched.state import NEVER, Lines, State
from twin.batched.world import RunInputs
from twin.beam_states import STORED
from twin.reference import HOLD


class Optics(NamedTuple):
    """A beamline's own times, [B] each, in hours."""

    exchange_h: Any
    exposure_h: Any
    warmup_h: Any
    warmup_tau_h: Any


def _optics(world: RunInputs) -> Optics:
    return Optics(*(jnp.asarray(getattr(world.plant, name)) for name in Optics._fields))


def warm_at(lines: Lines, t):
    """[B, R] the coming end of each warm-up."""
    return jnp.where(lines.heated & (t[None] < lines.warm_at), lines.warm_at, NEVER)


def flux_per_ma(world: RunInputs, state: State):
    """[B, R] of the operating_point, by the share that the tree leaves."""
    flux = state.operating_point.flux_per_ma
    return flux * state.gates.share[None] if world.facts.levels else flux


def accumulate(world: RunInputs, state: State, t, now_ma) -> Lines:
    """Count the samples up to ``t`` under the beam there has been."""
    count = partial(_bank, world.facts.ring, state, t, now_ma)
    return jax.vmap(count)(_optics(world), state.lines, flux_per_ma(world, state))


def _bank(ring: bool, state: State, t, now_ma, optics: Optics, line: Lines, per_ma) -> Lines:
    exchange_h, exposure_h = optics[:2]
    gain = (t - line.since) / laws.sample_h(per_ma * now_ma, exchange_h, exposure_h)
    if ring:
        losses = state.operating_point.gas, state.operating_point.touschek
        decayed = laws.samples_in_decay(line.since_ma, now_ma, *losses, exchange_h, exposure_h, per_ma, jnp)
        gain = jnp.where(state.beam.regime == HOLD, gain, decayed)
    return line._replace(done=line.done + jnp.where(line.measuring, gain, 0.0), since=t, since_ma=now_ma)


def arrive(world: RunInputs, lines: Lines, arrived) -> tuple[Lines, Any]:
    """The next experiment of a line, where ``arrived`` [B, R], with its samples; True where none is left."""
    b, count = jnp.argmax(arrived, axis=0), jnp.sum(arrived * (lines.arrived + 1), axis=0)
    last = world.arrive_h.shape[-1]
    coming = jnp.where(count < last, of_each(world.arrive_h, b, count), NEVER)
    queue = of_each(world.demand, b, count)
    return lines._replace(
        arrived=lines.arrived + arrived,
        arrive_at=jnp.where(arrived, coming[None], lines.arrive_at),
        queue=jnp.where(arrived, queue[None], lines.queue),
    ), count >= last


def settle_lines(world: RunInputs, state: State, now_ma, flux_before, aims) -> Lines:
    """Heat or cool, spoil, measure or wait; find when each queue will be empty, anew where ``aims``."""
    follow = partial(_settle, world.facts.ring, state, now_ma)
    opened = jnp.asarray(world.calendar.open).T[:, state.block]
    beam = (state.beam.mode == STORED)[None]
    heated = beam & opened & (state.lines.faults == 0)
    flux = flux_per_ma(world, state), flux_before
    return jax.vmap(follow)(_optics(world), state.lines, *flux, heated, aims)


def _settle(ring: bool, state: State, now_ma, optics, line: Lines, per_ma, flux, heated, aims) -> Lines:
    t = state.t
    cools, heats = line.heated & ~heated, heated & ~line.heated
    owed = laws.warmup_left(line.warm_left, t - line.dark_since, optics.warmup_h, optics.warmup_tau_h, jnp)
    share = laws.exchange_share(jnp.maximum(flux, 1e-12), optics.exchange_h, optics.exposure_h)
    whole = jnp.floor(line.done)
    spoilt = cools & (line.done - whole > share)
    done = jnp.where(spoilt, whole, line.done)
    warm = jnp.where(heats, t + owed, jnp.where(cools, NEVER, line.warm_at))
    left = line.queue - done
    measuring = heated & (t >= warm) & state.good & (left > 0)
    aims = aims | (measuring != line.measuring)
    empty = t + _hours_to_empty(ring, state, now_ma, optics, per_ma, left)
    return line._replace(
        done=done,
        heated=heated,
        warm_left=jnp.where(cools, jnp.maximum(line.warm_at - t, 0.0), line.warm_left),
        dark_since=jnp.where(cools, t, line.dark_since),
        warm_at=warm,
        spoilt=line.spoilt + spoilt,
        measuring=measuring,
        since_ma=jnp.where(aims, now_ma, line.since_ma),
        empty_at=jnp.where(aims, jnp.where(measuring, empty, NEVER), line.empty_at),
    )


def _hours_to_empty(ring: bool, state: State, now_ma, optics: Optics, per_ma, left):
    exchange_h, exposure_h = optics[:2]
    held = left * laws.sample_h(per_ma * now_ma, exchange_h, exposure_h)
    if not ring:
        return held
    losses = state.operating_point.gas, state.operating_point.touschek
    at_ma = laws.decay_for_samples(now_ma, left, *losses, exchange_h, exposure_h, per_ma, jnp)
    falls = jnp.where(at_ma > 0, laws.decay_time(now_ma, at_ma, *losses, jnp), NEVER)
    return jnp.where(state.beam.regime == HOLD, held, falls)

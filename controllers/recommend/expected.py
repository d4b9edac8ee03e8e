"""Useful beam expected of a law without simulation: a differentiable closed form for searches."""

from math import gamma
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from twin import laws
from twin.importance import importance
from twin.plant import Law, Plant, operating_point
from twin.scenario import Scenario
from twin.tree import BEAMLINE, DUMP, INJECTION, UNIT


class OutageCosts(NamedTuple):
    """Cost of each failure in user time and samples: everything of plant and schedule that settings do not change."""

    per_hazard: Any  # [P] failures per hour are per_hazard * hazard ** power
    power: Any  # [P]
    lost_h: Any  # [P, B] beamline hours that one failure costs, warm-up included
    cuts: Any  # [P, B] exposures that one failure interrupts
    injection: Any  # [P] bool: hours are lost only once the stored current has decayed below the threshold
    down_h: Any  # [P] mean hours until the unit is up again
    weight: Any  # [B] weight times scheduled hours of each beamline, sum 1
    plant: Plant  # arrays only


def outage_costs(plant: Plant, scenario: Scenario, hazard) -> OutageCosts:
    """The outage costs over a scenario.

    Redundant units count by their Birnbaum importance at ``hazard`` [P], the hazard of the present settings.
    """
    modes = [process.mode for process in plant.processes]
    weibull = ~np.isnan(plant.shape)
    power = 1.0 / np.where(weibull, plant.shape, 1.0)
    per_hazard = np.where(weibull, [1.0 / gamma(1.0 + p) for p in power], [1.0 / m.mean_h for m in modes])
    down_h = plant.diagnosis_h + [m.repair.time.mean_h for m in modes] + plant.conditioning_h
    unavailability = np.minimum(per_hazard * np.asarray(hazard) ** power * down_h / plant.units, 0.5)
    birnbaum = importance(plant.facility, unavailability[:, None]).birnbaum[:, 0]
    return OutageCosts(
        per_hazard, power, *_lost(plant, down_h, birnbaum), plant.effect == INJECTION, down_h,
        _weight(plant, scenario), plant._replace(tree=None, processes=None, facility=None),
    )  # fmt: skip


def _lost(plant: Plant, down_h, birnbaum) -> tuple[np.ndarray, np.ndarray]:
    """(Hours lost, exposures interrupted), each [P, B], per failure; hours include warm-up (``laws.warmup_left``)."""
    out_h = (down_h + np.where(plant.effect == DUMP, plant.restart_h, 0.0))[:, None]
    cold = np.isin(plant.effect, (DUMP, BEAMLINE, UNIT))[:, None]
    warm_h = np.where(cold, laws.warmup_left(0.0, out_h, plant.warmup_h, plant.warmup_tau_h), 0.0)
    mine = (plant.effect[:, None] != BEAMLINE) | (plant.line[:, None] == np.arange(len(plant.weight)))
    mine = mine * np.where(plant.effect == UNIT, birnbaum, 1.0)[:, None]
    return (out_h + warm_h) * mine, cold * mine


def _weight(plant: Plant, scenario: Scenario) -> np.ndarray:
    """Weight times scheduled hours of each beamline [B], as shares."""
    ends = np.minimum(scenario.calendar.end_h, scenario.horizon_h)
    hours = np.diff(np.concatenate([[0.0], ends])) @ scenario.calendar.open
    weight = plant.weight * hours
    return weight / max(weight.sum(), 1e-12)


def useful_beam(law: Law, outage_costs: OutageCosts, settings, conditions):
    """Expected useful beam, %, at constant settings [K]: approximates ``outcome.useful_beam``; differentiable.

    Each beamline measures at the speed of its flux for the share 1 / (1 + sum of rate * hours lost) of its time
    (failures of a running machine, none in an outage). A sample that is interrupted in its exposure y is exchanged (x)
    and measured again: at c interruptions per hour it takes x exp(c y) + (exp(c y) - 1) / c hours on average.
    Neglected: queues for crews and of samples, decay between refills, and dependences between redundant units.
    """
    output = law(settings, conditions)
    point = operating_point(outage_costs.plant, output, settings, jnp)
    rate = outage_costs.per_hazard * output.hazard**outage_costs.power
    plant = outage_costs.plant
    threshold = jnp.maximum(plant.low_share, 1e-3) * point.target
    decay_h = laws.decay_time(point.target, threshold, point.gas, point.touschek, jnp)
    # Share of repairs, with exponential times, that outlast the decay.
    late = jnp.where(outage_costs.injection, jnp.exp(-decay_h / outage_costs.down_h), 1.0)
    up = 1.0 / (1.0 + (rate * late) @ outage_costs.lost_h)
    cut = rate @ outage_costs.cuts + 1e-9  # interruptions per hour [B]
    exposed = cut * plant.exposure_h / (point.flux_per_ma * point.target)
    sample_h = plant.exchange_h * jnp.exp(exposed) + jnp.expm1(exposed) / cut
    speed = laws.sample_h(1.0, plant.exchange_h, plant.exposure_h) / sample_h
    return 100.0 * jnp.sum(outage_costs.weight * up * speed)


@jax.jit
def of_each(law: Law, outage_costs: OutageCosts, settings, conditions):
    """Useful beam [n] at settings [n, K]."""
    return jax.vmap(lambda s: useful_beam(law, outage_costs, s, conditions))(settings)


@jax.jit
def of_draws(laws_, outage_costs: OutageCosts, settings, conditions):
    """Useful beam [D, n] at settings [n, K] under each of D stacked laws."""
    return jax.vmap(lambda law: jax.vmap(lambda s: useful_beam(law, outage_costs, s, conditions))(settings))(
        laws_
    )

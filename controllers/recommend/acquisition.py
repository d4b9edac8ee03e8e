"""What gradient ascent climbs in a case: the gain expected of the learned law, inside its envelope."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtri

from controllers.evaluation import LAWS
from controllers.recommend import expected
from controllers.recommend.case import Case
from controllers.searches.ascent import AcquisitionObjective
from twin.nominal import at
from twin.plant import build


class Known(NamedTuple):
    """What a case knows of its machine: the law with posterior draws of it, and where it may go."""

    law: Any
    draws: Any  # with a leading axis D
    outage_costs: expected.OutageCosts
    conditions: Any  # [C]
    held: Any  # [D] useful beam at the present settings
    low: Any  # [Q] promised of each quantity, infinite where nothing is
    high: Any  # [Q]
    averse: float  # standard deviations of the gain that count against it


def over(this: Case, seed: int, risk: float = 0.10) -> AcquisitionObjective:
    """The landscape of a case: the ``risk`` quantile of the gain expected without simulating, inside its envelope.

    ``worth`` takes the gain's spread over posterior draws of the law for that of a normal.
    """
    law, conditions = this.law, this.conditions
    outage_costs = expected.outage_costs(
        build(this.facility), this.scenario, at(law, this.space.present, conditions).hazard
    )
    many = law.draws(jax.random.key(seed), LAWS)
    held = np.asarray(expected.of_draws(many, outage_costs, this.space.present[None], conditions))[:, 0]
    ends = [(q.low, q.high) for q in this.facility.quantity]
    low = np.array([-np.inf if low is None else low for low, _ in ends])
    high = np.array([np.inf if high is None else high for _, high in ends])
    return AcquisitionObjective(
        _averse, _inside, Known(law, many, outage_costs, conditions, held, low, high, float(-ndtri(risk)))
    )


def _averse(known: Known, settings):
    """Expected gain less so many standard deviations over the draws, [% of useful beam]."""
    beam = jax.vmap(lambda law: expected.useful_beam(law, known.outage_costs, settings, known.conditions))(
        known.draws
    )
    gain = beam - known.held
    return jnp.mean(gain) - known.averse * jnp.sqrt(jnp.var(gain) + 1e-12)


def _inside(known: Known, settings):
    """How far inside the reach of the logs and the promised bounds, as shares of these, [1 + 2 Q]; 1 where none is."""
    _, low, high = known.law.predict(settings, known.conditions)

    def share(room, bound):
        return jnp.where(
            jnp.isfinite(bound), room / jnp.where(jnp.isfinite(bound), jnp.abs(bound) + 1e-12, 1.0), 1.0
        )

    seen = known.law.seen
    near = (
        jnp.ones(1)
        if seen is None
        else (1.0 - known.law.support(settings, known.conditions) / seen.limit)[None]
    )
    above, below = share(low - known.low, known.low), share(known.high - high, known.high)
    return jnp.concatenate([near, above, below])

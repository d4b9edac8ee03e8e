"""The acquisition objective of a case: the gain expected of the learned law, inside the envelope."""

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


class Prediction(NamedTuple):
    """The learned law of a case with posterior samples of it, outage costs and bounds."""

    law: Any
    draws: Any  # posterior samples of the law, with a leading axis D
    outage_costs: expected.OutageCosts
    conditions: Any  # [C]
    present: Any  # [D] useful beam at the present settings, %
    low: Any  # [Q] lower bound of each quantity, infinite where there is none
    high: Any  # [Q] upper bound
    averse: float  # standard deviations that are subtracted from the mean gain


def risk_averse_gain(this: Case, seed: int, risk: float = 0.10) -> AcquisitionObjective:
    """The ``risk`` quantile of the gain expected without simulation, with the envelope's bounds as constraints.

    The quantile is that of a normal distribution with the mean and variance of the gain over posterior samples of the
    law.
    """
    law, conditions = this.law, this.conditions
    outage_costs = expected.outage_costs(
        build(this.facility), this.scenario, at(law, this.space.present, conditions).hazard
    )
    samples = law.draws(jax.random.key(seed), LAWS)
    present = np.asarray(expected.of_draws(samples, outage_costs, this.space.present[None], conditions))[:, 0]
    ends = [(q.low, q.high) for q in this.facility.quantity]
    low = np.array([-np.inf if low is None else low for low, _ in ends])
    high = np.array([np.inf if high is None else high for _, high in ends])
    prediction = Prediction(law, samples, outage_costs, conditions, present, low, high, float(-ndtri(risk)))
    return AcquisitionObjective(_gain, _margins, prediction)


def _gain(prediction: Prediction, settings):
    """Mean gain over the posterior samples minus ``averse`` standard deviations, % useful beam, at settings [K]."""
    _, draws, outage_costs, conditions, *_ = prediction
    beam = jax.vmap(lambda law: expected.useful_beam(law, outage_costs, settings, conditions))(draws)
    gain = beam - prediction.present
    return jnp.mean(gain) - prediction.averse * jnp.sqrt(jnp.var(gain) + 1e-12)


def _margins(prediction: Prediction, settings):
    """Margins to the support limit and to the promised bounds, as shares of them, [1 + 2 Q]; 1 where there is none."""
    law, conditions = prediction.law, prediction.conditions
    _, low, high = law.predict(settings, conditions)

    def share(margin, bound):
        return jnp.where(
            jnp.isfinite(bound), margin / jnp.where(jnp.isfinite(bound), jnp.abs(bound) + 1e-12, 1.0), 1.0
        )

    support = (
        jnp.ones(1) if law.seen is None else (1.0 - law.support(settings, conditions) / law.seen.limit)[None]
    )
    above, below = share(low - prediction.low, prediction.low), share(prediction.high - high, prediction.high)
    return jnp.concatenate([support, above, below])

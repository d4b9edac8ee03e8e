"""Forecast of a calibrated facility: the shares of chance and of unknown parameters."""

from dataclasses import dataclass

import jax
import numpy as np
import pytest
from samples_surrogate import FACILITY

from controllers.evaluation import CHANCE
from controllers.recommend import forecast
from twin import batched
from twin.nominal import NominalLaw, nominal
from twin.outcome import Figure
from twin.scenario import ahead

PLANTS = 200


def figure(between: float, within: float, seed=0) -> Figure:
    """A ratio near 2 per unit below: plants differ by ``between``, runs of one plant by ``within``."""
    rng = np.random.default_rng(seed)
    plants = rng.normal(0.0, between, (PLANTS, 1)) + rng.normal(0.0, within, (PLANTS, CHANCE))
    return Figure(2.0 + plants.ravel(), np.ones(PLANTS * CHANCE))


@pytest.mark.parametrize("between, within", [(0.3, 0.2), (0.1, 0.4), (0.0, 0.3)])
def test_variance_is_split_into_chance_and_unknown_parameters(between, within):
    row = forecast._forecast("x", figure(between, within), {})
    error = 4 * np.sqrt(2 / PLANTS) * (between**2 + within**2 / CHANCE)
    assert row.chance == pytest.approx(within, rel=0.1)
    assert row.parameters**2 == pytest.approx(between**2, abs=error)
    assert row.low == pytest.approx(2.0 - 1.645 * np.hypot(between, within), abs=0.1)
    assert row.share == pytest.approx(row.parameters**2 / (row.parameters**2 + row.chance**2))


def test_the_long_run_interval_holds_the_plants_and_not_the_years():
    row = forecast._forecast("x", figure(0.2, 0.6), {})
    assert 1.645 * 0.2 < row.long_high - row.mean < 1.645 * 0.2 * 1.4
    assert row.high - row.low > 2 * (row.long_high - row.long_low)


def test_the_biggest_source_is_named_only_if_it_stands_out():
    rng = np.random.default_rng(1)
    mean = rng.normal(size=64)
    noise = {f"noise {i}": rng.normal(size=64) for i in range(20)}
    name, share = forecast._biggest(mean, noise | {"cause": mean + 0.5 * rng.normal(size=64)})
    assert name == "cause" and share > 0.6
    assert forecast._biggest(mean, noise)[0] is None


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Scaled:
    """A law with its hazards times a factor."""

    law: NominalLaw
    factor: np.ndarray

    def __call__(self, settings, conditions):
        point = self.law(settings, conditions)
        return point._replace(hazard=point.hazard * self.factor)


@pytest.mark.slow
def test_plants_that_differ_in_one_rate_are_uncertain_because_of_it():
    rng = np.random.default_rng(0)
    law = nominal(FACILITY)
    factors = np.exp(rng.normal(0.0, 0.5, 24))
    likely = [(FACILITY, Scaled(law, np.array([f, 1.0, 1.0]))) for f in factors]
    rows = forecast.of_plants(likely, ahead(FACILITY, 2000.0), 0, batched, lambda text, share: None)
    failures = next(r for r in rows if r.metric == "failures")
    assert failures.source == "how often rf.trip" and failures.source_share > 0.8
    assert failures.share > 0.5
    alike = forecast.of_plants([(FACILITY, Scaled(law, np.ones(3)))] * 24, ahead(FACILITY, 2000.0), 0, batched,
                                lambda text, share: None)  # fmt: skip
    assert next(r for r in alike if r.metric == "failures").share < 0.15

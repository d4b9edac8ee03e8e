"""Both engines against exact results: availability, repair queues, renewals, throughput, refills.

Each facility below is the same text with other numbers, so the batched engine compiles once.
"""

import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from twin import batched, draws, laws, nominal, plant, reference, scenario
from twin.facility import parse

HOURS, RUNS, LIVES, SEED = 4000.0, 48, 512, 11
NEVER_H, SIGMA = 1e12, 0.8
ENGINES = {"reference": reference.simulate, "batched": batched.simulate}

TEXT = """
name = "toy"
title = "A toy"
kind = "{kind}"
[beam]
current_knob = "current"
lifetime = "lifetime"
touschek_share = 0.6
low_share = 0.9
restart_h = {restart_h}
fill_per_h = 1000.0
[[knob]]
name = "current"
title = "Stored current"
pv = "CURRENT"
unit = "mA"
low = 1.0
high = 500.0
value = 400.0
ramp_per_h = 60.0
[[quantity]]
name = "lifetime"
title = "Lifetime"
pv = "LIFETIME"
unit = "h"
value = 20.0
[[quantity]]
name = "flux"
title = "Flux"
pv = "FLUX"
unit = "ph/s"
value = 1e12
power = {{ current = 1.0 }}
[[crew]]
name = "crew"
size = 1
[schedule]
user_h_per_year = 5000
[[schedule.block]]
phase = "user"
hours = 1e5
[[beamline]]
name = "line"
title = "Line"
flux = "flux"
exchange_min = 6.0
exposure_min = 12.0
warmup_min = 45.0
experiments_per_week = 1e-6
samples_per_experiment = 1e6
[[subsystem]]
name = "s"
title = "Parts"
"""

MODE = """
[[subsystem.mode]]
name = "{name}"
effect = "{effect}"
mtbf_h = {mtbf_h}
shape = {shape}
ages = "{ages}"
repair = {{ median_h = {median_h}, sigma = {sigma} }}
{crew}
"""


class Unit(NamedTuple):
    """One failure mode; by default it never fails."""

    mtbf_h: float = NEVER_H
    mttr_h: float = 1.0
    ages: str = "always"
    shape: float = 1.0
    effect: str = "dump"
    crew: str = ""

    @property
    def median_h(self) -> float:
        return self.mttr_h * math.exp(-(SIGMA**2) / 2)


def toy(*units: Unit, weibull: Unit | None = None, kind: str = "ring", restart_h: float = 0.0):
    """Three memoryless modes and an ageing one: always the same shapes."""
    memoryless = [*units, *[Unit()] * (3 - len(units))]
    text = TEXT.format(kind=kind, restart_h=restart_h)
    for i, unit in enumerate([*memoryless, weibull or Unit(shape=2.0)]):
        crew = f'crew = "{unit.crew}"' if unit.crew else ""
        text += MODE.format(
            name=f"m{i}", sigma=SIGMA, median_h=unit.median_h, **{**unit._asdict(), "crew": crew}
        )
    return parse(text)


def tallies(engine: str, facility, chance=None):
    chance = draws.draw(facility, RUNS, LIVES, 4, SEED) if chance is None else chance
    scene = scenario.ahead(facility, HOURS, HOURS)
    tally = ENGINES[engine](plant.build(facility), nominal.nominal(facility), chance, scene)
    assert not np.any(tally.exhausted)
    return tally


def assert_mean(name: str, values, exact: float):
    """Within 3.5 standard errors of the exact value (each such test errs once in 2,000 seeds)."""
    mean, error = np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))
    low, high = mean - 3.5 * error, mean + 3.5 * error
    assert low <= exact <= high, (
        f"{name}: exact {exact:.5f}, estimate {mean:.5f}, interval {low:.5f} ... {high:.5f}"
    )
    assert error < 0.1 * abs(exact), f"{name}: the interval {low:.5f} ... {high:.5f} says too little"


def availability(tally):
    return tally.delivered_h / tally.user_h


@pytest.mark.parametrize("engine", ENGINES)
def test_one_unit_is_available_mtbf_over_mtbf_plus_mttr_plus_restart(engine):
    facility = toy(Unit(20.0, 3.0, ages="beam"), kind="linac", restart_h=0.5)
    assert_mean("availability", availability(tallies(engine, facility)), 20.0 / (20.0 + 3.0 + 0.5))


@pytest.mark.parametrize("engine", ENGINES)
def test_units_in_series_that_age_with_beam_add_their_repair_ratios(engine):
    """Nothing else ages while one is repaired: 1 / (1 + sum of (MTTR + restart) / MTBF)."""
    units = [Unit(30.0, 1.0, ages="beam"), Unit(50.0, 4.0, ages="beam"), Unit(90.0, 8.0, ages="beam")]
    facility = toy(*units, kind="linac", restart_h=0.25)
    exact = 1.0 / (1.0 + sum((u.mttr_h + 0.25) / u.mtbf_h for u in units))
    assert_mean("availability", availability(tallies(engine, facility)), exact)


@pytest.mark.parametrize("engine", ENGINES)
def test_units_that_age_always_and_reset_themselves_are_independent(engine):
    units = [Unit(15.0, 3.0), Unit(25.0, 2.0), Unit(40.0, 5.0)]
    exact = math.prod(u.mtbf_h / (u.mtbf_h + u.mttr_h) for u in units)
    assert_mean("availability", availability(tallies(engine, toy(*units, kind="linac"))), exact)


def all_work(units: int, mtbf_h: float, unit: Unit) -> float:
    """Probability that no unit is down: N units, one repairer, any repair time (L. Takacs, 1962).

    1 / (1 + N r sum_n C(N-1, n) prod_{i<=n} (1 / phi(i / MTBF) - 1)), r = MTTR / MTBF, phi the
    Laplace transform of the repair time.
    """

    def phi(s):
        density = lambda z: norm.pdf(z) * np.exp(-s * unit.median_h * np.exp(SIGMA * z))  # noqa: E731
        return quad(density, -9, 9, epsabs=1e-12)[0]

    odds = [1.0 / phi(i / mtbf_h) - 1.0 for i in range(1, units)]
    rest = sum(math.comb(units - 1, n) * math.prod(odds[:n]) for n in range(units))
    return 1.0 / (1.0 + units * unit.mttr_h / mtbf_h * rest)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_crew_for_three_units_makes_the_queue_that_the_machine_repair_model_says(engine):
    unit = Unit(12.0, 3.0, crew="crew")
    exact = all_work(3, 12.0, unit)
    alone = (12.0 / 15.0) ** 3
    assert exact < 0.95 * alone, "the crew must matter"
    assert_mean("availability", availability(tallies(engine, toy(unit, unit, unit, kind="linac"))), exact)


def test_the_machine_repair_formula_holds_where_it_can_be_summed_by_hand():
    """Two units: 1 / (1 + 2 r / phi(1 / MTBF)); for ever shorter repairs, independence."""
    tiny = Unit(12.0, 1e-6)
    assert all_work(2, 12.0, tiny) == pytest.approx((12.0 / (12.0 + 1e-6)) ** 2, rel=1e-9)
    assert all_work(1, 12.0, Unit(12.0, 3.0)) == pytest.approx(0.8)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_ageing_unit_is_renewed_as_often_as_renewal_theory_says(engine):
    """m(t) = t / mu + (sigma**2 - mu**2) / (2 mu**2) for a life of Weibull plus a lognormal repair."""
    shape, mtbf_h, mttr_h = 2.0, 30.0, 2.0
    scale = mtbf_h / math.gamma(1 + 1 / shape)
    variance = scale**2 * math.gamma(1 + 2 / shape) - mtbf_h**2 + mttr_h**2 * math.expm1(SIGMA**2)
    mu = mtbf_h + mttr_h
    tally = tallies(engine, toy(weibull=Unit(mtbf_h, mttr_h, shape=shape), kind="linac"))
    begun = HOURS + mttr_h  # a failure is counted when its repair begins, one repair before renewal
    assert_mean("failures", tally.failures_by[:, 3], begun / mu + (variance - mu**2) / (2 * mu**2))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["ring", "linac"])
def test_a_full_beam_measures_one_sample_per_sample_time(engine, kind):
    """All but restart, fill and warm-up is measuring time: 0.3 h a sample."""
    fill_h = 0.4 if kind == "ring" else 0.0
    tally = tallies(engine, toy(kind=kind, restart_h=0.5))
    warm_h = 0.5 + max(fill_h, 0.75)
    assert set(tally.samples[:, 0]) == {math.floor((HOURS - warm_h) / 0.3)}
    np.testing.assert_allclose(tally.delivered_h, HOURS - 0.5 - fill_h, rtol=1e-12)
    assert not np.any(tally.spoilt)


def injector_out(hours: float):
    """A ring whose injector stops once, at hour 100, for so many hours; and its chance."""
    facility = toy(Unit(100.0, 1.0, effect="injection"))
    chance = draws.draw(facility, RUNS, LIVES, 4, SEED)
    budget = np.full_like(chance.budget, 1e6)
    budget[:, 0, 0] = 1.0
    repair_z = np.zeros_like(chance.repair_z)
    repair_z[:, 0, 0] = math.log(hours / Unit(100.0, 1.0).median_h) / SIGMA
    return facility, chance._replace(budget=budget, repair_z=repair_z)


GAS, TOUSCHEK = laws.losses(20.0, 400.0, 0.6)
TO_LOW_H = laws.decay_time(400.0, 360.0, GAS, TOUSCHEK)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_stored_beam_bridges_an_injector_that_is_back_before_the_low_threshold(engine):
    hours = 0.99 * TO_LOW_H
    tally = tallies(engine, *injector_out(hours))
    refill_h = (400.0 - laws.decay(400.0, GAS, TOUSCHEK, hours)) / 1000.0
    first_fill_h = 0.4
    assert set(tally.failures) == {0.0}, "neither switching on nor the refill is a failure"
    np.testing.assert_allclose(tally.user_h - tally.delivered_h, first_fill_h + refill_h, rtol=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_injector_that_is_back_too_late_costs_the_hours_below_the_threshold_and_the_refill(engine):
    hours = 1.5 * TO_LOW_H
    tally = tallies(engine, *injector_out(hours))
    refill_h = (400.0 - laws.decay(400.0, GAS, TOUSCHEK, hours)) / 1000.0
    assert set(tally.failures) == {1.0}
    lost_h = tally.user_h - tally.delivered_h
    np.testing.assert_allclose(lost_h, 0.4 + 0.5 * TO_LOW_H + refill_h, rtol=1e-9)
    np.testing.assert_allclose(tally.lost_h[:, 0], 0.5 * TO_LOW_H + refill_h, rtol=1e-9)

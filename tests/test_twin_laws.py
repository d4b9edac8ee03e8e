"""Each closed form against the integral or equation it solves; numpy and jax alike."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from twin import laws
from twin.lifetimes.power import ageing, time_to_spend
from twin.repairs.lognormal import repair_h

LOSSES = [(0.05, 1e-4), (0.01, 0.0), (0.002, 9e-4), (0.3, 1e-6)]  # a [1/h], b [1/(h mA)]
TIMES = [(0.02, 0.05), (0.1, 0.2), (0.5, 0.01)]  # exchange, exposure [h]
PER_MA = 1 / 400.0


@pytest.mark.parametrize("gas, touschek", LOSSES)
def test_decay_solves_its_differential_equation(gas, touschek):
    def slope(_, current):
        return -gas * current - touschek * current**2

    solved = solve_ivp(slope, (0.0, 12.0), [500.0], rtol=1e-11, atol=1e-11).y[0, -1]
    assert laws.decay(500.0, gas, touschek, 12.0) == pytest.approx(solved, rel=1e-8)
    assert laws.decay(500.0, gas, touschek, 0.0) == 500.0


@pytest.mark.parametrize("gas, touschek", LOSSES)
def test_decay_time_is_the_integral_of_dt_and_the_inverse_of_decay(gas, touschek):
    integral, _ = quad(lambda i: 1.0 / (gas * i + touschek * i**2), 300.0, 480.0, epsabs=1e-12)
    assert laws.decay_time(480.0, 300.0, gas, touschek) == pytest.approx(integral, rel=1e-10)
    after = laws.decay(480.0, gas, touschek, laws.decay_time(480.0, 300.0, gas, touschek))
    assert after == pytest.approx(300.0, rel=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
def test_the_losses_give_the_lifetime_at_the_target_current(share):
    gas, touschek = laws.losses(20.0, 430.0, share)
    assert 1.0 / (gas + touschek * 430.0) == pytest.approx(20.0, rel=1e-12)
    assert touschek * 430.0 * 20.0 == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize("gas, touschek", LOSSES)
@pytest.mark.parametrize("exchange_h, exposure_h", TIMES)
def test_samples_in_a_decay_are_the_integral_of_the_sample_rate(gas, touschek, exchange_h, exposure_h):
    def rate(hours):
        return 1.0 / laws.sample_h(PER_MA * laws.decay(450.0, gas, touschek, hours), exchange_h, exposure_h)

    integral, _ = quad(rate, 0.0, 5.0, epsabs=1e-12, epsrel=1e-12)
    to_ma = laws.decay(450.0, gas, touschek, 5.0)
    samples = laws.samples_in_decay(450.0, to_ma, gas, touschek, exchange_h, exposure_h, PER_MA)
    assert samples == pytest.approx(integral, rel=1e-9)


@pytest.mark.parametrize("gas, touschek", LOSSES)
@pytest.mark.parametrize("exchange_h, exposure_h", TIMES)
def test_the_current_after_so_many_samples_inverts_the_count(gas, touschek, exchange_h, exposure_h):
    rest = gas, touschek, exchange_h, exposure_h, PER_MA
    samples = laws.samples_in_decay(450.0, 350.0, *rest)
    assert laws.decay_for_samples(450.0, samples, *rest) == pytest.approx(350.0, rel=1e-9)


def test_samples_that_the_dying_beam_never_reaches_give_no_current():
    rest = 0.05, 1e-4, 0.02, 0.5, PER_MA
    total = laws.samples_in_decay(450.0, 1e-12, *rest)
    assert laws.decay_for_samples(450.0, 0.99 * total, *rest) > 0
    assert laws.decay_for_samples(450.0, 1.01 * total, *rest) <= 0


def test_where_the_partial_fractions_coincide_the_count_is_still_the_integral():
    exchange_h, exposure_h, gas = 0.1, 0.2, 0.05
    touschek = gas * exchange_h * PER_MA / exposure_h  # b d = a x f: the closed form is 0 / 0
    rest = gas, touschek, exchange_h, exposure_h, PER_MA

    def rate(hours):
        return 1.0 / laws.sample_h(PER_MA * laws.decay(450.0, gas, touschek, hours), exchange_h, exposure_h)

    integral, _ = quad(rate, 0.0, 5.0)
    counted = laws.samples_in_decay(450.0, laws.decay(450.0, gas, touschek, 5.0), *rest)
    assert counted == pytest.approx(integral, rel=1e-9)
    back = laws.decay_for_samples(450.0, counted, *rest)
    assert back == pytest.approx(laws.decay(450.0, gas, touschek, 5.0), rel=1e-9)


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("age_h", [0.0, 30.0, 4000.0])
def test_a_budget_is_spent_after_the_time_that_the_integrated_hazard_takes(shape, age_h):
    hazard = 100.0**-shape

    def rate(age):
        return shape * hazard * age ** (shape - 1.0)

    hours = time_to_spend(age_h, 0.7, hazard, shape)
    assert quad(rate, age_h, age_h + hours, epsabs=1e-12)[0] == pytest.approx(0.7, rel=1e-6)
    spent = ageing(age_h + hours, hazard, shape) - ageing(age_h, hazard, shape)
    assert spent == pytest.approx(0.7, rel=1e-9)


def test_the_warm_up_owed_relaxes_towards_the_full_one():
    def slope(_, left):
        return (0.75 - left) / 0.5

    solved = solve_ivp(slope, (0.0, 0.8), [0.1], rtol=1e-11, atol=1e-12).y[0, -1]
    assert laws.warmup_left(0.1, 0.8, 0.75, 0.5) == pytest.approx(solved, rel=1e-9)
    assert laws.warmup_left(0.1, 0.0, 0.75, 0.5) == 0.1
    assert laws.warmup_left(0.1, 1e3, 0.75, 0.5) == 0.75


def test_exposure_shrinks_with_flux_and_exchange_does_not():
    assert laws.sample_h(2.0, 0.1, 0.4) == pytest.approx(0.3)
    assert laws.exchange_share(2.0, 0.1, 0.4) == pytest.approx(1 / 3)


def test_repair_times_have_the_stated_median_and_lognormal_mean():
    z = np.random.default_rng(1).normal(size=400_000)
    hours = repair_h(np.log(2.0), 0.5, z)
    assert np.median(hours) == pytest.approx(2.0, rel=0.01)
    assert hours.mean() == pytest.approx(2.0 * np.exp(0.125), rel=0.01)


# Touschek lifetime [h] against RF voltage [MV]: SOLEIL's lattice in accelerator-toolbox, 500 mA in
# 416 bunches, 1 % coupling, an assumed chamber of +-35 / +-12.5 mm; computed with at.get_lifetime.
SOLEIL = {1.2: 2.1, 1.4: 5.1, 1.8: 13.3, 2.2: 23.6, 2.6: 28.6, 3.0: 28.3, 3.5: 26.2, 4.0: 24.4, 5.0: 21.8}


@pytest.mark.parametrize("voltage_mv, hours", SOLEIL.items())
def test_the_touschek_shape_follows_the_lattice_code_within_the_stated_8_percent(voltage_mv, hours):
    assert laws.touschek_shape(voltage_mv) == pytest.approx(hours, rel=0.08)


def test_the_touschek_lifetime_has_its_best_voltage_inside_the_range():
    voltage = np.linspace(1.2, 5.0, 381)
    assert 2.5 < voltage[np.argmax(laws.touschek_shape(voltage))] < 2.9


def test_below_the_energy_loss_the_touschek_shape_stays_a_number():
    """The bucket closes at 0.93 MV: hardly any lifetime, but no nan either."""
    closed = laws.touschek_shape(np.array([0.1, 0.5, 0.93, 0.94]))
    assert np.all((closed > 0) & (closed < 0.1)), closed


def test_a_queue_that_no_beam_could_empty_overflows_nowhere():
    assert laws.decay_for_samples(450.0, 1e7, 0.05, 1e-2, 0.1, 0.2, 1e-8) <= 0


REST = 0.05, 1e-4, 0.1, 0.2, PER_MA
BOTH = {
    "decay": lambda xp: laws.decay(450.0, 0.05, 1e-4, xp.asarray([0.0, 1.0, 40.0]), xp),
    "decay_time": lambda xp: laws.decay_time(450.0, xp.asarray([449.0, 10.0]), 0.05, 1e-4, xp),
    "samples": lambda xp: laws.samples_in_decay(450.0, xp.asarray([449.0, 10.0]), *REST, xp),
    "inverse": lambda xp: laws.decay_for_samples(450.0, xp.asarray([0.1, 9.0]), *REST, xp),
    "warm-up": lambda xp: laws.warmup_left(0.1, xp.asarray([0.0, 2.0]), 0.75, 0.5, xp),
    "repair": lambda xp: repair_h(0.3, 0.5, xp.asarray([-2.0, 3.0]), xp),
    "touschek": lambda xp: laws.touschek_shape(xp.asarray([1.0, 2.6, 5.0]), xp),
    "spend": lambda xp: time_to_spend(xp.asarray([0.0, 9.0]), 0.7, 0.01, 1.7),
}


@pytest.mark.parametrize("name", BOTH)
def test_numpy_and_jax_agree_on_each_law(name):
    np.testing.assert_allclose(BOTH[name](np), np.asarray(BOTH[name](jnp)), rtol=1e-12)

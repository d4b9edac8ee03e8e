"""Every repair law against scipy's distributions, quadrature and samples; draws come back from hours."""

import math
from itertools import pairwise

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import special, stats
from scipy.integrate import quad

from twin.repairs import REPAIR_LAWS
from twin.repairs.empirical import Empirical
from twin.repairs.exponential import Exponential
from twin.repairs.fixed import Fixed
from twin.repairs.gamma import Gamma
from twin.repairs.lognormal import Lognormal, repair_h
from twin.repairs.pareto_tail import ParetoTail

OBSERVED = (0.4, 3.0, 1.1, 0.9, 0.9, 26.0)


class Spliced:
    """Lognormal with a Pareto tail, from scipy's two distributions."""

    def __init__(self, median_h, sigma, tail_from, tail_index):
        self.body, self.q = stats.lognorm(sigma, scale=median_h), tail_from
        self.start = self.body.ppf(tail_from)
        self.tail = stats.pareto(tail_index, scale=self.start)

    def cdf(self, t):
        return np.where(t < self.start, self.body.cdf(t), 1 - self.sf(t))

    def sf(self, t):
        return np.where(t < self.start, self.body.sf(t), (1 - self.q) * self.tail.sf(t))


CASES = {
    "lognormal": [
        ({"median_h": m, "sigma": s}, stats.lognorm(s, scale=m)) for m, s in [(0.5, 0.6), (30.0, 2.0)]
    ],
    "exponential": [({"mean_h": m}, stats.expon(scale=m)) for m in (0.3, 40.0)],
    "gamma": [
        ({"mean_h": m, "shape": k}, stats.gamma(k, scale=m / k))
        for m, k in [(3.0, 2.5), (8.0, 0.4), (5.0, 80.0)]
    ],
    "pareto_tail": [
        (table, Spliced(**table))
        for table in (
            {"median_h": 0.5, "sigma": 0.6, "tail_from": 0.99, "tail_index": 3.5},
            {"median_h": 2.0, "sigma": 1.2, "tail_from": 0.9, "tail_index": 1.2},
        )
    ],
    "fixed": [({"mean_h": 4.0}, None)],
    "empirical": [({"observed_h": OBSERVED}, None)],
}
FLAT = [(name, *case) for name, cases in CASES.items() for case in cases]
SMOOTH = [case for case in FLAT if case[2] is not None]
Z = np.linspace(-8.0, 30.0, 500)
"""The draws of a run stay within 9; replay may meet a repair far above."""


def identify(value):
    return (
        value if isinstance(value, str) else "-".join(map(str, value.values())) if type(value) is dict else ""
    )


every_law = pytest.mark.parametrize("name, table, peer", FLAT, ids=identify)
every_smooth_law = pytest.mark.parametrize("name, table, peer", SMOOTH, ids=identify)


def test_every_registered_repair_law_has_a_case():
    assert set(CASES) == set(REPAIR_LAWS)


@every_law
def test_repairs_never_shorten_as_the_draw_rises_and_keep_their_shape(name, table, peer):
    law = REPAIR_LAWS[name](**table)
    hours = law.hours(Z)
    assert (np.diff(hours) >= 0).all() and (hours > 0).all() and np.isfinite(hours).all()
    assert (np.diff(hours) > 0).all() or peer is None
    grid = law.hours(Z.reshape(5, 2, 50))
    assert grid.dtype == np.float64
    assert np.array_equal(grid, hours.reshape(5, 2, 50))
    assert np.shape(law.hours(0.3)) == () and law.hours(np.zeros((2, 0))).shape == (2, 0)


@every_law
def test_the_draw_of_a_repair_gives_the_repair_back(name, table, peer):
    law = REPAIR_LAWS[name](**table)
    hours = law.hours(Z)
    assert law.hours(law.z_of(hours)) == pytest.approx(hours, rel=1e-9, abs=0)
    assert float(law.hours(law.z_of(float(hours[7])))) == pytest.approx(hours[7], rel=1e-9, abs=0)
    assert law.z_of(np.zeros(0)).shape == (0,)


@every_smooth_law
def test_the_draw_itself_comes_back(name, table, peer):
    law = REPAIR_LAWS[name](**table)
    assert law.z_of(law.hours(Z)) == pytest.approx(Z, rel=1e-9, abs=1e-9)


@every_smooth_law
def test_the_law_of_the_hours_equals_scipys_in_both_tails(name, table, peer):
    law = REPAIR_LAWS[name](**table)
    low, high = Z[Z < 0], Z[Z >= 0]
    assert peer.cdf(law.hours(low)) == pytest.approx(special.ndtr(low), rel=1e-9, abs=0)
    assert peer.sf(law.hours(high)) == pytest.approx(special.ndtr(-high), rel=1e-9, abs=0)


@every_law
def test_the_mean_repair_is_the_integral_over_the_draws(name, table, peer):
    """Integral of hours(z) phi(z) dz, in pieces that meet where a law has a kink."""
    law = REPAIR_LAWS[name](**table)
    kinks = special.ndtri((np.arange(6) + 0.5) / 6).tolist() + [float(special.ndtri(q)) for q in (0.9, 0.99)]
    mean = sum(
        quad(lambda z: float(law.hours(z)) * math.exp(-z * z / 2), low, high, epsrel=1e-10)[0]
        for low, high in pairwise(sorted([-12.0, -4.0, *kinks, 5.0, 12.0, 37.0]))
    )
    assert mean / math.sqrt(2 * math.pi) == pytest.approx(law.mean_h, rel=1e-8)


@every_law
def test_a_hundred_thousand_repairs_have_the_mean_of_the_law(name, table, peer):
    """Within 4 standard errors; where the variance is infinite, of the repairs cut at their 99 % quantile."""
    law = REPAIR_LAWS[name](**table)
    z, mean = np.random.default_rng(5).normal(size=100_000), law.mean_h
    hours = law.hours(z)
    if table.get("tail_index", 9.0) <= 2:
        top, mass = float(law.hours(special.ndtri(0.99))), 0.01
        beyond = mass * top * law.tail_index / (law.tail_index - 1)
        hours, mean = np.minimum(hours, top), mean - beyond + mass * top
    assert abs(hours.mean() - mean) <= 4 * hours.std() / math.sqrt(1e5) + 1e-12


@every_law
def test_a_table_of_the_facility_file_becomes_the_law(name, table, peer):
    listed = {k: list(v) if k == "observed_h" else v for k, v in table.items()}
    law = TypeAdapter(REPAIR_LAWS[name]).validate_python(listed)
    assert law == REPAIR_LAWS[name](**table)
    assert hash(law) == hash(REPAIR_LAWS[name](**table))
    with pytest.raises(ValidationError):
        TypeAdapter(REPAIR_LAWS[name]).validate_python({})


@every_law
@pytest.mark.parametrize("hours", [0.0, -1.0, math.nan, math.inf])
def test_a_repair_without_a_length_has_no_draw(name, table, peer, hours):
    with pytest.raises(ValueError, match="is not possible: leave it out"):
        REPAIR_LAWS[name](**table).z_of([1.0, hours])


def test_the_lognormal_is_the_plants_own_to_the_bit():
    assert np.array_equal(Lognormal(0.5, 0.6).hours(Z), repair_h(math.log(0.5), 0.6, Z))


def test_gamma_of_shape_one_is_the_exponential_also_where_its_ratios_underflow():
    z = np.linspace(-8.0, 60.0, 300)
    assert Gamma(3.0, 1.0).hours(z) == pytest.approx(Exponential(3.0).hours(z), rel=1e-9, abs=0)
    assert Gamma(3.0, 1.0).z_of([3000.0, 9000.0]) == pytest.approx(
        Exponential(3.0).z_of([3000.0, 9000.0]), rel=1e-12
    )


def test_a_repair_too_short_for_any_draw_is_refused():
    with pytest.raises(ValueError, match=r"a repair of 0.001 h is too short for a gamma law of mean 5.0 h"):
        Gamma(5.0, 100.0).z_of([4.0, 0.001])


def test_the_pareto_tail_meets_the_body_without_a_step():
    law = ParetoTail(0.5, 0.6, 0.99, 1.5)
    below, above = law.hours(np.nextafter(law.z_tail, -9)), law.hours(np.nextafter(law.z_tail, 9))
    assert below == pytest.approx(law.tail_h, rel=1e-14) and above == pytest.approx(law.tail_h, rel=1e-14)
    assert law.tail_h == pytest.approx(0.5 * math.exp(0.6 * 2.3263478740408408), rel=1e-12)


def test_below_its_tail_the_spliced_law_is_the_lognormal_to_the_bit():
    z = np.linspace(-8.0, 2.32, 200)
    assert np.array_equal(ParetoTail(0.5, 0.6, 0.99, 1.5).hours(z), Lognormal(0.5, 0.6).hours(z))


def test_ten_times_longer_is_ten_to_the_index_times_rarer():
    law = ParetoTail(0.5, 0.6, 0.99, 1.5)
    for longer in (10.0, 1000.0, 1e5):
        chance = special.ndtr(-law.z_of(longer * law.tail_h))
        assert chance == pytest.approx(0.01 * longer**-1.5, rel=1e-9, abs=0)


def test_with_a_heavy_tail_one_repair_in_a_hundred_makes_two_fifths_of_the_dead_time():
    """Shares of the mean beyond the 99 % quantile, exact: 43 % at an index of 1.05, 4 % for the lognormal."""
    heavy, light = ParetoTail(0.5, 0.6, 0.99, 1.05), Lognormal(0.5, 0.6)
    beyond = stats.pareto(1.05, scale=light.hours(special.ndtri(0.99))).mean()
    assert 0.01 * beyond / heavy.mean_h == pytest.approx(0.4256, abs=1e-3)
    assert special.ndtr(light.sigma - special.ndtri(0.99)) == pytest.approx(0.0421, abs=1e-4)


def test_the_observed_mean_is_the_mean_and_their_median_the_median():
    law = Empirical(OBSERVED)
    assert law.mean_h == pytest.approx(np.mean(OBSERVED), rel=1e-15)
    assert law.hours(0.0) == pytest.approx(1.0, rel=1e-12)
    assert law.hours([-8.0, 8.0]).tolist() == [0.4, 26.0]
    assert law.hours(law.z_of(sorted(OBSERVED))) == pytest.approx(sorted(OBSERVED), rel=1e-12)


@pytest.mark.parametrize(
    "law, hours, words",
    [
        (Fixed(4.0), [4.0, 5.0], r"a repair of 5.0 h is not possible: this fixed law gives 4.0 ... 4.0 h"),
        (Fixed(4.0), 3.9, r"a repair of 3.9 h is not possible"),
        (
            Empirical(OBSERVED),
            26.1,
            r"a repair of 26.1 h is not possible: this empirical law gives 0.4 ... 26.0 h",
        ),
        (Empirical(OBSERVED), 0.3, r"use a law that reaches it"),
    ],
)
def test_a_repair_that_the_law_cannot_give_is_refused_in_words(law, hours, words):
    with pytest.raises(ValueError, match=words):
        law.z_of(hours)


@pytest.mark.parametrize(
    "name, table, words",
    [
        ("lognormal", {"median_h": 0.0, "sigma": 1.0}, "median_h = 0.0 lies outside"),
        ("lognormal", {"median_h": 1.0, "sigma": 9.0}, "sigma = 9.0 lies outside 0.001 ... 5"),
        ("exponential", {"mean_h": -1.0}, "mean_h = -1.0 lies outside"),
        ("gamma", {"mean_h": 1.0, "shape": 0.0}, "shape = 0.0 lies outside 0.05 ... 100"),
        ("fixed", {"mean_h": math.nan}, "mean_h = nan lies outside"),
        ("empirical", {"observed_h": []}, "observed_h is empty"),
        ("empirical", {"observed_h": [1.0, -2.0]}, "observed_h = -2.0 lies outside"),
        (
            "pareto_tail",
            {"median_h": 1.0, "sigma": 1.0, "tail_from": 1.0, "tail_index": 2.0},
            "tail_from = 1.0 lies outside 0.5 ... 0.999999",
        ),
        (
            "pareto_tail",
            {"median_h": 1.0, "sigma": 1.0, "tail_from": 0.9, "tail_index": 1.0},
            "tail_index = 1.0 lies outside 1.01 ... 100",
        ),
    ],
)
def test_what_no_law_can_use_is_refused_in_words(name, table, words):
    with pytest.raises(ValueError, match=words):
        REPAIR_LAWS[name](**table)

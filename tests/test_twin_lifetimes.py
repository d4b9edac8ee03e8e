"""Every life law against scipy's distributions, quadrature and exact sums, far into both tails."""

import math
from itertools import pairwise

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import stats
from scipy.integrate import quad

from twin.lifetimes import LIFE_LAWS, NEVER
from twin.lifetimes.empirical import Empirical
from twin.lifetimes.exponential import Exponential
from twin.lifetimes.fixed import Fixed
from twin.lifetimes.gamma import Gamma
from twin.lifetimes.lognormal import Lognormal
from twin.lifetimes.power import ageing, time_to_spend
from twin.lifetimes.weibull import Weibull

OBSERVED = (120.0, 410.0, 410.0, 655.0, 1300.0, 90.0, 2750.0)


class NelsonAalen:
    """Survival of the observed lives, from the steps of scipy's Kaplan-Meier curve: d / n = 1 - S+ / S-."""

    def __init__(self):
        curve = stats.ecdf(OBSERVED).sf
        before = np.concatenate([[1.0], curve.probabilities[:-1]])
        steps, ages = 1 - curve.probabilities / before, np.concatenate([[0.0], curve.quantiles])
        self.ages = np.append(ages, ages[-1] + 1e6 * (ages[-1] - ages[-2]))
        self.spent = np.cumsum([0.0, *steps, 1e6 * steps[-1]])

    def sf(self, x):
        return math.exp(-np.interp(x, self.ages, self.spent))

    def cdf(self, x):
        return -math.expm1(-np.interp(x, self.ages, self.spent))


def weibull(mean, shape):
    return stats.weibull_min(shape, scale=mean / math.gamma(1 + 1 / shape))


def lognormal(mean, sigma):
    return stats.lognorm(sigma, scale=mean * math.exp(-(sigma**2) / 2))


CASES = {
    "exponential": [({"mean_h": m}, stats.expon(scale=m)) for m in (0.02, 9000.0, 3e7)],
    "weibull": [
        ({"mean_h": m, "shape": k}, weibull(m, k)) for m, k in [(9000.0, 2.0), (50.0, 0.3), (1e6, 10.0)]
    ],
    "lognormal": [
        ({"mean_h": m, "sigma": s}, lognormal(m, s)) for m, s in [(9000.0, 0.6), (50.0, 2.0), (1e6, 0.05)]
    ],
    "gamma": [
        ({"mean_h": m, "shape": k}, stats.gamma(k, scale=m / k))
        for m, k in [(9000.0, 2.5), (50.0, 0.3), (1e6, 100.0), (700.0, 1.0)]
    ],
    "fixed": [({"mean_h": 4000.0}, None)],
    "empirical": [({"observed_h": OBSERVED}, NelsonAalen())],
}
FLAT = [(name, *case) for name, cases in CASES.items() for case in cases]
CURVED = [case for case in FLAT if case[0] != "fixed"]
SPENT = np.logspace(-12, math.log10(500.0), 400).tolist()


def identify(value):
    return (
        value if isinstance(value, str) else "-".join(map(str, value.values())) if type(value) is dict else ""
    )


every_law = pytest.mark.parametrize("name, table, peer", FLAT, ids=identify)
every_curve = pytest.mark.parametrize("name, table, peer", CURVED, ids=identify)


def test_every_registered_life_law_has_a_case():
    assert set(CASES) == set(LIFE_LAWS)


@every_curve
def test_the_age_at_a_spent_hazard_inverts_it_and_both_rise(name, table, peer):
    law = LIFE_LAWS[name](**table)
    ages = [law.age_at(s) for s in SPENT]
    again = [law.age_at(law.spent(a)) for a in ages]
    assert np.array(again) == pytest.approx(ages, rel=1e-9, abs=0)
    assert np.array([law.spent(a) for a in ages]) == pytest.approx(SPENT, rel=1e-9, abs=0)
    assert (np.diff(ages) > 0).all()
    between = np.sort(np.concatenate([ages, ages[0] + np.random.default_rng(1).random(200) * ages[-1]]))
    assert (np.diff([law.spent(a) for a in between.tolist()]) >= 0).all()


@every_curve
def test_survival_equals_scipys_in_both_tails(name, table, peer):
    law = LIFE_LAWS[name](**table)
    for spent in SPENT:
        age = law.age_at(spent)
        assert math.exp(-law.spent(age)) == pytest.approx(peer.sf(age), rel=1e-9, abs=0)
        assert -math.expm1(-law.spent(age)) == pytest.approx(peer.cdf(age), rel=1e-9, abs=0)


@every_law
def test_the_mean_life_is_the_integral_of_survival(name, table, peer):
    law = LIFE_LAWS[name](**table)
    pieces = sorted({0.0, *OBSERVED, *(law.age_at(s) for s in np.logspace(-9, 1.7, 60).tolist())})
    mean = sum(
        quad(lambda a: math.exp(-law.spent(a)), low, high, epsrel=1e-10, epsabs=1e-10)[0]
        for low, high in pairwise(pieces)
    )
    assert mean == pytest.approx(law.mean_h, rel=1e-7)
    assert law.mean_h == table.get("mean_h", law.mean_h)


@every_law
def test_ten_thousand_lives_have_the_mean_that_the_file_states(name, table, peer):
    """Within 4 standard errors, which the law's own spread gives."""
    law = LIFE_LAWS[name](**table)
    budgets = np.random.default_rng(3).exponential(size=10_000)
    lives = np.array([law.age_at(u) for u in budgets.tolist()])
    error = (peer.std() if name != "empirical" else lives.std()) if peer else 1e-9
    assert abs(lives.mean() - law.mean_h) <= 4 * error / 100


@every_law
def test_a_new_unit_has_spent_nothing_and_an_endless_age_everything(name, table, peer):
    law = LIFE_LAWS[name](**table)
    assert law.spent(0.0) == 0.0
    assert law.spent(NEVER) == NEVER
    assert law.age_at(NEVER) == (NEVER if peer else law.mean_h)
    assert law.age_at(5e-324) >= 0.0
    assert {type(law.spent(1.7)), type(law.age_at(1.7)), type(law.mean_h)} == {float}


@every_law
def test_what_was_spent_stays_spent_when_the_factor_changes(name, table, peer):
    law = LIFE_LAWS[name](**table)
    for budget in (0.05, 0.9, 4.0):
        early, age, left = 0.3 * law.hours_left(0.0, budget, 0.7 * law.hazard), 0.0, budget
        for until in (0.5 * early, 0.9 * early, early):  # epochs of one factor are one epoch
            left -= law.spending(age, until, 0.7 * law.hazard)
            age = until
        life = age + law.hours_left(age, left, 2.5 * law.hazard)
        if name == "fixed":
            assert life == pytest.approx(law.mean_h, rel=1e-12)
        else:
            spent = 0.7 * law.spent(early) + 2.5 * (law.spent(life) - law.spent(early))
            assert spent == pytest.approx(budget, rel=1e-9)


@every_law
def test_at_factor_zero_nothing_is_spent_and_nothing_falls_due(name, table, peer):
    law = LIFE_LAWS[name](**table)
    for age in (0.0, law.mean_h, 3 * law.mean_h):
        assert law.spending(age, 9 * law.mean_h, 0.0 * law.hazard) == 0.0
        assert law.hours_left(age, 0.3, 0.0 * law.hazard) == NEVER


@every_law
def test_a_budget_that_is_used_up_falls_due_at_once_and_never_in_the_past(name, table, peer):
    law = LIFE_LAWS[name](**table)
    for age in (1.1 * law.mean_h, 2 * law.mean_h):
        for left in (0.0, -1e-15, -NEVER):
            assert 0.0 <= law.hours_left(age, left, 1.3 * law.hazard) <= 1e-9 * age
        assert law.spending(age, age, 1.3 * law.hazard) == 0.0


@every_law
def test_a_table_of_the_facility_file_becomes_the_law(name, table, peer):
    law = TypeAdapter(LIFE_LAWS[name]).validate_python(
        {k: list(v) if k == "observed_h" else v for k, v in table.items()}
    )
    assert law == LIFE_LAWS[name](**table)
    assert hash(law) == hash(LIFE_LAWS[name](**table))
    with pytest.raises(ValidationError):
        TypeAdapter(LIFE_LAWS[name]).validate_python({})


@pytest.mark.parametrize("mean, shape", [(9000.0, 1.0), (9000.0, 2.0), (437.5, 0.7), (12e3, 10.0)])
def test_at_factor_one_weibull_is_the_plants_closed_form_to_the_bit(mean, shape):
    law, hazard = Weibull(mean, shape), (math.gamma(1 + 1 / shape) / mean) ** shape
    for age in (3.0, 777.7, 2e4):
        assert law.spent(age) == ageing(age, hazard, shape)
        assert law.age_at(age * 1e-3) == time_to_spend(0.0, age * 1e-3, hazard, shape)
        if shape == 1.0:
            assert Exponential(mean).spent(age) == ageing(age, hazard, 1.0)
            assert Exponential(mean).age_at(age * 1e-3) == time_to_spend(0.0, age * 1e-3, hazard, 1.0)


@pytest.mark.parametrize("factor", [0.2, 1.0, 7.0])
@pytest.mark.parametrize("mean, shape", [(9000.0, 1.0), (9000.0, 2.0), (437.5, 0.7), (12e3, 10.0)])
def test_at_any_factor_weibull_falls_due_when_the_plants_closed_form_says(mean, shape, factor):
    law = Weibull(mean, shape)
    for age in (0.0, 3.0, mean, 2 * mean):
        due = time_to_spend(age, 0.8, factor * law.hazard, shape)
        assert law.hours_left(age, 0.8, factor * law.hazard) == pytest.approx(due, rel=1e-12, abs=1e-14 * age)


def test_shape_one_of_weibull_and_gamma_is_the_exponential():
    for spent in SPENT:
        wanted = Exponential(300.0).age_at(spent)
        assert Weibull(300.0, 1.0).age_at(spent) == pytest.approx(wanted, rel=1e-14, abs=0)
        assert Gamma(300.0, 1.0).age_at(spent) == pytest.approx(wanted, rel=1e-12, abs=0)


@pytest.mark.parametrize("shape", [2, 7, 20, 100])
def test_far_in_its_tail_gamma_is_the_exact_erlang_sum_across_the_seam(shape):
    """Q(k, x) = exp(-x) sum_{j<k} x**j / j!, in logarithms; the seam lies where Q underflows."""
    law = Gamma(float(shape), float(shape))
    j = np.arange(shape)
    for x in np.linspace(4.0 * shape + 400.0, 6000.0, 300).tolist():
        terms = j * math.log(x) - np.array([math.lgamma(i + 1) for i in j])
        exact = x - terms.max() - math.log(np.exp(terms - terms.max()).sum())
        assert law.spent(x) == pytest.approx(exact, rel=1e-12)
        assert law.age_at(exact) == pytest.approx(x, rel=1e-12)


def test_far_in_its_tail_lognormal_follows_mills_series():
    """-log Phi(-z) = z**2 / 2 + log(z sqrt(2 pi)) - log(1 - z**-2 + 3 z**-4 - 15 z**-6 ...)."""
    law = Lognormal(50.0, 0.5)
    for z in (30.0, 60.0, 300.0):
        series = 1 - z**-2 + 3 * z**-4 - 15 * z**-6 + 105 * z**-8
        exact = z**2 / 2 + math.log(z * math.sqrt(2 * math.pi)) - math.log(series)
        assert law.spent(math.exp(law.mu + law.sigma * z)) == pytest.approx(exact, rel=1e-12)
        assert law.age_at(exact) == pytest.approx(math.exp(law.mu + law.sigma * z), rel=1e-9)


def test_the_lognormal_hazard_rises_and_then_falls():
    law, ages = Lognormal(1000.0, 1.0), np.logspace(0, 6, 200).tolist()
    hazard = np.diff([law.spent(a) for a in ages]) / np.diff(ages)
    top = int(hazard.argmax())
    assert 0 < top < len(hazard) - 1
    assert (np.diff(hazard[: top + 1]) > 0).all() and (np.diff(hazard[top:]) < 0).all()


def test_a_fixed_life_ends_on_the_hour_at_any_factor():
    law = Fixed(4000.0)
    for factor in (1e-9, 1.0, 1e9):
        assert law.hours_left(1500.0, 0.4, factor * law.hazard) == 2500.0
        assert law.spending(1500.0, 4000.0, factor * law.hazard) == 0.0
        assert law.spending(3999.0, 4001.0, factor * law.hazard) == NEVER
        assert law.spending(4001.0, 4002.0, factor * law.hazard) == NEVER
    assert law.spent(4000.0) == 0.0
    assert law.age_at(0.0) == law.age_at(1e-300) == 4000.0
    assert law.spent(math.nextafter(4000.0, 5000.0)) == NEVER


def test_empirical_passes_through_the_nelson_aalen_estimate_with_ties():
    law = Empirical([300.0, 100.0, 200.0, 200.0])
    assert law.spent(100.0) == pytest.approx(1 / 4)
    assert law.spent(200.0) == pytest.approx(1 / 4 + 2 / 3)
    assert law.spent(300.0) == pytest.approx(1 / 4 + 2 / 3 + 1)
    assert law.spent(50.0) == pytest.approx(1 / 8)
    assert law.spent(450.0) == pytest.approx(1 / 4 + 2 / 3 + 2.5)


def test_a_single_observed_life_is_an_exponential_of_that_mean():
    law, peer = Empirical([80.0]), Exponential(80.0)
    assert law.mean_h == pytest.approx(80.0, rel=1e-15)
    assert [law.age_at(s) for s in SPENT] == pytest.approx([peer.age_at(s) for s in SPENT], rel=1e-14, abs=0)


@pytest.mark.parametrize("shape", [1.0, 1.5, 3.0])
def test_the_mean_of_many_observed_lives_nears_their_plain_mean(shape):
    lives = np.random.default_rng(11).weibull(shape, 300) * 500.0
    assert Empirical(lives).mean_h == pytest.approx(lives.mean(), rel=0.005)


@pytest.mark.parametrize(
    "name, table, words",
    [
        (
            "exponential",
            {"mean_h": 0.0},
            "mean_h = 0.0 lies outside 1e-06 ... 1e\\+12, the range of the exponential law",
        ),
        ("weibull", {"mean_h": -5.0, "shape": 1.0}, "mean_h = -5.0 lies outside"),
        ("weibull", {"mean_h": 5.0, "shape": 0.0}, "shape = 0.0 lies outside 0.05 ... 20"),
        ("lognormal", {"mean_h": 5.0, "sigma": math.nan}, "sigma = nan lies outside 0.001 ... 5"),
        ("gamma", {"mean_h": 5.0, "shape": math.inf}, "shape = inf lies outside 0.05 ... 100"),
        ("fixed", {"mean_h": math.inf}, "mean_h = inf lies outside"),
        ("empirical", {"observed_h": []}, "observed_h is empty"),
        ("empirical", {"observed_h": [4.0, -1.0]}, "observed_h = -1.0 lies outside"),
        ("empirical", {"observed_h": [4.0, 0.0]}, "observed_h = 0.0 lies outside"),
    ],
)
def test_what_no_law_can_use_is_refused_in_words(name, table, words):
    with pytest.raises(ValueError, match=words):
        LIFE_LAWS[name](**table)


@pytest.mark.parametrize(
    "law", [Weibull(1e-6, 0.05), Lognormal(1e12, 5.0), Gamma(1e12, 0.05), Weibull(1e12, 20.0)]
)
def test_at_the_edge_of_what_is_allowed_nothing_overflows(law):
    for spent in (0.0, 1e-300, 1e-12, 1.0, 1e5, 1e300, NEVER):
        age = law.age_at(spent)
        assert age >= 0.0
        assert law.spent(age) >= 0.0
        if 1e-12 <= spent <= 1e5:
            assert law.age_at(law.spent(age)) == pytest.approx(age, rel=1e-9, abs=0)

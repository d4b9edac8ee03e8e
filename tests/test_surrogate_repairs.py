"""Repair times: selection of the law on held-out repairs, open repairs as censored, and posterior draws."""

import math

import numpy as np
import pytest
from samples_surrogate import FACILITY, record
from scipy.integrate import quad
from scipy.stats import binom

from replay_data.view import LogView
from surrogate import exposure, repairs
from surrogate.repairs import Times
from twin.facility import Repair

FILE = Repair(median_h=1.0, sigma=0.5)
NONE = np.zeros(0)
TRUTH = {
    "lognormal": Repair(median_h=2.0, sigma=0.9),
    "gamma": Repair(law="gamma", mean_h=2.0, shape=0.7),
    "pareto_tail": Repair(law="pareto_tail", median_h=1.0, sigma=0.5, tail_from=0.9, tail_index=1.5),
}


def times(law: str, n: int, seed: int) -> np.ndarray:
    return TRUTH[law].time.hours(np.random.default_rng(seed).normal(size=n))


@pytest.mark.parametrize("law", repairs.LAWS)
def test_the_true_law_of_the_repairs_is_chosen(law):
    found, rows = repairs.choose(FILE, Times(times(law, 500, 0), NONE))
    assert found == law and {row["law"] for row in rows} == set(repairs.LAWS)


def test_few_repairs_keep_the_law_of_the_file():
    assert repairs.choose(FILE, Times(times("pareto_tail", 20, 0), NONE)) == ("lognormal", [])


@pytest.mark.parametrize("law", repairs.LAWS)
def test_density_and_probability_of_lasting_longer_agree_with_the_law_of_the_twin(law):
    p = {"lognormal": [0.7, -0.1, 0.0], "gamma": [0.7, -0.3, 0.0], "pareto_tail": [0.1, -0.6, -0.7]}[law]
    time = repairs.repair(law, np.array(p)).time
    for z in (-1.0, 0.4, 1.9):
        hours = np.array([float(time.hours(np.array([z]))[0])])
        above = repairs.log_density(law, np.array(p), hours)[1][0]
        assert math.exp(above) == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), rel=1e-6)
    area, _ = quad(
        lambda t: math.exp(repairs.log_density(law, np.array(p), np.array([t]))[0][0]), 1e-9, 3.0, limit=200
    )
    assert area == pytest.approx(
        1.0 - math.exp(repairs.log_density(law, np.array(p), np.array([3.0]))[1][0]), rel=1e-3
    )


def test_open_repairs_are_censored_at_their_duration():
    hours = np.exp(np.random.default_rng(0).normal(math.log(4.0), 0.8, 600))
    open_h = np.full((hours > 5.0).sum(), 5.0)
    censored, root = repairs.posterior("lognormal", FILE, Times(hours[hours <= 5.0], open_h))
    dropped, _ = repairs.posterior("lognormal", FILE, Times(hours[hours <= 5.0], NONE))
    sd = np.sqrt((root**2).sum(1))
    assert np.abs(censored[:2] - [math.log(4.0), math.log(0.8)]).max() < 4 * sd[:2].max()
    assert dropped[0] < math.log(4.0) - 4 * sd[0]


def test_without_a_record_the_posterior_is_the_law_of_the_file():
    mean, root = repairs.posterior("lognormal", FILE, Times(NONE, NONE))
    assert mean[:2] == pytest.approx([0.0, math.log(0.5)], abs=1e-4)
    assert root[0, 0] == pytest.approx(0.5 / math.sqrt(repairs.PRIOR_REPAIRS), rel=0.01)


def test_intervals_of_median_and_sigma_have_the_stated_coverage():
    inside = []
    for seed in range(60):
        mean, root = repairs.posterior("lognormal", FILE, Times(times("lognormal", 60, seed), NONE))
        inside.extend(
            np.abs(mean[:2] - [math.log(2.0), math.log(0.9)]) <= 1.645 * np.sqrt((root**2).sum(1))[:2]
        )
    low, high = binom.interval(0.998, 120, 0.90)
    assert low <= sum(inside) <= high


def test_a_repair_not_begun_is_left_out_and_an_open_one_is_censored():
    log = exposure.history(LogView(record(600), FACILITY))
    table = {k: v.copy() for k, v in log.faults.items()}
    table["end_h"][-2:] = np.nan
    table["repair_start_h"][-1] = np.nan
    found = repairs.recorded([log._replace(faults=table)], ["rf.trip"])
    assert len(found.done) == len(log.faults["process"]) - 2
    assert found.open == pytest.approx([log.hours - table["repair_start_h"][-2]])


def test_draws_have_the_spread_of_the_posterior():
    log = exposure.history(LogView(record(2400), FACILITY))
    facility, rows, posterior = repairs.calibrate(FACILITY, [log])
    drawn = repairs.drawn(posterior, 0, np.random.default_rng(0), 500)
    low, high = rows[0]["interval"]["median_h"]
    inside = np.mean([low <= one.median_h <= high for one in drawn if one.median_h])
    assert inside == pytest.approx(0.90, abs=4 * math.sqrt(0.09 / 500))
    assert facility.subsystem[0].mode[0].repair.median_h == rows[0]["median_h"]

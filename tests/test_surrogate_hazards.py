"""Hazards and repair times learned from faults."""

import math

import numpy as np
import pytest
from samples_surrogate import FACILITY, record
from scipy.integrate import quad
from scipy.stats import binom

from replay_data.record import Channel, Record
from replay_data.view import LogView
from surrogate import checks, exposure, forms, hazards, repairs
from twin.facility import Repair


def faults(rows):
    """A fault table of (process, start_h, end_h)."""
    columns = [np.array(c) for c in zip(*rows, strict=True)]
    empty = np.full(len(rows), "")
    return {
        "process": columns[0], "start_h": columns[1].astype(float),
        "repair_start_h": columns[1].astype(float),
        "end_h": columns[2].astype(float), "cause": empty, "comment": empty,
    }  # fmt: skip


def mode_of(name):
    return exposure.modes(FACILITY)[name][0]


def exposed(log, name):
    mode, processes = exposure.modes(FACILITY)[name]
    return exposure.expose(FACILITY, [exposure.history(LogView(log, FACILITY))], mode, processes)


def test_weibull_exposure_equals_the_integral_of_the_hazard_over_age():
    rows = [("rf.tube.1", 40.0, 43.5), ("rf.tube.2", 71.0, 72.0)]
    log = Record("toy-ring", "2026-01-01T00:00:00Z", 100.0, {}, {"faults": faults(rows)})
    found = exposed(log, "rf.tube")
    spells = [40.0, 56.5, 71.0, 28.0]
    assert found.spent(mode_of("rf.tube")).sum() == pytest.approx(
        sum(quad(lambda a: 2 * a, 0, s)[0] for s in spells), rel=1e-12
    )
    assert found.hours.sum() == pytest.approx(sum(spells))
    assert found.events.sum() == 2


def test_a_mode_that_ages_with_beam_is_at_risk_only_while_beam_is_stored():
    state = Channel("beam_state", np.array([0.0, 10.0, 30.0]), np.array([2.0, 0.0, 2.0]), "", "state")
    rows = [("rf.trip", 50.0, 55.0), ("rf.trip", 80.0, np.nan)]
    log = Record("toy-ring", "2026-01-01T00:00:00Z", 100.0, {"beam_state": state}, {"faults": faults(rows)})
    found = exposed(log, "rf.trip")
    assert found.hours.sum() == pytest.approx(10 + 20 + 25)
    assert found.events.sum() == 2


def test_without_beam_state_a_dumping_fault_stops_the_beam_of_every_mode():
    rows = [("rf.trip", 20.25, 30.5)]
    log = Record("toy-ring", "2026-01-01T00:00:00Z", 100.0, {}, {"faults": faults(rows)})
    assert exposed(log, "rf.trip").hours.sum() == pytest.approx(100.0 - 10.25)
    assert exposed(log, "rf.tube").hours.sum() == pytest.approx(200.0), "a tube ages always"


def test_a_failure_counts_for_the_settings_before_it():
    knob = Channel("voltage", np.array([0.0, 50.0]), np.array([2.0, 1.0]), "MV", "setpoint")
    log = Record(
        "toy-ring",
        "2026-01-01T00:00:00Z",
        100.0,
        {"voltage": knob},
        {"faults": faults([("rf.trip", 50.0, 51.0)])},
    )
    found = exposed(log, "rf.trip")
    assert found.x[found.events > 0, 1].tolist() == [2.0]


def test_intervals_of_coefficients_have_the_stated_coverage():
    truth, days, inside = np.array([-2.5, 0.6, -0.4]), 200, []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(days, 2))
        events = rng.poisson(np.exp(truth[0] + z @ truth[1:]) * 24.0)
        w, covariance = forms.posterior(z, np.full(days, 24.0), events.astype(float), math.log(0.05))
        inside.extend(np.abs(w - truth) <= 1.645 * np.sqrt(np.diag(covariance)))
    low, high = binom.interval(0.998, 60, 0.90)
    assert low <= sum(inside) <= high


def test_the_effect_of_the_voltage_is_recovered_from_a_log():
    z = []
    for seed in range(8):
        found = exposed(record(2400, seed), "rf.trip")
        x = (found.x - [200.0, 2.0, 30.0]) / [46.0, 0.46, 0.7]
        w, covariance = forms.posterior(x, found.hours, found.events, math.log(1 / 30))
        z.append((w[2] - 0.5) / np.sqrt(covariance[2, 2]))
    assert abs(np.mean(z)) < 3 / np.sqrt(8)
    assert np.abs(z).max() < 4


def test_without_events_the_posterior_is_the_prior():
    w, covariance = forms.posterior(np.zeros((5, 1)), np.full(5, 1e-9), np.zeros(5), -3.0)
    assert w == pytest.approx([-3.0, 0.0], abs=1e-6)
    assert np.sqrt(np.diag(covariance)) == pytest.approx([forms.BASE_SD, forms.EFFECT_SD])


def test_rescaled_budgets_accept_the_right_hazard_and_reject_a_constant_one():
    rng, n, width = np.random.default_rng(3), 100_000, 0.02
    z = np.where(np.arange(n) % 25_000 < 5_000, 1.0, -1.0)[:, None]
    w = np.array([-3.0, 1.5])
    events = (rng.uniform(size=n) < np.exp(w[0] + z @ w[1:]) * width).astype(float)
    age = np.arange(n) * width
    found = exposure.Exposure(age, z, age, age + width, np.ones(n, bool), events, np.zeros(n, int))
    scale, mode, form = forms.Scale(np.zeros(1), np.ones(1)), mode_of("rf.trip"), forms.constant(1)

    def p_value(w):
        return checks.rescaled(forms.Fit(form, mode, scale, 1.0, w, np.eye(2)), found)["ks_p"]

    assert p_value(w) > 0.05
    assert p_value(np.array([np.log(events.mean() / width), 0.0])) < 1e-3


def test_learning_reports_events_effects_and_deviance_on_later_time():
    log = exposure.history(LogView(record(2400, 1), FACILITY))
    found, rows = hazards.learn(
        FACILITY, [log], np.array([200.0, 2.0, 30.0]), np.array([46.0, 0.46, 0.7]), 1680.0
    )
    trip, tube = rows
    assert found.rates.group.tolist() == [0, 1, 1]
    assert trip["events"] == len(log.faults["process"]) and tube["events"] == 0
    voltage = next(e for e in trip["effects"] if e["input"] == "voltage")
    assert voltage["low"] > 1.0
    assert trip["better"] == (trip["deviance"] < trip["deviance_constant"])
    assert tube["deviance"] is None and tube["ks_p"] is None


def learned(prior, hours):
    mean, _ = repairs.posterior("lognormal", prior, repairs.Times(hours, np.zeros(0)))
    return repairs.repair("lognormal", mean)


def test_repair_times_approach_those_of_the_log_as_it_grows():
    hours = np.exp(np.random.default_rng(0).normal(math.log(4.0), 0.8, 400))
    few, many = (
        learned(Repair(median_h=1.0, sigma=0.5), hours[:2]),
        learned(Repair(median_h=1.0, sigma=0.5), hours),
    )
    assert 1.0 < few.median_h < 3.0
    assert many.median_h == pytest.approx(4.0, rel=0.1)
    assert many.sigma == pytest.approx(0.8, rel=0.1)


def test_a_mode_without_repairs_keeps_the_files_values():
    facility, rows, _ = repairs.calibrate(FACILITY, [exposure.history(LogView(record(600), FACILITY))])
    trip, tube = facility.subsystem[0].mode
    assert trip.source == f"calibrated on {rows[0]['repairs']} repairs"
    assert tube == FACILITY.subsystem[0].mode[1]
    assert rows[1]["repairs"] == 0

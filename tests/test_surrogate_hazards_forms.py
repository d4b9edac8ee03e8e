"""Forms of a hazard: selection on later time, a learned shape, a neural form, and left truncation."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from samples_surrogate import FACILITY, TEXT
from scipy.stats import binom

from replay_data.view import LogView
from surrogate import checks, exposure, faults, forms, hazards, learned, stored
from surrogate.exposure import Exposure
from surrogate.loglinear import LogLinear
from twin.facility import parse

TRIP = exposure.modes(FACILITY)["rf.trip"][0]
TUBE = exposure.modes(FACILITY)["rf.tube"][0]
SCALE = forms.Scale(np.array([200.0, 2.0, 30.0]), np.array([46.0, 0.46, 0.7]))


def stretches(log_rate, n=1500, hours=24.0, seed=0) -> Exposure:
    """Memoryless failures of one process over n days at random inputs, of log rate ``log_rate(z)``."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(-1.7, 1.7, (n, 3))
    events = rng.poisson(np.exp(log_rate(z)) * hours).astype(float)
    end = hours * np.arange(1, n + 1)
    return Exposure(
        end, SCALE.mean + SCALE.sd * z, end - hours, end, np.ones(n, bool), events, np.zeros(n, int)
    )


def chosen(data: Exposure):
    candidates = [form for form in forms.forms(FACILITY, single=False) if not form.ages]
    form, rows = hazards.choose(TRIP, data, SCALE, math.log(0.03), candidates, float(data.time_h[-1]), 0)
    return form, {row["form"]: row for row in rows}


def lives(seed, shape=2.5, mean=150.0, units=12, horizon=1200.0, burn=0.0) -> Exposure:
    """Lives of like units from hour 0 to ``horizon`` of a log that began ``burn`` hours after they were new."""
    rng, parts = np.random.default_rng(seed), []
    scale = mean / math.gamma(1 + 1 / shape)
    for unit in range(units):
        ends = np.cumsum(scale * rng.weibull(shape, 200)) - burn
        ends = np.concatenate([ends[(ends > 0) & (ends < horizon)], [horizon]])
        starts = np.concatenate([[0.0], ends[:-1]])
        failed = (ends < horizon).astype(float)
        known = np.arange(len(ends)) > 0
        parts.append((ends, np.tile(SCALE.mean, (len(ends), 1)), 0 * ends, ends - starts, known, failed,
                      np.full(len(ends), unit)))  # fmt: skip
    return Exposure(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def age_form():
    return next(form for form in forms.forms(FACILITY, single=True) if form.ages)


def test_a_log_linear_rate_keeps_the_log_linear_form():
    form, rows = chosen(stretches(lambda z: -3.0 + 0.2 * z[:, 1], n=400))
    assert form.name == "log-linear" and rows["log-linear"]["chosen"]
    assert not any(row["clearly_better"] for row in rows.values())


def test_a_curved_rate_gets_the_neural_form():
    form, rows = chosen(stretches(lambda z: -4.0 + 1.2 * np.abs(z[:, 1])))
    assert form.net and rows["neural"]["gain"] > 5 * rows["neural"]["error"]


def test_a_neural_hazard_in_service_equals_its_fit():
    data = stretches(lambda z: -4.0 + 1.2 * np.abs(z[:, 1]), n=300)
    net = forms.forms(FACILITY, single=False)[-1]
    found = forms.fit(net, TRIP, data, SCALE, math.log(0.03))
    plain = forms.fit(forms.forms(FACILITY, single=False)[0], TUBE, data, SCALE, math.log(0.03))
    rows = [hazards._row(fit) for fit in (found, plain)]
    part = faults.Faults(hazards._stacked(rows, np.array([0, 1, 1]), SCALE), hazards._nets([(found, 0)]))
    x = data.x[:50]
    hazard = np.asarray(jax.vmap(part)(jnp.asarray(x)))
    assert np.log(hazard[:, 0]) == pytest.approx(found.log_hazard(x), abs=1e-9)
    assert np.log(hazard[:, 2]) == pytest.approx(plain.log_hazard(x), abs=1e-9)
    many = part.draws(np.random.default_rng(0), 300)
    spread = np.log(np.asarray(jax.vmap(lambda own: own(jnp.asarray(x[0])))(many)))[:, 0]
    assert spread.mean() == pytest.approx(float(np.log(hazard[0, 0])), abs=4 * spread.std() / np.sqrt(300))
    assert spread.std() > 0.01


def test_the_interval_of_the_weibull_shape_has_the_stated_coverage():
    inside = 0
    for seed in range(20):
        found = forms.fit(age_form(), TUBE, lives(seed), SCALE, math.log(1 / 150))
        sd = np.sqrt((found.root[-1] ** 2).sum())
        inside += abs(math.log(found.shape / 2.5)) <= 1.645 * sd
    low, high = binom.interval(0.998, 20, 0.90)
    assert low <= inside <= high


def test_lives_of_unknown_age_are_left_out_because_counting_them_as_new_is_biased():
    """Units were old when the log began: counted as new, their mean life is too short by many standard errors."""
    errors = {True: [], False: []}
    for seed in range(8):
        data = lives(seed, units=40, horizon=260.0, burn=400.0)
        for every in errors:
            fit = forms.fit(
                age_form(), TUBE, data if every else data.cut(data.known), SCALE, math.log(1 / 150)
            )
            sd = np.sqrt((fit.root[0] ** 2).sum())
            errors[every].append((-fit.mean[0] - math.log(150.0)) / sd)
    assert abs(np.mean(errors[False])) < 4 / np.sqrt(8)
    assert np.mean(errors[True]) < -4 / np.sqrt(8)


def test_for_a_law_other_than_weibull_the_factor_is_learned():
    facility = parse(TEXT.replace("shape = 2.0", 'law = "lognormal"\nsigma = 0.6'))
    mode = exposure.modes(facility)["rf.tube"][0]
    rng, n = np.random.default_rng(0), 400
    age = mode.life
    old = np.array([age.age_at(u / 2.0) for u in rng.exponential(size=n).tolist()])  # twice the file's hazard
    data = Exposure(np.arange(1.0, n + 1), np.tile(SCALE.mean, (n, 1)), 0 * old, old, np.ones(n, bool),
                    np.ones(n), np.zeros(n, int))  # fmt: skip
    found = forms.fit(forms.forms(FACILITY, False)[0], mode, data, SCALE, 0.0)
    assert found.mean[0] == pytest.approx(math.log(2.0), abs=4 / np.sqrt(n))
    assert found.shape == 1.0


def test_modes_of_different_laws_are_learned_together():
    facility = parse(TEXT.replace("shape = 2.0", 'law = "lognormal"\nsigma = 0.6'))
    from samples_surrogate import record

    part, rows = hazards.learn(
        facility, [exposure.history(LogView(record(2400, 1), facility))], SCALE.mean, SCALE.sd, 1680.0
    )
    assert [row["law"] for row in rows] == ["weibull", "lognormal"]
    assert np.asarray(part(jnp.asarray(SCALE.mean)))[1] == pytest.approx(1.0), (
        "no failure: the hazard of the file"
    )


def test_deciles_agree_with_the_true_hazard():
    data = stretches(lambda z: -3.0 + 0.8 * z[:, 1], n=600)
    right = forms.fit(forms.forms(FACILITY, False)[0], TRIP, data, SCALE, math.log(0.03))
    flat = forms.fit(forms.constant(3), TRIP, data, SCALE, math.log(0.03))
    rows = checks.deciles(right, data)
    assert sum(row["low"] <= row["expected"] <= row["high"] for row in rows) >= 7
    assert rows[-1]["observed"] > 4 * rows[0]["observed"]
    assert sum(row["observed"] for row in rows) == data.events.sum()
    assert checks.deviance(right, flat, data, 0)["high"] < 0


def test_a_power_law_has_the_given_slope_at_the_mean():
    w = np.array([[-3.0, 0.0, 0.5, 0.0]])
    law = LogLinear(
        w, np.zeros((1, 4, 1)), SCALE.mean, SCALE.sd, np.array([0]), np.array([[False, True, False]])
    )
    rate = [float(law(jnp.array([200.0, volt, 30.0]))[0]) for volt in (2.0, 4.0)]
    assert rate[1] / rate[0] == pytest.approx(2.0 ** (0.5 * 2.0 / 0.46))


def test_log_linear_hazards_of_earlier_versions_are_read_unchanged():
    old = LogLinear(
        np.array([[-3.0, 0.4]]), np.full((1, 2, 2), 0.1), np.zeros(1), np.ones(1), np.array([0, 0])
    )
    arrays = {k: v for k, v in stored.arrays(old).items() if k.split(".")[0] in
              ("kind", "mean", "root", "x_mean", "x_scale", "group")}  # fmt: skip
    back = stored.module(arrays, learned.KINDS)
    assert np.asarray(back(jnp.array([1.0]))) == pytest.approx(np.exp([-2.6, -2.6]))
    many = back.draws(np.random.default_rng(0), 5)
    assert many.mean.shape == (5, 1, 2) and eqx.tree_equal(back.posterior_mean().mean, back.mean)

"""Luck: the hazard model is tested on it, other worlds are played on it, and the truth is covered."""

import jax
import numpy as np
import pytest
import samples_surrogate
import study_replay as study
from scipy import stats

from replay_data import replay
from replay_data.fit import Fit, fits, holm, untested
from replay_data.random_inputs import operating_points, play, same_random_events
from replay_data.record import Channel, Record
from replay_data.view import LogView
from twin import Facility, UserError
from twin.nominal import nominal
from twin.whatif import CaseTable

TOY = samples_surrogate.FACILITY


def toy_record(faults=(), hours: float = 200.0, quantity=None) -> Record:
    """A log of the toy ring at its present settings: user time, then maintenance from hour 100 to 110."""
    columns = ("process", "start_h", "repair_start_h", "end_h")
    rows = list(zip(*faults, strict=True)) if faults else [[]] * 4
    table = {c: np.array(r, str if c == "process" else float) for c, r in zip(columns, rows, strict=True)}
    table |= {c: np.array([""] * len(faults), str) for c in ("cause", "comment")}
    plan = {
        "start_h": np.array([0.0, 100.0, 110.0]), "end_h": np.array([100.0, 110.0, hours]),
        "phase": np.array(["user", "maintenance", "user"]), "beamlines": np.array(["mx", "", "mx"]),
    }  # fmt: skip
    channels = {
        k.name: Channel(k.name, np.zeros(1), np.array([k.value]), k.unit, "setpoint") for k in TOY.knob
    }
    channels |= {c.name: c for c in quantity or ()}
    return Record(TOY.name, "2026-01-01T00:00:00+00:00", hours, channels, {"faults": table, "schedule": plan})


def toy_view(faults=()) -> replay.Window:
    return replay.window(LogView(toy_record(faults), TOY), 1e9)


def stacked(law):
    return jax.tree.map(lambda a: np.asarray(a)[None], law)


# the hazard model's test


def test_holm_s_correction_is_that_of_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]


def inputs_of(view, budget: np.ndarray, spent: float) -> replay.RandomInputs:
    """Luck of which only the first process has any."""
    many = len(view.plant.shape)
    none = [np.zeros(0)] * (many - 1)
    return replay.RandomInputs([budget, *none], np.array([spent] + [0.1] * (many - 1)), [budget, *none])


def verdicts(budgets, spent=0.5) -> tuple[Fit, str]:
    view = toy_view()
    found = fits(view, inputs_of(view, np.asarray(budgets), spent))
    (name,) = found
    return found[name], found[name].verdict(name)


def test_a_model_with_hazards_three_times_too_high_fails_in_words():
    fit, words = verdicts(3.0 * -np.log(1.0 - (np.arange(40) * 17 % 40 + 0.5) / 40))
    assert fit.exponential < 0.001 and fit.trend > 0.05
    assert "fails (p = " in words and "40 failures where it expects 119.5" in words


def test_a_hazard_that_rises_unseen_by_the_model_fails_by_its_trend():
    fit, words = verdicts(np.sort(-np.log(1.0 - (np.arange(40) + 0.5) / 40))[::-1])
    assert fit.exponential > 0.05 and fit.trend < 0.001 and fit.drift > 0
    assert words.endswith("its failures come too late in the window")


def test_fair_budgets_fit_and_few_are_not_judged():
    fit, words = verdicts(-np.log(1.0 - (np.arange(40) * 17 % 40 + 0.5) / 40))
    assert not fit.fails and "fits (p = " in words
    view = toy_view()
    assert fits(view, inputs_of(view, np.ones(4), 0.1)) == {}


def test_good_models_are_blamed_as_seldom_as_the_level_allows():
    """Of 400 records of unit rate and 12 hours, at most 5 % (and four standard errors) are blamed."""
    view, rng = toy_view(), np.random.default_rng(0)
    blamed = 0
    for _ in range(400):
        at = np.cumsum(rng.exponential(size=60))
        n = int((at < 12.0).sum())
        found = fits(view, inputs_of(view, np.diff(np.r_[0.0, at[:n]]), 12.0 - at[n - 1] if n else 12.0))
        blamed += any(fit.fails for fit in found.values())
    assert blamed / 400 <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)


# what is down when the window begins


def test_what_is_down_at_the_start_and_ages_with_beam_is_down_from_hour_0():
    ages = [p.mode.ages for p in TOY.processes]
    name = TOY.process_names[ages.index("beam")]
    record = toy_record([(name, 99.0, 99.0, 103.0), (name, 150.0, 150.0, 151.0)])
    view = replay.window(LogView(record, TOY), 90.0)
    assert view.from_h == 100.0 and len(view.down) == 1
    inputs = replay.recover(view, nominal(TOY))
    run = play(view, operating_points(view, nominal(TOY)), same_random_events(view, [inputs], 1, 0).run(0))
    failed = [e.at_h for e in run.trace if e.kind == "fail"]
    assert failed == pytest.approx([0.0, 50.0])
    fact = replay.factual(view, nominal(TOY))
    assert fact.failures == fact.reproduced == 2
    seen = replay.counterfactual(view, view, stacked(nominal(TOY)), 1, 4, 0)
    assert (seen.before["lost_h"] == seen.after["lost_h"]).all()
    assert seen.before["lost_h"] == pytest.approx(float(fact.tally.user_h - fact.tally.delivered_h))


# other worlds


def test_a_policy_that_keeps_the_recorded_settings_changes_nothing():
    view = toy_view()
    kept = replay.by_policy(view, lambda hour, settings, conditions: settings)
    assert np.array_equal(kept.scenario.settings, view.scenario.settings)


def test_a_policy_is_asked_at_each_epoch_in_hours_of_the_log():
    view, asked = replay.window(LogView(toy_record(), TOY), 90.0), []

    def late(hour, settings, conditions):
        asked.append(hour)
        return settings * (1.0 if hour < 160.0 else 1.02)

    changed = replay.by_policy(view, late)
    assert asked[0] == 100.0 and asked[:-1] == sorted(asked[:-1])
    moved = changed.scenario.settings[:, 0] > view.scenario.settings[:, 0]
    hours = np.array(asked)
    assert np.array_equal(moved, hours >= 160.0)


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda h, s, c: s * 100.0, "policy at hour 0: .* lies outside"),
        (lambda h, s, c: s[:1], "it gave 1 settings, the facility has"),
    ],
)
def test_a_policy_that_leaves_the_limits_is_refused_in_words(wrong, words):
    with pytest.raises(UserError, match=words):
        replay.by_policy(toy_view(), wrong)


def test_a_case_with_a_longer_mean_life_has_fewer_failures_with_the_same_random_inputs():
    name = next(n for n, p in zip(TOY.process_names, TOY.processes, strict=True) if p.mode.ages == "beam")
    mode, mine = ".".join(name.split(".")[:2]), dict(zip(TOY.process_names, TOY.processes, strict=True))[name]
    faults = [(name, t, t, t + 1.0) for t in np.arange(10.0, 95.0, 8.0)]
    view = toy_view(faults)
    case = CaseTable.model_validate(
        {"name": "better", "mode": {mode: {"mtbf_h": 4.0 * mine.mode.mean_h, "repair_median_h": 0.1}}}
    )
    changed = replay.by_case(view, case)
    seen = replay.counterfactual(view, changed, stacked(nominal(TOY)), 1, 8, 0)
    mean, low, high = seen.change("failures")
    assert low <= mean <= high < 0
    assert seen.change("lost_h")[2] < 0


@pytest.mark.parametrize(
    "change, words",
    [
        ({"schedule.block.0.hours": 20.0}, "schedule: the recorded schedule is replayed"),
        ({"beamline.mx.experiments_per_week": 40.0}, "recorded arrivals are replayed"),
        ({"subsystem.rf.units": 9}, "random inputs belong to processes"),
        ({"subsystem.rf.mode.trip.power": {"voltage": 1.0}}, "the model's value is used"),
    ],
)
def test_changes_that_the_record_overrules_are_refused_not_ignored(change, words):
    case = CaseTable.model_validate({"name": "odd", "change": change})
    with pytest.raises(UserError, match=f"case 'odd'.*{words}"):
        replay.by_case(toy_view(), case)


def test_settings_outside_the_support_are_reported_with_hours_and_knobs():
    view = replay.window(LogView(toy_record(), TOY), 90.0)
    knob = TOY.knob[0]
    changed = replay.by_policy(view, lambda h, s, c: s if h < 150.0 else np.r_[knob.low, s[1:]])

    def distance(settings, conditions):
        return np.abs(settings[:, 0] - knob.value)

    found = replay.reach(view, changed, distance, 1e-9)
    assert found.outside_h == [(160.0, 200.0)], "the first epoch that begins after hour 150"
    assert found.inside == pytest.approx(0.6)
    assert f"{knob.name} {knob.low:g} ... {knob.value:g} against" in found.beyond[0]
    assert "outside the support of the logs" in found.words and "the model extrapolates" in found.words
    inside = replay.reach(view, view, distance, 1e-9)
    assert (
        inside.inside == 1.0 and inside.outside_h == [] and "inside the support of the logs" in inside.words
    )


def test_one_more_run_falls_into_the_interval_of_few_runs_in_nine_of_ten_cases():
    """8,000 trials of 32 runs and one more, within four standard errors; plain quantiles would hold 85 %."""
    runs = np.random.default_rng(0).normal(size=(8000, 33))
    ends = np.array([replay.interval(row[:32]) for row in runs])
    held = ((ends[:, 0] <= runs[:, 32]) & (runs[:, 32] <= ends[:, 1])).mean()
    assert held == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / 8000))


# twin against record


def test_residuals_report_bias_coverage_and_drift():
    quantity = TOY.quantity[0]
    stamps = np.arange(0.25, 200.0, 0.5)
    value = quantity.value * (1.0 + 0.1 * stamps / 200.0)
    record = toy_record(quantity=[Channel(quantity.name, stamps, value, quantity.unit, "quantity")])

    def predict(settings, conditions):
        mean = np.tile([q.value for q in TOY.quantity], (len(settings), 1))
        return mean, 0.95 * mean, 1.05 * mean

    seen = replay.beside(LogView(record, TOY), predict)
    found = replay.residual(seen[quantity.name], 0.0, record.hours)
    unit = quantity.value
    assert found.bias == found.mae == pytest.approx(0.05 * unit, rel=0.05)
    assert found.coverage == pytest.approx(0.5, abs=0.03)
    assert found.quarters == pytest.approx([unit * x for x in (0.0125, 0.0375, 0.0625, 0.0875)], rel=0.1)
    slope, low, high = found.drift
    assert slope == pytest.approx(0.1 * unit, rel=0.05) and low <= slope <= high
    assert found.width == pytest.approx(0.1 * unit)
    other = replay.residual(seen[TOY.quantity[-1].name], 0.0, record.hours)
    assert other.rows == 0 and np.isnan(other.bias)


def test_a_law_without_an_interval_has_no_coverage_rather_than_one_of_zero():
    quantity = TOY.quantity[0]
    stamps = np.arange(0.5, 200.0)
    record = toy_record(
        quantity=[Channel(quantity.name, stamps, np.full(200, quantity.value), quantity.unit, "quantity")]
    )

    def predict(settings, conditions):
        mean = np.tile([q.value for q in TOY.quantity], (len(settings), 1))
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)

    found = replay.residual(replay.beside(LogView(record, TOY), predict)[quantity.name], 0.0, record.hours)
    assert found.bias == 0.0 and np.isnan(found.coverage) and np.isnan(found.width)


def test_modes_with_too_few_whole_lives_are_counted_not_left_out():
    view = toy_view()
    found = untested(view, inputs_of(view, np.ones(4), 0.1))
    modes = {".".join(name.split(".")[:2]) for name in TOY.process_names}
    assert set(found) == modes and sorted(found.values())[-1] == 4
    five = inputs_of(view, np.ones(5), 0.1)
    assert set(untested(view, five)) | set(fits(view, five)) == modes
    assert not set(untested(view, five)) & set(fits(view, five))


def test_a_log_without_experiments_keeps_its_beamlines_busy():
    quiet = toy_record()
    table = {"beamline": np.array(["mx"]), "arrive_h": np.array([1.0]), "samples": np.array([7.0])}
    listed = Record(TOY.name, quiet.start, quiet.hours, quiet.channels, quiet.tables | {"experiments": table})
    busy, idle = (
        replay.factual(replay.window(LogView(log, TOY), 1e9), nominal(TOY)) for log in (quiet, listed)
    )
    assert replay.window(LogView(quiet, TOY), 1e9).never_idle == [True] * len(TOY.beamline)
    assert not any(replay.window(LogView(listed, TOY), 1e9).never_idle)
    assert idle.samples.sum() == 7.0 < busy.samples.sum()


def test_the_twin_s_count_of_samples_rises_to_its_total():
    found = replay.factual(toy_view(), nominal(TOY))
    assert (np.diff(found.done, axis=0) >= 0).all() and (np.diff(found.at_h) >= 0).all()
    assert found.done[-1].tolist() == found.samples.tolist() and found.at_h[-1] == 200.0


# what no log tells


def test_a_facility_with_coins_is_refused_in_words():
    data = TOY.model_dump()
    data["subsystem"][0]["mode"][0]["at_start"] = 0.1
    facility = Facility.model_validate(data)
    with pytest.raises(
        UserError, match=r"not record the outcomes of Bernoulli stream 'start .*cannot be replayed"
    ):
        replay.window(LogView(toy_record(), facility))


# the study, small


@pytest.mark.study
def test_the_interval_of_the_true_law_covers_the_truth_and_that_of_a_wrong_one_does_not(ring):
    """Five logs of the hidden ring: hits of the true law within chance (binomial, 1 %), and more than the wrong."""
    rows = [study.covered(ring, {"rf_voltage": 2.8}, seed) for seed in range(5)]
    true, _, wrong = ([row[model][0] for row in rows] for model in study.MODELS)
    assert sum(true) >= stats.binom.ppf(0.01, 5, 0.9)
    assert sum(wrong) <= stats.binom.ppf(0.01, 5, 0.9) < sum(true)


@pytest.mark.study
def test_the_exponentiality_test_notices_slopes_of_the_wrong_sign_and_spares_the_true_law(linac):
    rows = [study.noticed(linac, 28.0, seed) for seed in range(6)]
    true, _, wrong = ([row[model] for row in rows] for model in study.MODELS)
    assert sum(true) <= stats.binom.ppf(0.99, 6, 0.05)
    assert sum(wrong) >= 5

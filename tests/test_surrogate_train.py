"""Training from logs: skill on later time, the card, the law and refusals."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from samples_surrogate import FACILITY, record, smooth

from replay_data.record import Record
from surrogate import Trained, baselines, ensemble
from surrogate.fitting import Recipe
from surrogate.models import chosen
from surrogate.samples import Samples
from surrogate.selection import Choice, Study
from surrogate.train import train
from twin import UserError

SHORT = Recipe(members=4, width=32, rounds=30, patience=8)
QUICK = ("perceptrons",)
SETTINGS, CONDITIONS = np.array([210.0, 1.8]), np.array([30.2])


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(FACILITY, [record(1600)], seed=0, recipe=SHORT, models=QUICK)


def row(card, target):
    return next(r for r in card["skill"] if r["target"] == target)


def test_a_smooth_map_is_learned_better_than_by_every_baseline(trained):
    assert trained.card["usable"] and trained.card["reason"] == ""
    for name in ("lifetime", "flux"):
        found = row(trained.card, name)
        assert found["better"] and found["high"] < 0
        assert found["model"] < found["baselines"]["ridge"]["mae"]
        assert set(found["baselines"]) >= {"mean", "persistence", "ridge", "boosted trees"}


def test_the_law_predicts_the_quantities_of_the_machine(trained):
    point = trained.law(SETTINGS, CONDITIONS)
    assert np.asarray(point.quantity) == pytest.approx(smooth(210.0, 1.8, 30.2), rel=0.03)
    assert point.hazard.shape == (3,)


def test_the_test_time_lies_after_the_training_time(trained):
    split = trained.card["split"]
    used = trained.card["rows"]["used"]
    assert split["by"] == "time"
    assert split["train_rows"] + split["test_rows"] == used
    assert split["test_rows"] == pytest.approx(0.3 * used, abs=2)


def test_coverage_is_reported_of_each_quantity(trained):
    assert set(trained.card["coverage"]) == {"lifetime", "flux"}
    assert all(0.8 < share <= 1.0 for share in trained.card["coverage"].values())


def test_intervals_have_the_units_of_the_law():
    """A lifetime that varies twofold only later: intervals are calibrated in hours, so the law is in hours too."""
    log, wide = record(900, every_h=30.0), np.log(2.0)
    time, value = (getattr(log.channel("lifetime"), name) for name in ("time_h", "value"))
    calm = np.exp(0.25 * wide * np.log(value / 20.0) / np.log(value / 20.0).std()) * 20.0
    later = np.where((time > 700.0) & (time < 850.0), calm * np.where(time < 770.0, 0.4, 2.5), calm)
    channels = log.channels | {"lifetime": replace(log.channel("lifetime"), value=later)}
    odd = Record(log.facility, log.start, log.hours, channels, log.tables)
    law = train(FACILITY, [odd], recipe=SHORT, models=QUICK).law
    early, all_rows = (ensemble.logarithms(y[:, None], [20.0]) for y in (later[time < 600.0], later))
    assert not early[0] and all_rows[0], "the scaling of all rows would be logarithmic"
    assert not np.asarray(law.quantities.logged)[0]
    _, low, high = (np.asarray(part)[0] for part in law.predict(SETTINGS, CONDITIONS))
    assert high / low < 1.5, "a tenth, not a factor of ten"


def test_the_card_is_plain_json(trained):
    assert json.loads(json.dumps(trained.card, allow_nan=False)) == trained.card


def test_draws_differ_and_are_centred_on_the_mean_law(trained):
    laws = trained.law.draws(jax.random.key(1), 400)
    assert {a.shape[0] for a in jax.tree.leaves(laws)} == {400}
    points = jax.jit(jax.vmap(lambda law: law(SETTINGS, CONDITIONS)))(laws)
    mean = trained.law.mean()(SETTINGS, CONDITIONS)
    assert points.quantity.std(0).min() > 0
    assert np.asarray(points.quantity.mean(0)) == pytest.approx(np.asarray(mean.quantity), rel=0.01)
    assert np.log(np.asarray(points.hazard)).mean(0) == pytest.approx(
        np.log(np.asarray(mean.hazard)), abs=0.2
    )
    assert (points.hazard[:, 1] == points.hazard[:, 2]).all(), "units of one mode share one draw"


def test_equal_seeds_give_equal_laws(trained):
    again = train(FACILITY, [record(1600)], seed=0, recipe=SHORT, models=QUICK)
    equal = jax.tree.map(lambda a, b: bool((a == b).all()), trained.law, again.law)
    assert all(jax.tree.leaves(equal))


def test_settings_far_from_the_log_are_outside_the_support(trained):
    limit = float(trained.law.seen.limit)
    assert float(trained.law.support(SETTINGS, CONDITIONS)) < limit
    assert float(trained.law.support(np.array([600.0, 6.0]), CONDITIONS)) > limit


def test_a_linear_law_is_learned_as_well_as_by_ridge():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(800, 3))
    y = x @ np.array([[1.0, 0.2], [-2.0, 0.0], [0.5, 1.0]]) + 0.5 * rng.normal(size=(800, 2))
    past, later = (
        Samples(np.arange(500.0), x[:500], y[:500], 3),
        Samples(np.arange(300.0), x[500:], y[500:], 3),
    )
    study = Study(
        chosen(QUICK), ensemble.scaling(past.x, past.y, np.full(3, 1e-6), -np.ones(2)), recipe=SHORT
    )
    first = study.fits(past.x[:425], past.y[:425], QUICK, later=75)["perceptrons"]
    study.efforts["perceptrons"] = first.effort
    law = study.fitted(past, [Choice(QUICK, 1.0, 0.0, {})] * 2)
    found = baselines.skill(past, later, 0, ensemble.predict(law, later.x)[0][:, 0])
    assert found.mae < 1.02 * found.baselines["ridge"]["mae"]


def test_persistence_wins_on_a_random_walk_and_the_model_is_refused():
    card = train(FACILITY, [record(1600, drift=0.3)], recipe=SHORT, models=QUICK).card
    assert row(card, "flux")["baseline_name"] == "persistence"
    assert not row(card, "flux")["better"]
    assert not card["usable"]
    assert "persistence" in card["reason"]


def test_persistence_is_the_last_value_before_the_present_settings_were_adopted():
    past = Samples(np.arange(4.0), np.zeros((4, 1)), np.array([[1.0], [2.0], [3.0], [4.0]]), 1)
    settings = np.array([[0.0], [0.0], [1.0], [1.0], [1.0]])
    later = Samples(np.arange(4.0, 9.0), settings, np.array([[5.0], [6.0], [np.nan], [8.0], [9.0]]), 1)
    found = baselines.predictions(past, later, 0)
    assert found["latest reading"].tolist() == [4.0, 5.0, 6.0, 6.0, 8.0]
    assert found["persistence"].tolist() == [4.0, 4.0, 6.0, 6.0, 6.0]


def test_progress_is_reported_in_rising_fractions(trained):
    fractions = []
    train(
        FACILITY,
        [record(600)],
        recipe=SHORT,
        models=QUICK,
        progress=lambda t, f: fractions.append(f),
    )
    assert fractions == sorted(fractions) and fractions[0] == 0.0 and fractions[-1] == 1.0


def test_too_short_a_log_is_refused():
    with pytest.raises(UserError, match="usable rows of 50"):
        train(FACILITY, [record(50)])


def test_a_log_of_another_facility_is_refused_by_name():
    log = record(600)
    other = type(log)("other", log.start, log.hours, log.channels, log.tables)
    with pytest.raises(UserError, match="of facility 'other', not of 'toy-ring'"):
        train(FACILITY, [other])


def test_no_log_at_all_is_refused():
    with pytest.raises(UserError, match="no log"):
        train(FACILITY, [])

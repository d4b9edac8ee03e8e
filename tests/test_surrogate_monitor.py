"""The monitor on logs without and with a change of the machine."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from samples_surrogate import FACILITY, record

from replay_data.record import Record
from replay_data.view import LogView
from surrogate import comparison, monitor, registry
from surrogate.fitting import Recipe
from surrogate.train import train
from twin import UserError

LATER = "2027-01-01T00:00:00Z"
CHANGED_H = 600.0


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    found = train(
        FACILITY, [record(3000, every_h=12.0)], recipe=Recipe(members=4, width=32, rounds=30, patience=8)
    )
    folder = tmp_path_factory.mktemp("models")
    return registry.load(registry.save(found.law, found.card, found.facility, folder).id, folder=folder)


def later(seed=5, hours=1800, start=LATER, **changed) -> Record:
    """A log of a later time; ``changed`` maps a channel to a function (value, hour, record) that alters it."""
    made = record(hours, seed=seed, every_h=12.0)
    channels = dict(made.channels)
    for name, how in changed.items():
        own = channels[name]
        channels[name] = replace(
            own, value=np.where(own.time_h > CHANGED_H, how(own.value, own.time_h, made), own.value)
        )
    return Record(made.facility, start, made.hours, channels, made.tables)


def row(found, name):
    return next(r for r in (*found["quantities"], *found["modes"]) if r["name"] == name)


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_model_holds_on_a_later_log_of_the_same_machine(model, seed):
    found = monitor.monitor(model, later(seed))
    assert found["holds"] and found["judged"] and found["words"] == [] and found["inputs"] == []
    assert found["evidence"]["largest"] < 10.0 and found["evidence"]["reached"] is None
    assert row(found, "rf.trip")["factor"]["low"] < 1.0 < row(found, "rf.trip")["factor"]["high"]
    assert all(0.8 < q["coverage"]["adapted"] < 1.0 for q in found["quantities"])


def day_of(found, name="since"):
    return np.datetime64(found[name][:16]) - np.datetime64(LATER[:16])


def test_a_gain_is_found_with_its_size_and_date(model):
    found = monitor.monitor(model, later(flux=lambda value, hour, made: 1.15 * value))
    change = row(found, "flux")["change"]
    assert not found["holds"] and change["kind"] == "gain"
    assert change["size"] == pytest.approx(0.15, abs=0.02)
    assert abs(day_of(change) / np.timedelta64(1, "h") - CHANGED_H) < 48.0
    assert "flux reads 1.1" in found["words"][0] and "(a gain)" in found["words"][0]
    assert row(found, "lifetime")["change"] is None


def test_an_offset_is_distinguished_from_a_gain(model):
    found = monitor.monitor(model, later(flux=lambda value, hour, made: value + 1.5e11))
    change = row(found, "flux")["change"]
    assert not found["holds"] and change["kind"] == "offset"
    assert change["size"] == pytest.approx(1.5e11, rel=0.1)


def test_a_ramp_is_reported_with_its_slope(model):
    grown = lambda value, hour, made: value + 1e10 * (hour - CHANGED_H) / 24.0  # noqa: E731
    change = row(monitor.monitor(model, later(flux=grown)), "flux")["change"]
    assert change["kind"] == "ramp" and change["size"] == pytest.approx(1e10, rel=0.3)


def test_a_knob_whose_effect_changed_is_named(model):
    tilted = lambda value, hour, made: value + 4e11 * (made.channels["voltage"].at(hour) - 2.0)  # noqa: E731
    found = monitor.monitor(model, later(flux=tilted))
    change = row(found, "flux")["change"]
    assert change["kind"] == "input" and change["input"] == "voltage"
    assert change["size"] == pytest.approx(4e11, rel=0.2)


def test_more_scatter_without_an_offset_is_reported_as_scatter(model):
    rng = np.random.default_rng(0)
    noisy = lambda value, hour, made: value * (1 + 0.2 * np.repeat(rng.normal(size=900), 12)[: len(value)])  # noqa: E731
    found = monitor.monitor(model, later(flux=noisy))
    assert row(found, "flux")["change"]["kind"] == "scatter" and "scatters" in found["words"][0]


def test_more_frequent_failures_are_reported_with_their_factor(model):
    made = later()
    faults = made.tables["faults"]
    more = {
        name: np.concatenate([column, column + 3.1, column + 7.3])
        if name.endswith("_h")
        else np.tile(column, 3)
        for name, column in faults.items()
    }
    order = np.argsort(more["start_h"])
    kept = order[more["end_h"][order] < made.hours]
    found = monitor.monitor(model, replace(made, tables={"faults": {k: v[kept] for k, v in more.items()}}))
    assert not found["holds"]
    assert 1.5 < row(found, "rf.trip")["factor"]["mean"] < 4.0
    assert "rf.trip fails more often" in found["words"][0]


def test_an_input_outside_the_training_data_is_named(model):
    found = monitor.monitor(model, later(water=lambda value, hour, made: value + 8.0))
    assert [r["name"] for r in found["inputs"]] == ["water"]
    assert found["inputs"][0]["share"] == pytest.approx(2 / 3, abs=0.05)
    assert found["rows"]["beyond_the_data"] > found["rows"]["judged"]


def test_training_time_is_not_tested(model):
    with pytest.raises(UserError, match="give a later one"):
        monitor.monitor(model, record(3000, every_h=12.0))
    assert monitor.trained_until_h(model.entry.card, later(start="2026-05-01T00:00:00Z")) == 120.0
    assert monitor.trained_until_h(model.entry.card, later()) == 0.0


def test_intervals_in_service_widen_after_a_drift_and_do_not_change_without_later_rows(model):
    quiet = monitor.up_to_date(model, LogView(record(3000, every_h=12.0), model.facility))
    assert quiet is model.law
    drifted = monitor.up_to_date(
        model, LogView(later(flux=lambda value, hour, made: 1.15 * value), model.facility)
    )
    widened = np.asarray(drifted.band.factor) / np.asarray(model.law.band.factor)
    assert widened[1] > 1.5 and 0.3 < widened[0] < 1.5


def test_a_card_without_errors_to_compare_with_is_refused(model):
    old = {k: v for k, v in model.entry.card.items() if k != "reference"}
    with pytest.raises(UserError, match="holds no errors to compare with"):
        monitor.monitor(replace(model, entry=replace(model.entry, card=old)), later())


class Worse:
    """Quantities that are a quarter too high in the logarithm."""

    def __init__(self, inner):
        self.inner, self.natural = inner, inner.natural


def test_the_better_of_two_models_is_reported_on_rows_that_neither_was_trained_on(model, monkeypatch):
    honest = comparison.predict

    def shifted(own, x):
        return (honest(own.inner, x)[0] + 0.25, None) if isinstance(own, Worse) else honest(own, x)

    monkeypatch.setattr(comparison, "predict", shifted)
    other = replace(model, law=SimpleNamespace(quantities=Worse(model.law.quantities)))
    rows = comparison.compare(other, model, later())
    assert [r["target"] for r in rows] == ["lifetime", "flux"]
    for found in rows:
        assert found["difference"] == pytest.approx(found["second"] - found["first"])
        assert found["sure"] and found["low"] < found["difference"] < found["high"] < 0
    same = comparison.compare(model, model, later())
    assert all(r["difference"] == r["low"] == r["high"] == 0.0 and not r["sure"] for r in same)
    with pytest.raises(UserError, match="no row of this log is later"):
        comparison.compare(model, model, record(600))

"""The registry of trained models."""

import json

import jax
import numpy as np
import pytest
from samples_surrogate import FACILITY, record

from surrogate import registry, train
from surrogate.fitting import Recipe
from twin import UserError

SETTINGS, WEATHER = np.array([210.0, 1.8]), np.array([30.2])


@pytest.fixture(scope="module")
def trained():
    return train(FACILITY, [record(300)], recipe=Recipe(members=2, width=8, rounds=2))


def saved(trained, folder):
    return registry.save(trained.law, trained.card, trained.facility, folder)


def test_a_model_comes_back_as_it_was(trained, tmp_path):
    entry = saved(trained, tmp_path)
    model = registry.load(entry.id, folder=tmp_path)
    equal = jax.tree.map(lambda a, b: bool(np.array_equal(a, b)), trained.law, model.law)
    assert all(jax.tree.leaves(equal))
    for before, after in zip(trained.law(SETTINGS, WEATHER), model.law(SETTINGS, WEATHER), strict=True):
        assert np.array_equal(before, after)
    assert model.facility == trained.facility
    assert model.entry.card == trained.card | {"id": entry.id, "sha256": entry.sha256}


def test_the_newest_model_of_a_facility_is_the_one_in_service(trained, tmp_path):
    ids = [saved(trained, tmp_path).id for _ in range(3)]
    assert [e.id for e in registry.entries("toy-ring", tmp_path)] == ids[::-1]
    assert registry.load(facility="toy-ring", folder=tmp_path).entry.id == ids[-1]


def test_a_failed_save_leaves_nothing_behind(trained, tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        registry.save(trained.law, {"skill": float("nan")}, trained.facility, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_id_is_answered_with_the_known_ones(trained, tmp_path):
    entry = saved(trained, tmp_path)
    with pytest.raises(UserError, match=f"no model 'nonsense'.*{entry.id}"):
        registry.load("nonsense", folder=tmp_path)


def test_an_empty_registry_says_how_to_fill_it(tmp_path):
    with pytest.raises(UserError, match="beamtwin train"):
        registry.load(facility="toy-ring", folder=tmp_path / "none")


def test_changed_weights_are_noticed(trained, tmp_path):
    entry = saved(trained, tmp_path)
    with open(entry.path / registry.WEIGHTS, "ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match="not the weights"):
        registry.load(entry.id, folder=tmp_path)


def test_a_spoilt_card_is_named(trained, tmp_path):
    entry = saved(trained, tmp_path)
    (entry.path / registry.CARD).write_text(json.dumps({"id": entry.id}))
    with pytest.raises(UserError, match=r"card\.json"):
        registry.entries(folder=tmp_path)


def test_the_registry_lies_under_beamtwin_home(monkeypatch, tmp_path, trained):
    monkeypatch.setenv("BEAMTWIN_HOME", str(tmp_path))
    entry = registry.save(trained.law, trained.card, trained.facility)
    assert entry.path.parent == tmp_path / "models"
    assert registry.home() == tmp_path

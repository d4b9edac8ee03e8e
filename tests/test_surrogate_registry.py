"""The registry of trained models."""

import json
import multiprocessing
from itertools import pairwise
from pathlib import Path

import jax
import numpy as np
import pytest
from samples_surrogate import FACILITY, record

from surrogate import learned, registry, service
from surrogate.fitting import Recipe
from surrogate.train import train
from twin import UserError

SETTINGS, CONDITIONS = np.array([210.0, 1.8]), np.array([30.2])


@pytest.fixture(scope="module")
def trained():
    return train(FACILITY, [record(300)], recipe=Recipe(members=2, width=8, rounds=2))


def saved(trained, folder):
    return registry.save(trained.law, trained.card, trained.facility, folder)


def test_a_saved_model_is_loaded_unchanged(trained, tmp_path):
    entry = saved(trained, tmp_path)
    model = registry.load(entry.id, folder=tmp_path)
    equal = jax.tree.map(lambda a, b: bool(np.array_equal(a, b)), trained.law, model.law)
    assert all(jax.tree.leaves(equal))
    for before, after in zip(trained.law(SETTINGS, CONDITIONS), model.law(SETTINGS, CONDITIONS), strict=True):
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


def test_the_error_for_an_unknown_id_lists_the_known_ones(trained, tmp_path):
    entry = saved(trained, tmp_path)
    with pytest.raises(UserError, match=f"no model 'nonsense'.*{entry.id}"):
        registry.load("nonsense", folder=tmp_path)


def test_the_error_for_an_empty_registry_names_the_command_to_train(tmp_path):
    with pytest.raises(UserError, match="beamtwin train"):
        registry.load(facility="toy-ring", folder=tmp_path / "none")


def test_changed_weights_are_refused(trained, tmp_path):
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


def test_the_promoted_model_is_in_service_even_if_a_newer_one_exists(trained, tmp_path):
    _, second, _ = (saved(trained, tmp_path).id for _ in range(3))
    registry.promote(second, tmp_path)
    assert registry.in_service("toy-ring", tmp_path) == second
    assert registry.load(facility="toy-ring", folder=tmp_path).entry.id == second
    assert registry.load(folder=tmp_path).entry.id == second
    newer = saved(trained, tmp_path).id
    assert registry.load(facility="toy-ring", folder=tmp_path).entry.id == second != newer


def test_rollback_goes_back_step_by_step_to_the_model_before_the_first_promotion(trained, tmp_path):
    first, second, newest = (saved(trained, tmp_path).id for _ in range(3))
    registry.promote(first, tmp_path)
    registry.promote(second, tmp_path)
    assert registry.rollback("toy-ring", tmp_path).id == first
    assert registry.rollback("toy-ring", tmp_path).id == newest
    with pytest.raises(UserError, match="no promotion is left"):
        registry.rollback("toy-ring", tmp_path)
    registry.promote(second, tmp_path)
    assert registry.rollback("toy-ring", tmp_path).id == newest
    recorded = [(row["action"], row["id"]) for row in service.read(tmp_path)["toy-ring"]]
    assert recorded == [
        ("promote", first), ("promote", second), ("rollback", first), ("rollback", newest),
        ("promote", second), ("rollback", newest),
    ]  # fmt: skip


def test_a_rollback_to_a_model_that_is_gone_is_refused_and_changes_nothing(trained, tmp_path):
    first, second = (saved(trained, tmp_path) for _ in range(2))
    registry.promote(first.id, tmp_path)
    for file in second.path.iterdir():
        file.unlink()
    with pytest.raises(UserError, match="is gone"):
        registry.rollback("toy-ring", tmp_path)
    assert registry.in_service("toy-ring", tmp_path) == first.id


def test_a_promoted_model_that_is_gone_is_named(trained, tmp_path):
    first, second = (saved(trained, tmp_path) for _ in range(2))
    registry.promote(first.id, tmp_path)
    (first.path / registry.CARD).unlink()
    with pytest.raises(UserError, match=f"no model '{first.id}'.*there are: {second.id}"):
        registry.load(facility="toy-ring", folder=tmp_path)


def test_a_unique_start_of_an_id_is_enough(trained, tmp_path):
    first, second = (saved(trained, tmp_path).id for _ in range(2))
    assert registry.find(first[:-8], folder=tmp_path).id == first
    with pytest.raises(UserError, match=f"start of more than one model: {second}, {first}"):
        registry.find("toy-ring", folder=tmp_path)


def test_models_that_cannot_be_read_are_not_promoted(trained, tmp_path):
    entry = saved(trained, tmp_path)
    (entry.path / registry.WEIGHTS).write_bytes(b"")
    with pytest.raises(UserError, match="not the weights"):
        registry.promote(entry.id, tmp_path)
    assert not (tmp_path / service.FILE).exists()


def test_a_model_of_the_first_version_loads_with_equal_results():
    model = registry.load(folder=Path(__file__).parent / "model_v1")
    point = model.law(SETTINGS, CONDITIONS)
    assert model.entry.card["schema"] == "beamtwin/model/1"
    assert np.asarray(point.quantity) == pytest.approx([14.8711929, 8.73692071e11], rel=1e-6)
    assert np.asarray(point.hazard) == pytest.approx([3.38285696e-2, 8.37520044e-6, 8.37520044e-6], rel=1e-6)
    assert model.law.seen is not None and model.law.support(SETTINGS, CONDITIONS) < model.law.seen.limit
    assert model.law.draws(jax.random.key(0), 3).extrapolation_error.shape == (3, 2)


def test_a_law_stored_under_the_field_names_of_version_0_1_loads_unchanged(trained, tmp_path):
    learned.save(trained.law, tmp_path / "law.npz")
    with np.load(tmp_path / "law.npz") as file:
        arrays = dict(file)
    arrays["reach"] = arrays.pop("extrapolation_error")
    np.savez(tmp_path / "old.npz", **arrays)
    law = learned.load(tmp_path / "old.npz")
    assert jax.tree.structure(law) == jax.tree.structure(trained.law)
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, law, trained.law)))


def test_a_model_of_a_later_schema_is_listed_but_not_used(trained, tmp_path):
    entry = saved(trained, tmp_path)
    card = json.loads((entry.path / registry.CARD).read_text()) | {"schema": "beamtwin/model/9"}
    (entry.path / registry.CARD).write_text(json.dumps(card))
    assert [e.id for e in registry.entries(folder=tmp_path)] == [entry.id]
    with pytest.raises(UserError, match=r"beamtwin/model/9.*update beamtwin"):
        registry.load(entry.id, folder=tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "beamtwin/in-service/9"}'])
def test_a_service_file_that_cannot_be_read_is_named_and_not_changed(trained, tmp_path, text):
    entry = saved(trained, tmp_path)
    (tmp_path / service.FILE).write_text(text)
    for wanted in (lambda: registry.promote(entry.id, tmp_path), lambda: registry.load(folder=tmp_path)):
        with pytest.raises(UserError, match=r"in-service\.json"):
            wanted()
    assert (tmp_path / service.FILE).read_text() == text


def hammer(folder, ids, rounds, start):
    """Save, promote and roll back as fast as possible; runs in a separate process."""
    model = registry.load(ids[0], folder=folder)
    start.wait()
    for i in range(rounds):
        service.promote(folder, "toy-ring", ids[i % 2], ids[1])
        if i % 3 == 2:
            service.rollback(folder, "toy-ring", set(ids))
            registry.save(model.law, model.entry.card, model.facility, folder)


def test_concurrent_writers_lose_no_update_and_leave_no_partial_file(trained, tmp_path):
    ids, rounds = [saved(trained, tmp_path).id for _ in range(2)], 60
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    jobs = [context.Process(target=hammer, args=(tmp_path, ids, rounds, start)) for _ in range(2)]
    for job in jobs:
        job.start()
    start.set()
    while any(job.is_alive() for job in jobs):
        assert registry.in_service("toy-ring", tmp_path) in {e.id for e in registry.entries(folder=tmp_path)}
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0, 0]
    history = service.read(tmp_path)["toy-ring"]
    actions = [row["action"] for row in history]
    assert actions.count("promote") == 2 * rounds and actions.count("rollback") == 2 * rounds // 3
    assert all(b["before"] == a["id"] for a, b in pairwise(history))
    assert len(registry.entries(folder=tmp_path)) == 2 + 2 * rounds // 3
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith(".")}
    assert left == {service.LOCK}, "no partial file is left"

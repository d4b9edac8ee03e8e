"""The tutorial for researchers: a new model is trained, stored, promoted and exported."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from samples_surrogate import FACILITY, TEXT, record

from replay_data.runlog import write
from surrogate import models, registry
from surrogate.fitting import Recipe
from twin import UserError

sys.path.append(str(Path(__file__).parents[1] / "examples/tutorial"))
import train_own


@pytest.fixture(scope="module")
def promoted(tmp_path_factory):
    """The entry of the tutorial's model and the folder of the registry."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "toy.toml").write_text(TEXT)
    write(record(300), folder / "log.h5")
    known = models.entry_points
    try:
        train_own.offer()
        recipe = Recipe(members=3, width=8, rounds=4)
        entry = train_own.main(
            str(folder / "toy.toml"), str(folder / "log.h5"), folder / "models", recipe,
            ("perceptrons", "absolute perceptrons"),
        )  # fmt: skip
        yield entry, folder / "models"
    finally:
        models.entry_points = known
        models.learners.cache_clear()


def test_the_tutorial_trains_a_new_model_and_promotes_it(promoted):
    entry, folder = promoted
    scores = entry.card["models"]["chosen"]["flux"]["scores"]
    assert {"perceptrons", "absolute perceptrons"} <= set(scores)
    assert registry.in_service("toy-ring", folder) == entry.id
    assert registry.load(facility="toy-ring", folder=folder).entry.id == entry.id


def test_the_promoted_model_equals_its_onnx_export(promoted, tmp_path):
    pytest.importorskip("jax2onnx", reason="ONNX export is optional: pip install 'beamtwin[onnx]'")
    pytest.importorskip("onnxruntime", reason="ONNX export is optional: pip install 'beamtwin[onnx]'")
    from surrogate.onnx_export import agreement, export

    entry, folder = promoted
    model = registry.load(entry.id, folder=folder)
    x = np.random.default_rng(0).uniform([100, 1, 28], [300, 3, 32], (50, 3))
    assert agreement(model, export(model, tmp_path / "model.onnx"), x) < 1e-6


def test_without_the_packages_the_export_names_what_to_install(monkeypatch, tmp_path):
    from surrogate.onnx_export import export

    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    model = SimpleNamespace(facility=FACILITY)
    with pytest.raises(UserError, match=r"beamtwin\[onnx\]"):
        export(model, tmp_path / "model.onnx")  # type: ignore[arg-type]

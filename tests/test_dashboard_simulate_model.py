"""`beamtwin simulate --model`: each figure with what is chance and what the log left unknown."""

import json
import shutil

import pytest

from dashboard.cli.main import main
from twin.outcome import METRICS


@pytest.fixture
def stocked(ring_model, tmp_path, monkeypatch):
    """A home whose registry holds the session's model."""
    monkeypatch.setenv("BEAMTWIN_HOME", str(tmp_path / "home"))
    path = ring_model.entry.path
    shutil.copytree(path, tmp_path / "home" / "models" / path.name)
    return path.name


@pytest.mark.slow
def test_a_model_foresees_every_metric_and_says_how_much_is_chance(stocked, tmp_path, capsys):
    out = tmp_path / "found.json"
    assert main(["simulate", "storage-ring", "--model", "--years", "0.1", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["model"] == stocked and stocked in capsys.readouterr().out.replace("\n", "")
    rows = {row["metric"]: row for row in found["figures"]}
    assert list(rows) == [m.name for m in METRICS]
    for row in (rows["availability"], rows["failures"], rows["useful_beam"]):
        assert row["low"] < row["mean"] < row["high"] and row["long_low"] < row["mean"] < row["long_high"]
        assert row["chance"] > 0 and 0.0 <= row["share"] < 1.0
    assert rows["user_h"]["low"] == rows["user_h"]["high"]


def test_an_unknown_model_is_answered_with_the_known_ones(stocked, capsys):
    assert main(["simulate", "storage-ring", "--model", "nobody"]) == 2
    assert stocked in capsys.readouterr().err

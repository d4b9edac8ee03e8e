"""`beamtwin advise`: a log through the gate of advisories, told and as JSON; what has no minutes is refused."""

import json

import pytest

from dashboard.cli.main import main
from surrogate import registry


@pytest.fixture
def stocked(ring_model, tmp_path, monkeypatch):
    """A home with a model in service."""
    monkeypatch.setenv("BEAMTWIN_HOME", str(tmp_path))
    registry.save(ring_model.law, ring_model.entry.card, ring_model.facility)


@pytest.mark.slow
def test_the_command_counts_what_was_raised_and_suppressed_by_reason(stocked, ring_log, tmp_path, capsys):
    out = tmp_path / "advised.json"
    assert main(["advise", "storage-ring", str(ring_log), "--days", "1", "--json", str(out)]) == 0
    said, found = capsys.readouterr().out, json.loads(out.read_text())
    assert "advisories in 1.0 days" in said and "without the gate would have spoken" in said
    assert found["hours"] == pytest.approx(24.0, abs=0.1) and sum(found["suppressed"].values()) > 100
    assert all(row["sure"] > 0.0 and set(row["settings"]) >= {"current"} for row in found["advisories"])


def test_a_table_of_experiments_has_no_minutes_to_step_through(stocked, tmp_path, ring_record, capsys):
    from dataclasses import replace

    from replay_data.runlog import write

    path = tmp_path / "table.h5"
    write(replace(ring_record, tabular=True), path)
    assert main(["advise", "storage-ring", str(path)]) == 2
    assert "has no minutes to step through" in capsys.readouterr().err

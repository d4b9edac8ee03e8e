"""`beamtwin advise`: the limit on advisories applied to a log, as text and JSON; tabular logs are refused."""

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
def test_the_command_counts_advisories_raised_and_not_raised_by_reason(stocked, ring_log, tmp_path, capsys):
    out = tmp_path / "advised.json"
    assert main(["advise", "storage-ring", str(ring_log), "--days", "1", "--json", str(out)]) == 0
    printed, found = capsys.readouterr().out, json.loads(out.read_text())
    assert (
        "advisories in 1.0 days" in printed
        and "without the limit on advisories the page would have raised" in printed
    )
    assert found["hours"] == pytest.approx(24.0, abs=0.1) and sum(found["suppressed"].values()) > 100
    assert all(row["sure"] > 0.0 and set(row["settings"]) >= {"current"} for row in found["advisories"])


def test_a_tabular_log_has_no_times_to_step_through(stocked, tmp_path, ring_record, capsys):
    from dataclasses import replace

    from replay_data.runlog import write

    path = tmp_path / "table.h5"
    write(replace(ring_record, tabular=True), path)
    assert main(["advise", "storage-ring", str(path)]) == 2
    assert "a tabular log has no times to step through" in capsys.readouterr().err

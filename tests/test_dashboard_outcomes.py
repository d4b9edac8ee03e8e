"""Outcomes in the ledger, on the command line and on the page."""

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import samples_dashboard as samples
from cases_adopted import adopted, promise

from dashboard.app.sources.files import FileSource
from dashboard.app.store.ledger import Ledger
from dashboard.cli.main import main
from dashboard.components import outcomes
from dashboard.figures import timelines
from dashboard.reports.recommendation import to_html
from replay_data.runlog import write
from twin import Space, UserError


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def accepted(ledger: Ledger, **changes) -> int:
    return samples.decide(ledger, samples.recommendation(**changes), "accept", "M. Okada")


def test_outcomes_are_appended_until_they_end_and_never_changed(ledger):
    entry = accepted(ledger)
    ledger.follow(entry, samples.outcome(ended=False))
    ledger.follow(entry, samples.outcome(ended=True, verdict="less"))
    with pytest.raises(UserError, match="not measured again"):
        ledger.follow(entry, samples.outcome())
    (row,) = ledger.outcomes("storage-ring")
    assert (row["decision"], row["operator"], row["verdict"], row["ended"]) == (
        entry,
        "M. Okada",
        "less",
        True,
    )
    with sqlite3.connect(ledger.path) as db:
        for statement in ("DELETE FROM outcomes", "UPDATE outcomes SET ended = 0"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)
    db.close()
    assert ledger.newest() == [1, 2] and ledger.outcomes("another") == []


def test_only_what_was_accepted_and_goes_on_is_followed(ledger):
    made = [samples.recommendation(headline=str(i)) for i in range(3)]
    first, second, third = (samples.decide(ledger, each, "accept", "M. Okada") for each in made)
    samples.decide(ledger, made[2], "undo", "M. Okada")
    samples.decide(ledger, made[1], "restore", "M. Okada")
    held = samples.decide(ledger, samples.recommendation(headline="held"), "hold", "M. Okada")
    assert [e["id"] for e in ledger.to_follow("storage-ring")] == [first, second]
    ledger.follow(first, samples.outcome(ended=True))
    assert [e["id"] for e in ledger.to_follow("storage-ring")] == [second]
    for number in (held, third + 100):
        with pytest.raises(UserError, match="not an accepted recommendation"):
            ledger.follow(number, samples.outcome())


def test_a_ledger_of_before_gets_the_table_of_outcomes(ledger):
    with sqlite3.connect(ledger.path) as db:
        db.execute("DROP TABLE outcomes")
    db.close()
    again = Ledger(ledger.path)
    again.follow(accepted(again), samples.outcome())
    assert len(again.outcomes()) == 1


def test_the_section_shows_promised_beside_realised_and_the_verdict_of_all(ledger):
    assert outcomes.section(ledger, "storage-ring") is None
    rng = np.random.default_rng(1)
    for i in range(14):
        gain = float(rng.normal(0.1, 0.3))
        made = samples.outcome(mean=gain, verdict="less" if gain < 0.3 else "kept")
        ledger.follow(accepted(ledger, headline=str(i)), made)
    shown = to_html(outcomes.section(ledger, "storage-ring"))
    assert "Did it help?" in shown and "less than they promise" in shown
    assert shown.count("◆ less") + shown.count("● kept") == 12  # the latest
    figure = timelines.promises(ledger.outcomes())
    assert len(figure.data) == 4 * 14
    assert {t.marker.symbol for t in figure.data if t.mode == "markers"} == {"circle", "diamond"}


def test_an_outcome_without_a_gain_has_a_row_but_nothing_drawn(ledger):
    ledger.follow(accepted(ledger), samples.outcome(realised=None, verdict="not followed"))
    shown = to_html(outcomes.section(ledger, None))
    assert "not followed" in shown and "application/json" not in shown


def test_the_command_follows_what_was_accepted(tmp_path, monkeypatch, ring, ring_record, capsys):
    monkeypatch.setenv("BEAMTWIN_HOME", str(tmp_path))
    log = tmp_path / "log.h5"
    present = np.array([ring_record.channel(name).value[-1] for name in Space.of(ring).names])
    proposed = present - np.array([0.0, 0.4, 0.0, 0.0])
    write(adopted(ring, 134, 3, proposed, 121, 134), log)
    assert main(["outcome", str(log)]) == 2
    assert "no accepted recommendation" in capsys.readouterr().err
    made = promise(ring, present, proposed, 2880.0, 1.0, expires_at="2999-01-01T00:00:00+00:00")
    samples.decide(FileSource().ledger, made, "accept", "M. Okada")
    assert main(["outcome", str(log), "--json", str(tmp_path / "out.json")]) == 0
    said = capsys.readouterr().out
    assert ("Held for 13.0 days" in said and "cannot be told yet" in said) or "No outcome has ended" in said
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["outcomes"][0]["adopted"]["followed"] and found["answer"]["outcomes"] == 0
    assert main(["outcome", str(log)]) == 0  # goes on: measured again, appended
    assert FileSource().ledger.newest() == [1, 2]

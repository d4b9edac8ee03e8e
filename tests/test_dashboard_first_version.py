"""Recommendations of version 0.1.0: shown, reported, decided upon, found in its ledger and followed."""

import json
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import samples_dashboard as samples
from samples_first_version import OLD, OLD_DIGEST, V1

from controllers.outcomes.follow import follow
from controllers.recommendation import Recommendation, read
from dashboard.app.acceptance import barriers
from dashboard.app.sources.files import FileSource
from dashboard.app.store.ledger import Ledger
from dashboard.components import layout, machine, sections
from dashboard.reports.recommendation import document, to_html
from dashboard.text import words
from twin import UserError

WROTE = (
    "INSERT INTO decisions (at, facility, decision, operator, comment, digest, recommendation)"
    " VALUES ('2026-12-01T03:00:00+00:00', 'storage-ring', 'accept', 'M. Okada', '', ?, ?)"
)
"""How version 0.1.0 wrote a decision: the digest of the recommendation, and all of it as JSON."""


@pytest.fixture
def made() -> Recommendation:
    return read(OLD)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


@pytest.fixture
def old_ledger(ledger: Ledger) -> Ledger:
    """A ledger in which version 0.1.0 wrote that the recommendation was accepted."""
    with sqlite3.connect(ledger.path) as db:
        db.execute(WROTE, (OLD_DIGEST, json.dumps(V1, allow_nan=False)))
    db.close()
    return ledger


def test_the_newest_stored_one_is_read(tmp_path, made):
    folder = tmp_path / "recommendations"
    folder.mkdir()
    shutil.copy(OLD, folder / "storage-ring.latest.json")
    assert FileSource(tmp_path).recommendation("storage-ring") == made


def test_the_page_and_the_report_show_all_of_its_numbers(made):
    shown = to_html(
        [
            *layout.facts(made, None, datetime.now(UTC)), layout.verdict(made), layout.settings(made, None),
            sections.effects(made), sections.why(made), *sections.story(made), *sections.grounds(made),
        ]
    )  # fmt: skip
    expected = [V1["headline"], *V1["why"], V1["replay"]["same_luck"], OLD_DIGEST, "exact", "◐ edge"]
    expected += [words.interval(row["low"], row["high"], row["digits"]) for row in V1["effects"]]
    expected += [words.amount(row["proposed"], row["unit"], row["precision"]) for row in V1["knobs"]]
    expected += [words.interval(row["gain"]["low"], row["gain"]["high"]) for row in V1["when"]["moments"]]
    for page in (shown, document(made)):
        assert [text for text in expected if to_html(text) not in page] == []


def test_it_is_decided_upon_as_what_it_was(ledger, made):
    (reason,) = barriers(made, samples.ready(made), datetime.now(UTC) + timedelta(days=400))
    assert reason == "The recommendation expired on 02 Dec 2026 02:51 UTC."
    samples.decide(ledger, made, "hold", "M. Okada")
    (entry,) = ledger.entries()
    assert entry["digest"] == OLD_DIGEST and entry["recommendation"] == made
    with sqlite3.connect(ledger.path) as db:
        ((text,),) = db.execute("SELECT recommendation FROM decisions")
    db.close()
    assert json.loads(text) == V1


def test_a_decision_of_before_still_stands(old_ledger, made):
    last, in_force = old_ledger.last(made), old_ledger.in_force("storage-ring")
    assert last is not None and in_force is not None and last["id"] == in_force["id"] == 1
    assert "Previous: Stored current 424.3" in to_html(machine.previous(in_force))
    assert V1["headline"] in to_html(machine.entries(old_ledger.entries()))
    assert "rf_voltage 3.7897 -> 2.92 MV" in old_ledger.export_csv()
    with pytest.raises(UserError, match=r"accepted by M\. Okada .* undo that first"):
        samples.decide(old_ledger, made, "reject", "J. Weber", "no")
    samples.decide(old_ledger, made, "undo", "J. Weber")
    assert old_ledger.in_force("storage-ring") is None


def test_what_was_accepted_before_is_followed(old_ledger, ring, ring_record):
    (entry,) = old_ledger.to_follow("storage-ring")
    log = replace(ring_record, start="2026-10-15T00:00:00+00:00")
    found = follow(entry["recommendation"], ring, log)
    beam = V1["effects"][0]
    assert found["promised"] == {
        "mean": beam["change"], "low": beam["low"], "high": beam["high"], "horizon_h": 672.0,
    }  # fmt: skip
    assert found["verdict"] == "not followed" and found["ended"]
    old_ledger.follow(entry["id"], found)
    assert old_ledger.to_follow("storage-ring") == []

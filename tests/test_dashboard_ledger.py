"""The ledger: nothing in it changes, everything in it lasts."""

import csv
import io
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import samples_dashboard as samples

from controllers.recommendation import digest
from dashboard.app.store.ledger import Ledger
from twin import UserError


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def test_an_entry_keeps_the_whole_recommendation_and_who_decided(ledger: Ledger) -> None:
    made = samples.recommendation()
    number = samples.decide(ledger, made, "reject", " M. Okada ", " Klystron 3 is in conditioning. ")
    (entry,) = ledger.entries()
    assert entry["id"] == number == 1
    assert entry["recommendation"] == made
    assert (entry["operator"], entry["comment"]) == ("M. Okada", "Klystron 3 is in conditioning.")
    assert (entry["facility"], entry["decision"], entry["digest"]) == ("storage-ring", "reject", digest(made))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decisions SET operator = 'somebody else'",
        "DELETE FROM decisions",
        "INSERT OR REPLACE INTO decisions SELECT id, at, facility, 'hold', operator, comment, digest,"
        " recommendation FROM decisions",
    ],
)
def test_the_file_itself_refuses_to_change_an_entry(ledger: Ledger, statement: str) -> None:
    samples.decide(ledger, samples.recommendation(), "accept", "M. Okada")
    before = ledger.entries()
    with sqlite3.connect(ledger.path) as db, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)
    db.close()
    assert ledger.entries() == before


def test_a_rejection_without_a_comment_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UserError, match="needs a comment"):
        samples.decide(ledger, samples.recommendation(), "reject", "M. Okada", "  ")
    assert ledger.entries() == []


def test_a_decision_without_a_name_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UserError, match="name is empty"):
        samples.decide(ledger, samples.recommendation(), "accept", " ")


def test_an_unknown_decision_names_the_known_ones(ledger: Ledger) -> None:
    with pytest.raises(UserError, match="'maybe'; known are: accept, hold, reject, undo, restore"):
        samples.decide(ledger, samples.recommendation(), "maybe", "M. Okada")


def test_a_second_decision_is_refused_until_the_first_is_undone(ledger: Ledger) -> None:
    made = samples.recommendation()
    samples.decide(ledger, made, "accept", "M. Okada")
    with pytest.raises(UserError, match=r"accepted by M. Okada .* undo that first"):
        samples.decide(ledger, made, "reject", "J. Weber", "no")
    samples.decide(ledger, made, "undo", "J. Weber")
    samples.decide(ledger, made, "reject", "J. Weber", "no")
    assert [entry["decision"] for entry in ledger.entries()] == ["reject", "undo", "accept"]


def test_nothing_can_be_undone_before_it_was_decided(ledger: Ledger) -> None:
    with pytest.raises(UserError, match="no decision on this recommendation to undo"):
        samples.decide(ledger, samples.recommendation(), "undo", "M. Okada")


def test_an_accepted_entry_is_in_force_until_the_settings_are_restored(ledger: Ledger) -> None:
    first, later = samples.recommendation(), samples.recommendation(headline="Another one.")
    number = samples.decide(ledger, first, "accept", "M. Okada")
    samples.decide(ledger, later, "hold", "M. Okada")
    in_force = ledger.in_force("storage-ring")
    assert in_force is not None and in_force["id"] == number
    samples.decide(ledger, first, "restore", "J. Weber")
    assert ledger.in_force("storage-ring") is None


def test_entries_are_newest_first_and_can_be_limited_to_a_facility(ledger: Ledger) -> None:
    for n in range(4):
        facility = ("storage-ring", "xfel-linac")[n % 2]
        samples.decide(ledger, samples.recommendation(facility=facility, headline=str(n)), "hold", "M. Okada")
    assert [entry["id"] for entry in ledger.entries(limit=3)] == [4, 3, 2]
    assert [entry["id"] for entry in ledger.entries(facility="xfel-linac")] == [4, 2]


def test_a_new_process_finds_what_the_last_one_wrote(ledger: Ledger) -> None:
    samples.decide(ledger, samples.recommendation(), "accept", "M. Okada")
    again = Ledger(ledger.path)
    assert again.entries() == ledger.entries()
    assert samples.decide(again, samples.recommendation(headline="next"), "hold", "J. Weber") == 2


WRITER = """
import sys
sys.path.insert(0, "tests")
import samples_dashboard as samples
from dashboard.app.store.ledger import Ledger
ledger = Ledger(sys.argv[1])
for n in range(20):
    samples.decide(ledger, samples.recommendation(headline=f"{sys.argv[2]} {n}"), "hold", sys.argv[2])
"""


def test_two_processes_and_two_threads_write_at_once_and_nothing_is_lost(ledger: Ledger) -> None:
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", WRITER, str(ledger.path)]
    others = [subprocess.Popen([*command, name], cwd=root) for name in ("one", "two")]

    def write(name: str) -> None:
        for n in range(20):
            samples.decide(ledger, samples.recommendation(headline=f"{name} {n}"), "hold", name)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("three", "four")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait(timeout=60) for other in others] == [0, 0]
    entries = ledger.entries(limit=100)
    assert [entry["id"] for entry in entries] == list(range(80, 0, -1))
    assert {entry["operator"] for entry in entries} == {"one", "two", "three", "four"}


def test_of_two_operators_deciding_at_once_only_one_is_recorded(ledger: Ledger) -> None:
    made, outcomes = samples.recommendation(), []
    ready = threading.Barrier(4)

    def decide(name: str) -> None:
        ready.wait()
        try:
            outcomes.append(samples.decide(ledger, made, "accept", name))
        except UserError:
            outcomes.append(0)

    threads = [threading.Thread(target=decide, args=(f"operator {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [0, 0, 0, 1]


def test_the_export_holds_each_entry_and_no_formula(ledger: Ledger) -> None:
    made = samples.recommendation()
    samples.decide(ledger, made, "hold", "M. Okada", '=HYPERLINK("x"), said "wait"')
    samples.decide(ledger, made, "accept", "J. Weber")
    first, second = csv.DictReader(io.StringIO(ledger.export_csv()))
    assert first["comment"] == '\'=HYPERLINK("x"), said "wait"'
    assert (second["decision"], second["operator"]) == ("accept", "J. Weber")
    assert "rf_voltage 3.4 -> 2.85 MV" in second["settings"] and "coupling" not in second["settings"]


def test_a_ledger_written_by_version_0_1_is_read_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as db:
        db.executescript((Path(__file__).parent / "ledger_v1.sql").read_text())
    db.close()
    old = Ledger(path)
    assert [(e["id"], e["decision"], e["operator"]) for e in old.entries()] == [
        (2, "reject", "J. Weber"),
        (1, "accept", "M. Okada"),
    ]
    accepted = old.entries()[1]
    assert digest(accepted["recommendation"]) == accepted["digest"]
    assert old.outcomes()[0]["verdict"] == "kept" and old.advised("storage-ring")["sure"] == 0.7
    with pytest.raises(UserError, match=r"was accepted by M\. Okada"):
        samples.decide(old, accepted["recommendation"], "reject", "J. Weber", "no")
    old.follow(1, samples.outcome(ended=True))
    assert samples.decide(old, accepted["recommendation"], "restore", "J. Weber") == 3
    assert old.in_force("storage-ring") is None and len(old.export_csv().splitlines()) == 4

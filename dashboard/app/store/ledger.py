"""The ledger of decisions and their outcomes: an append-only SQLite file with the full recommendations."""

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controllers.recommendation import Recommendation, digest, from_json
from dashboard.app.refusals import Decision, History, Present, Refused, concerned, reasons_against
from dashboard.app.store.database import Database
from twin.errors import UserError

SCHEMA = """
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    facility TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('accept', 'hold', 'reject', 'undo', 'restore')),
    operator TEXT NOT NULL CHECK (trim(operator) <> ''),
    comment TEXT NOT NULL CHECK (decision <> 'reject' OR trim(comment) <> ''),
    digest TEXT NOT NULL,
    recommendation TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS decisions_digest ON decisions (digest, id);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: a decision is never changed'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: a decision is never deleted'); END;
CREATE TRIGGER IF NOT EXISTS no_replace BEFORE INSERT ON decisions
WHEN EXISTS (SELECT 1 FROM decisions WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: a decision is never replaced'); END;
CREATE TABLE IF NOT EXISTS outcomes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    decision INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS outcomes_decision ON outcomes (decision, id);
CREATE TRIGGER IF NOT EXISTS no_outcome_update BEFORE UPDATE ON outcomes
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an outcome is never changed'); END;
CREATE TRIGGER IF NOT EXISTS no_outcome_delete BEFORE DELETE ON outcomes
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an outcome is never deleted'); END;
CREATE TRIGGER IF NOT EXISTS no_second_end BEFORE INSERT ON outcomes
WHEN EXISTS (SELECT 1 FROM outcomes WHERE id = NEW.id OR decision = NEW.decision AND ended)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an outcome that has ended is not measured again'); END;
CREATE TABLE IF NOT EXISTS advisories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    facility TEXT NOT NULL,
    advisory TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS advisories_facility ON advisories (facility, id);
CREATE TRIGGER IF NOT EXISTS no_advisory_update BEFORE UPDATE ON advisories
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an advisory is never changed'); END;
CREATE TRIGGER IF NOT EXISTS no_advisory_delete BEFORE DELETE ON advisories
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an advisory is never deleted'); END;
"""

INSERT = """
INSERT INTO decisions (at, facility, decision, operator, comment, digest, recommendation)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""

COLUMNS = ("id", "at", "facility", "decision", "operator", "comment", "digest")


class Ledger(Database):
    """Decisions on recommendations. Each call opens its own connection, so threads and processes can share it."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, SCHEMA)

    def append(self, request: Decision, read: Callable[[], Present], now: datetime) -> int:
        """Append one decision and return its number, or raise Refused with all reasons against it.

        ``read`` returns the present recommendation and machine state. It is called, and all rules are applied, inside
        the transaction that writes. So of two operators at once, the second is checked against the first's decision.
        """
        with self._writing() as db:
            return _append(db, request, read(), now)

    def entries(self, limit: int = 100, facility: str | None = None) -> list[dict[str, Any]]:
        """The latest entries, newest first, each with its recommendation."""
        with self._open() as db:
            rows = db.execute(
                "SELECT * FROM decisions WHERE ?1 IS NULL OR facility = ?1 ORDER BY id DESC LIMIT ?2",
                (facility, limit),
            ).fetchall()
        return [_entry(row) for row in rows]

    def last(self, recommendation: Recommendation) -> dict[str, Any] | None:
        """The latest entry on exactly this recommendation."""
        with self._open() as db:
            return _last(db, recommendation)

    def in_force(self, facility: str) -> dict[str, Any] | None:
        """The latest accepted entry of a facility that was neither undone nor restored."""
        with self._open() as db:
            return _in_force(db, facility)

    def follow(self, decision: int, outcome: dict[str, Any]) -> int:
        """Append an outcome of an accepted decision and return its number; no outcome may follow one that ended."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        row = (at, decision, bool(outcome["ended"]), json.dumps(outcome, allow_nan=False))
        with self._open() as db:
            found = db.execute("SELECT decision FROM decisions WHERE id = ?", (decision,)).fetchone()
            if found is None or found["decision"] != "accept":
                raise UserError(f"entry {decision} of the ledger is not an accepted recommendation")
            try:
                number = db.execute(
                    "INSERT INTO outcomes (at, decision, ended, outcome) VALUES (?, ?, ?, ?)", row
                ).lastrowid
            except sqlite3.IntegrityError as error:
                raise UserError(f"entry {decision}: {error}") from None
        return int(number or 0)

    def to_follow(self, facility: str) -> list[dict[str, Any]]:
        """Accepted entries of a facility, oldest first, that were not undone and whose outcome has not ended."""
        with self._open() as db:
            rows = db.execute(
                "SELECT * FROM decisions AS d WHERE facility = ? AND decision = 'accept' AND NOT EXISTS"
                " (SELECT 1 FROM outcomes WHERE decision = d.id AND ended) AND coalesce("
                "(SELECT decision FROM decisions WHERE digest = d.digest AND id > d.id ORDER BY id LIMIT 1), '')"
                " <> 'undo' ORDER BY id",
                (facility,),
            ).fetchall()
        return [_entry(row) for row in rows]

    def outcomes(self, facility: str | None = None) -> list[dict[str, Any]]:
        """The latest outcome of each decision that has one, in the order of the decisions: ``decision``, ``at``,
        ``operator`` and the outcome's own keys."""
        with self._open() as db:
            rows = db.execute(
                "SELECT o.decision, d.at, d.operator, o.outcome FROM outcomes AS o JOIN decisions AS d"
                " ON d.id = o.decision WHERE o.id IN (SELECT max(id) FROM outcomes GROUP BY decision)"
                " AND (?1 IS NULL OR d.facility = ?1) ORDER BY o.decision",
                (facility,),
            ).fetchall()
        keys = ("decision", "at", "operator")
        return [{key: row[key] for key in keys} | _outcome(row["outcome"]) for row in rows]

    def advise(self, facility: str, advisory: dict[str, Any]) -> None:
        """Append an advisory. If the ledger is locked for half a second, sqlite3.OperationalError is raised."""
        row = facility, json.dumps(advisory, allow_nan=False)
        with self._open(wait_s=0.5) as db:
            db.execute("INSERT INTO advisories (facility, advisory) VALUES (?, ?)", row)

    def advised(self, facility: str) -> dict[str, Any] | None:
        """The latest advisory on a facility."""
        with self._open() as db:
            row = db.execute(
                "SELECT advisory FROM advisories WHERE facility = ? ORDER BY id DESC LIMIT 1", (facility,)
            ).fetchone()
        return json.loads(row["advisory"]) if row else None

    def newest(self) -> list[int]:
        """Numbers of the latest decision and the latest outcome, 0 where there is none."""
        with self._open() as db:
            return [_newest(db, table) for table in ("decisions", "outcomes")]

    def export_csv(self) -> str:
        """The whole ledger, oldest first, as CSV for a shift handover, safe to open in a spreadsheet."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow([*COLUMNS, "verdict", "settings"])
        with self._open() as db:
            for row in db.execute("SELECT * FROM decisions ORDER BY id"):
                made = _recommendation(row)
                cells = [row[name] for name in COLUMNS] + [made.verdict, _settings(made)]
                writer.writerow([_plain(cell) for cell in cells])
        return text.getvalue()


def _append(db: sqlite3.Connection, request: Decision, present: Present, now: datetime) -> int:
    """Apply all rules to the present state inside the transaction, then write."""
    newest, in_force = _newest(db, "decisions"), _in_force(db, request.facility)
    history = History(newest, in_force, lambda made: _last(db, made))
    reasons = reasons_against(request, present, history, now)
    made = concerned(request, present, history)
    if reasons or made is None:
        raise Refused(reasons)
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    row = (at, made.facility, request.action, request.operator, request.comment.strip(), digest(made))
    return int(db.execute(INSERT, (*row, json.dumps(made.stored(), allow_nan=False))).lastrowid or 0)


def _newest(db: sqlite3.Connection, table: str) -> int:
    return db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]


def _last(db: sqlite3.Connection, recommendation: Recommendation) -> dict[str, Any] | None:
    row = db.execute(
        "SELECT * FROM decisions WHERE digest = ? ORDER BY id DESC LIMIT 1", (digest(recommendation),)
    ).fetchone()
    return _entry(row) if row else None


def _in_force(db: sqlite3.Connection, facility: str) -> dict[str, Any] | None:
    row = db.execute(
        "SELECT * FROM decisions AS d WHERE facility = ? AND decision = 'accept' AND NOT EXISTS"
        " (SELECT 1 FROM decisions WHERE digest = d.digest AND id > d.id) ORDER BY id DESC LIMIT 1",
        (facility,),
    ).fetchone()
    return _entry(row) if row else None


def _entry(row: sqlite3.Row) -> dict[str, Any]:
    return dict(row) | {"recommendation": _recommendation(row)}


def _recommendation(row: sqlite3.Row) -> Recommendation:
    return from_json(json.loads(row["recommendation"]), f"entry {row['id']} of the ledger")


def _settings(made: Recommendation) -> str:
    """'rf_voltage 3.4 -> 2.85 MV; ...' for the knobs that the recommendation moves."""
    return "; ".join(
        f"{knob.name} {knob.present:g} -> {knob.proposed:g} {knob.unit}" for knob in made.knobs if knob.moves
    )


def _plain(cell: Any) -> Any:
    """Prefix an apostrophe to a text that a spreadsheet would run as a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _outcome(stored: str) -> dict[str, Any]:
    """A stored outcome with its present keys; version 0.1 called one of its keys ``same_luck``."""
    outcome = json.loads(stored)
    if "same_luck" in outcome:
        outcome["same_random_events"] = outcome.pop("same_luck")
    return outcome

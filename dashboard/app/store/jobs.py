"""The table of jobs: an SQLite file that keeps jobs, progress and results when the server stops."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dashboard.app.store.database import Database
from twin.types import Json

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    analysis TEXT NOT NULL,
    arguments TEXT NOT NULL,
    person TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
    submitted_at TEXT NOT NULL,
    started_at TEXT,
    reported_at TEXT,
    ended_at TEXT,
    text TEXT NOT NULL DEFAULT '',
    part REAL NOT NULL DEFAULT 0,
    cancel INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    result TEXT
);
CREATE INDEX IF NOT EXISTS jobs_state ON jobs (state, id);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL,
    at TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_job ON events (job, id);
"""

COLUMNS = "id, analysis, arguments, person, state, submitted_at, started_at, reported_at, ended_at, text, part, message"


@dataclass(frozen=True)
class Job:
    """One row of the table of jobs; times are ISO 8601, ``part`` is the part done, 0 ... 1."""

    id: int
    analysis: str
    arguments: Json
    person: str
    state: str  # queued, running, done, failed, cancelled, interrupted
    submitted_at: str
    started_at: str | None
    reported_at: str | None  # time of the last report of its process
    ended_at: str | None
    text: str  # the present stage
    part: float
    message: str  # why it failed


class JobStore(Database):
    """Reads and writes the table of jobs. Each call opens its own connection, so threads and processes can share it."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, SCHEMA)

    def add(self, analysis: str, arguments: Json, person: str) -> int:
        """Queue a job and return its number."""
        with self._writing() as db:
            number = db.execute(
                "INSERT INTO jobs (analysis, arguments, person, submitted_at) VALUES (?, ?, ?, ?)",
                (analysis, json.dumps(arguments, allow_nan=False), person, _now()),
            ).lastrowid
            _note(db, int(number or 0), "queued")
        return int(number or 0)

    def get(self, number: int) -> Job | None:
        """One job."""
        with self._open() as db:
            row = db.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (number,)).fetchone()
        return _job(row) if row else None

    def latest(self, limit: int) -> list[Job]:
        """The latest jobs, newest first."""
        with self._open() as db:
            rows = db.execute(f"SELECT {COLUMNS} FROM jobs ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return [_job(row) for row in rows]

    def result(self, number: int) -> str | None:
        """The result of a job as JSON text; None while there is none."""
        with self._open() as db:
            row = db.execute("SELECT result FROM jobs WHERE id = ?", (number,)).fetchone()
        return row["result"] if row else None

    def events(self, number: int) -> list[Json]:
        """The events of a job, oldest first, each with ``at`` and ``text``."""
        with self._open() as db:
            rows = db.execute("SELECT at, text FROM events WHERE job = ? ORDER BY id", (number,)).fetchall()
        return [dict(row) for row in rows]

    def claim(self) -> Job | None:
        """Mark the oldest queued job as running and return it; None if no job is queued."""
        with self._writing() as db:
            row = db.execute(
                f"SELECT {COLUMNS} FROM jobs WHERE state = 'queued' ORDER BY id LIMIT 1"
            ).fetchone()
            if row:
                db.execute(
                    "UPDATE jobs SET state = 'running', started_at = ? WHERE id = ?", (_now(), row["id"])
                )
                _note(db, row["id"], "running")
        return _job(row) if row else None

    def report(self, number: int, text: str, part: float) -> None:
        """Record the progress of a running job; a new text is also recorded as an event."""
        with self._writing() as db:
            changed = db.execute(
                "SELECT 1 FROM jobs WHERE id = ? AND state = 'running' AND text <> ?", (number, text)
            ).fetchone()
            db.execute(
                "UPDATE jobs SET text = ?, part = ?, reported_at = ? WHERE id = ? AND state = 'running'",
                (text, part, _now(), number),
            )
            if changed:
                _note(db, number, text)

    def end(self, number: int, state: str, message: str = "", result: str | None = None) -> bool:
        """End a running job; False if it has ended already. The state of an ended job is never changed."""
        with self._writing() as db:
            return _end(db, number, "running", state, message, result)

    def cancel(self, number: int) -> None:
        """Cancel a queued job at once; mark a running one for its runner to cancel."""
        with self._writing() as db:
            if not _end(db, number, "queued", "cancelled"):
                db.execute("UPDATE jobs SET cancel = 1 WHERE id = ? AND state = 'running'", (number,))

    def to_cancel(self) -> list[int]:
        """Numbers of the running jobs that are marked for cancelling."""
        with self._open() as db:
            rows = db.execute("SELECT id FROM jobs WHERE state = 'running' AND cancel").fetchall()
        return [row["id"] for row in rows]

    def interrupt(self) -> None:
        """Mark all running jobs as interrupted, because their server has stopped."""
        with self._writing() as db:
            for row in db.execute("SELECT id FROM jobs WHERE state = 'running'").fetchall():
                _end(db, row["id"], "running", "interrupted", "The server stopped before this job had ended.")


def _end(
    db: sqlite3.Connection, number: int, before: str, state: str, message: str = "", result: str | None = None
) -> bool:
    ended = db.execute(
        "UPDATE jobs SET state = ?, message = ?, result = ?, ended_at = ? WHERE id = ? AND state = ?",
        (state, message, result, _now(), number, before),
    ).rowcount
    if ended:
        _note(db, number, state)
    return bool(ended)


def _note(db: sqlite3.Connection, number: int, text: str) -> None:
    db.execute("INSERT INTO events (job, at, text) VALUES (?, ?, ?)", (number, _now(), text))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _job(row: sqlite3.Row) -> Job:
    return Job(**(dict(row) | {"arguments": json.loads(row["arguments"])}))

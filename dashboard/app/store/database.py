"""An SQLite file that threads and processes share: a connection for each call, one transaction for each write."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Database:
    """A database at ``path``, with the tables of ``schema`` (SQL that may run again on an existing file)."""

    def __init__(self, path: str | Path, schema: str) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(schema)

    @contextmanager
    def _open(self, wait_s: float = 30.0) -> Iterator[sqlite3.Connection]:
        """A connection; ``wait_s``: how long to wait while another one writes."""
        db = sqlite3.connect(self.path, timeout=wait_s, isolation_level=None)
        db.row_factory = sqlite3.Row
        try:
            yield db
        finally:
            db.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction that holds the write lock from its begin, and leaves all or nothing."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                raise

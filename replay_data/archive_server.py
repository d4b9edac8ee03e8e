"""Import from an EPICS Archiver Appliance: ``getData.json`` in chunks of time, with retries.

Answers are kept in a file next to the output until the import is done.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from replay_data.formats.archiver import answer, signals
from replay_data.record import instant
from replay_data.sources import Signal, Signals, all_there, element_of, joined
from twin.errors import UserError
from twin.types import Progress

TRIES = 6
"""Attempts per request before the import stops (it can be resumed)."""

WAIT_S = 1.0
"""The first pause before a retry; each further one is twice as long."""

TIMEOUT_S = (10.0, 120.0)
"""Timeouts [s]: for the connection, and between two bytes of an answer."""

TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses of temporary errors, after which a request is repeated."""


@dataclass(frozen=True)
class Range:
    """The time range to fetch: ``start`` and ``end`` in ISO 8601, in chunks of ``chunk_h`` hours."""

    start: str
    end: str
    chunk_h: float = 24.0

    def chunks(self) -> list[tuple[datetime, datetime]]:
        """The chunks in order: half-open, except the last."""
        first, last = instant(self.start, "--from"), instant(self.end, "--to")
        if not first < last:
            raise UserError(f"--from {self.start} must be before --to {self.end}")
        n = int(np.ceil((last - first) / timedelta(hours=self.chunk_h)))
        edges = [first + i * timedelta(hours=self.chunk_h) for i in range(n)] + [last]
        return list(pairwise(edges))


def fetch(url: str, wanted: list[str], span: Range, state: Path, progress: Progress) -> Signals:
    """Fetch the wanted PVs over the range. ``state`` holds the answers so far: a repeated call fetches the rest."""
    import requests

    pvs = list(dict.fromkeys(element_of(name)[0] for name in wanted))
    chunks = span.chunks()
    with closing(_opened(state, url, pvs, span)) as kept, requests.Session() as session:
        requested = [(pv, number) for pv in pvs for number in range(len(chunks))]
        there = set(kept.execute("select pv, number from answer"))
        if there:
            text = f"resuming: {len(there)} of {len(requested)} answers were fetched before"
            progress(text, len(there) / len(requested))
        for done, (pv, number) in enumerate(requested):
            progress(f"fetching {len(requested)} answers from {url}", done / len(requested))
            if (pv, number) not in there:
                body = _ask(session, url, pv, *chunks[number])
                with kept:
                    kept.execute("insert into answer values (?, ?, ?)", (pv, number, body))
        found = [_signal(kept, name, chunks, url) for name in wanted]
    all_there(url, wanted, [s.name for s in found if s is not None], "PV")
    hours = (chunks[-1][1] - chunks[0][0]) / timedelta(hours=1)
    start = chunks[0][0].isoformat().replace("+00:00", "Z")
    return Signals([s for s in found if s is not None], start=start, hours=hours)


def _opened(state: Path, url: str, pvs: list[str], span: Range) -> sqlite3.Connection:
    """Open the file of the answers so far; UserError if they belong to another request."""
    request = json.dumps({"url": url, "pvs": pvs, **asdict(span)})
    state.parent.mkdir(parents=True, exist_ok=True)
    kept = sqlite3.connect(state)
    try:
        with kept:
            kept.execute("create table if not exists request (text)")
            kept.execute("create table if not exists answer (pv, number, body, primary key (pv, number))")
            if not kept.execute("select count(*) from answer").fetchone()[0]:
                kept.execute("delete from request")  # no answers yet: any import may begin
            before = kept.execute("select text from request").fetchone()
            if before is None:
                kept.execute("insert into request values (?)", (request,))
    except sqlite3.DatabaseError as error:
        kept.close()
        raise UserError(f"{state}: not the state of an import ({error}); delete it to start again") from None
    if before is not None and before[0] != request:
        kept.close()
        raise UserError(
            f"{state}: holds answers to another request, {before[0]}; repeat that import, or delete the file"
        )
    return kept


class _TemporaryError(Exception):
    """An error after which a request is repeated: no connection, a busy server, an incomplete answer."""


def _ask(session: Any, url: str, pv: str, begin: datetime, end: datetime) -> bytes:
    """One answer. After a temporary error the request is repeated, with doubled pauses."""
    params = {"pv": pv, "from": _text(begin), "to": _text(end)}
    reason = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(WAIT_S * 2 ** (attempt - 1))
        try:
            return _once(session, f"{url.rstrip('/')}/data/getData.json", params)
        except _TemporaryError as error:
            reason = str(error)
        except UserError as error:
            reason = str(error)
            break
    remedy = "the answers received so far are kept; repeat the command to resume"
    raise UserError(f"{url}: {pv} from {params['from']} to {params['to']}: {reason}; {remedy}")


def _once(session: Any, address: str, params: dict[str, str]) -> bytes:
    """One request; the answer is empty for a PV that the archiver lacks, or of which it has no samples."""
    import requests

    temporary = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError,
                 requests.exceptions.ContentDecodingError)  # fmt: skip
    try:
        got = session.get(address, params=params, timeout=TIMEOUT_S)
    except temporary as error:
        late = isinstance(error, requests.Timeout)
        reason = "no answer in time" if late else "no connection, or the connection was lost"
        raise _TemporaryError(reason) from None
    except requests.RequestException as error:  # such as an invalid address: repeating does not help
        raise UserError(error) from None
    if got.status_code == 404:
        return b""
    if not got.ok:
        kind = _TemporaryError if got.status_code in TEMPORARY else UserError
        raise kind(f"HTTP {got.status_code} {got.reason}")
    try:
        answer(got.content, address)
    except UserError as error:  # an incomplete answer is not valid JSON
        raise _TemporaryError(error) from None
    return got.content


def _text(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _signal(
    kept: sqlite3.Connection, name: str, chunks: list[tuple[datetime, datetime]], url: str
) -> Signal | None:
    """A PV over all chunks; None if no answer contains it.

    The archiver begins each answer with the last sample before the chunk. In all chunks but the first that
    sample is a duplicate and is dropped, as is a sample at the exact end of a chunk, which the next one holds.
    """
    pv = element_of(name)[0]
    parts = []
    for number, body in kept.execute("select number, body from answer where pv = ? order by number", (pv,)):
        for signal in _of(body, name, f"{url} {pv}"):
            begin, end = ((edge - signal.origin).total_seconds() for edge in chunks[number])
            last = number == len(chunks) - 1
            inside = (signal.stamp_s >= begin) | (number == 0)
            inside &= signal.stamp_s <= end if last else signal.stamp_s < end
            parts.append(signal.keep(inside, "in two chunks"))
    return joined(parts) if parts else None


def _of(body: bytes, name: str, where: str) -> Iterator[Signal]:
    found = answer(body, where)
    if found:
        yield from signals(
            found, [name] if any(pv["meta"].get("name") == element_of(name)[0] for pv in found) else [], where
        )

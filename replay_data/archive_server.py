"""A live EPICS Archiver Appliance: ``getData.json`` in chunks of time, retried, kept beside the output until done."""

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
"""A request is sent so often before the import stops (and can be resumed)."""

WAIT_S = 1.0
"""The first pause before a retry; each further one is twice as long."""

TIMEOUT_S = (10.0, 120.0)
"""For a connection, and between two bytes of an answer."""

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may pass."""


@dataclass(frozen=True)
class Range:
    """What to fetch: ``start`` and ``end`` in ISO 8601, in chunks of so many hours."""

    start: str
    end: str
    chunk_h: float = 24.0

    def chunks(self) -> list[tuple[datetime, datetime]]:
        """The chunks in order, half open but the last."""
        first, last = instant(self.start, "--from"), instant(self.end, "--to")
        if not first < last:
            raise UserError(f"--from {self.start} must be before --to {self.end}")
        n = int(np.ceil((last - first) / timedelta(hours=self.chunk_h)))
        edges = [first + i * timedelta(hours=self.chunk_h) for i in range(n)] + [last]
        return list(pairwise(edges))


def fetch(url: str, wanted: list[str], span: Range, state: Path, say: Progress) -> Signals:
    """The wanted PVs over the range. ``state`` holds the answers so far: a repeated call asks for the rest only."""
    import requests

    pvs = list(dict.fromkeys(element_of(name)[0] for name in wanted))
    chunks = span.chunks()
    with closing(_opened(state, url, pvs, span)) as kept, requests.Session() as session:
        asks = [(pv, number) for pv in pvs for number in range(len(chunks))]
        there = set(kept.execute("select pv, number from answer"))
        if there:
            say(f"going on: {len(there)} of {len(asks)} answers are here already", len(there) / len(asks))
        for done, (pv, number) in enumerate(asks):
            say(f"fetching {len(asks)} answers from {url}", done / len(asks))
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
    """The answers so far, in one file; UserError if they belong to another request."""
    request = json.dumps({"url": url, "pvs": pvs, **asdict(span)})
    state.parent.mkdir(parents=True, exist_ok=True)
    kept = sqlite3.connect(state)
    try:
        with kept:
            kept.execute("create table if not exists request (text)")
            kept.execute("create table if not exists answer (pv, number, body, primary key (pv, number))")
            if not kept.execute("select count(*) from answer").fetchone()[0]:
                kept.execute("delete from request")  # nothing has come: any import may begin
            before = kept.execute("select text from request").fetchone()
            if before is None:
                kept.execute("insert into request values (?)", (request,))
    except sqlite3.DatabaseError as error:
        kept.close()
        raise UserError(f"{state}: not the state of an import ({error}); delete it to begin anew") from None
    if before is not None and before[0] != request:
        kept.close()
        raise UserError(
            f"{state}: begun for {before[0]}; repeat that import, or delete the file to begin anew"
        )
    return kept


class _MayPassError(Exception):
    """A trouble that may pass: no connection, a busy server, an answer cut short."""


def _ask(session: Any, url: str, pv: str, begin: datetime, end: datetime) -> bytes:
    """One answer; what may pass is tried again, ever later."""
    asked = {"pv": pv, "from": _text(begin), "to": _text(end)}
    said = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(WAIT_S * 2 ** (attempt - 1))
        try:
            return _once(session, f"{url.rstrip('/')}/data/getData.json", asked)
        except _MayPassError as trouble:
            said = str(trouble)
        except UserError as trouble:
            said = str(trouble)
            break
    mend = "what has come is kept; repeat the command to go on"
    raise UserError(f"{url}: {pv} from {asked['from']} to {asked['to']}: {said}; {mend}")


def _once(session: Any, address: str, asked: dict[str, str]) -> bytes:
    """One request; empty for a PV that the archiver does not know, or of which it has nothing."""
    import requests

    passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError,
               requests.exceptions.ContentDecodingError)  # fmt: skip
    try:
        got = session.get(address, params=asked, timeout=TIMEOUT_S)
    except passing as error:
        said = (
            "no answer in time"
            if isinstance(error, requests.Timeout)
            else "no connection, or one that was lost"
        )
        raise _MayPassError(said) from None
    except requests.RequestException as error:  # a bad address does not mend itself
        raise UserError(error) from None
    if got.status_code == 404:
        return b""
    if not got.ok:
        kind = _MayPassError if got.status_code in PASSING else UserError
        raise kind(f"HTTP {got.status_code} {got.reason}")
    try:
        answer(got.content, address)
    except UserError as error:  # an answer cut short is no JSON
        raise _MayPassError(error) from None
    return got.content


def _text(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _signal(
    kept: sqlite3.Connection, name: str, chunks: list[tuple[datetime, datetime]], url: str
) -> Signal | None:
    """A PV over all chunks; None if no answer knows it.

    The archiver opens each answer with the last sample before it: in all chunks but the first that one is
    there already, and is dropped. So is a sample at the very end of a chunk, which the next one brings.
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

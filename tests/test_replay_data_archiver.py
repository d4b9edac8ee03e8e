"""Import from an archiver: chunks, retries, incomplete or compressed answers, and resuming after a kill."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from replay_data import archive_server
from replay_data.archive_server import Range
from replay_data.formats.archiver import answer, signals
from replay_data.importers import import_log
from replay_data.runlog import open_log
from twin.errors import UserError

T0 = datetime.fromisoformat("2026-02-01T00:00:00Z").timestamp()
DAY = Range("2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z", 6.0)
CURRENT, VOLTAGE = "SR:DCCT:CURRENT", "SR:RF:VOLTAGE:SET"

MAP = f"""
facility = "ring"
[[channel]]
name = "stored_current"
column = "{CURRENT}"
role = "quantity"
[[channel]]
name = "rf_voltage"
column = "{VOLTAGE}"
unit = "MV"
role = "setpoint"
"""


def archived(pv: str) -> list[tuple[int, int, float, int]]:
    """The samples of the archive: a current every 10 minutes from two hours before, a setting long ago and at 06:00."""
    if pv == VOLTAGE:
        return [(int(T0) - 86400 * 30, 5, 3.0, 0), (int(T0) + 6 * 3600, 0, 2.75, 0)]
    if pv == CURRENT:
        return [(int(T0) + 600 * i, 1000 * (i + 20), 200.0 - 0.1 * i, int(i == 7)) for i in range(-12, 150)]
    return []


class Archive(ThreadingHTTPServer):
    """A server with the retrieval protocol: each answer begins with the last sample before its range."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no error of the server's."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, str, str]] = []
        self.trouble: dict[int, str] = {}  # by number of the request
        self.url = f"http://127.0.0.1:{self.server_address[1]}/retrieval"
        self.slow_s = 0.0
        self.lock = threading.Lock()


class Answer(BaseHTTPRequestHandler):
    server: Archive

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        assert parts.path == "/retrieval/data/getData.json"
        pv, begin, end = (parse_qs(parts.query)[key][0] for key in ("pv", "from", "to"))
        with self.server.lock:
            number = len(self.server.asked)
            self.server.asked.append((pv, begin, end))
        time.sleep(self.server.slow_s)
        trouble = self.server.trouble.get(number, self.server.trouble.get(-1, ""))
        if trouble.isdigit():
            return self.reply(int(trouble), b"<html>trouble</html>")
        if trouble == "slow":
            time.sleep(0.5)
        if trouble == "drop":
            return self.connection.close()
        body = self.body(pv, begin, end)
        if trouble == "cut":
            return self.reply(200, body, len(body) + 100)
        if trouble == "half":
            return self.reply(200, body[: len(body) // 2])
        if body is None:
            return self.reply(404, b"")
        self.reply(200, gzip.compress(body), encoding="gzip") if trouble == "gzip" else self.reply(200, body)

    def body(self, pv: str, begin: str, end: str) -> bytes | None:
        low, high = (datetime.fromisoformat(when).timestamp() for when in (begin, end))
        samples = archived(pv)
        if not samples:
            return None
        before = [s for s in samples if s[0] + s[1] / 1e9 < low][-1:]
        inside = [s for s in samples if low <= s[0] + s[1] / 1e9 <= high]
        data = [
            {"secs": s, "val": v, "nanos": n, "severity": sev, "status": 0}
            for s, n, v, sev in before + inside
        ]
        meta = {"name": pv, "PREC": "3", **({"EGU": "mA"} if pv == CURRENT else {})}
        return json.dumps([{"meta": meta, "data": data}]).encode()

    def reply(self, status: int, body: bytes, length: int | None = None, encoding: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


@pytest.fixture
def archive(monkeypatch):
    monkeypatch.setattr(archive_server, "WAIT_S", 0.001)
    server = Archive()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def layout(tmp_path) -> Path:
    (tmp_path / "map.toml").write_text(MAP)
    return tmp_path / "map.toml"


def state_of(tmp_path: Path) -> Path:
    return tmp_path / ".log.h5.import"


def test_a_range_comes_in_chunk_by_chunk_with_each_sample_once(archive, layout, tmp_path):
    reports = []
    result = import_log(
        archive.url, tmp_path / "log.h5", layout, lambda text, part: reports.append((part, text)), span=DAY
    )
    assert [pv for pv, _, _ in archive.asked] == [CURRENT] * 4 + [VOLTAGE] * 4
    assert archive.asked[1] == (CURRENT, "2026-02-01T06:00:00.000Z", "2026-02-01T12:00:00.000Z")
    with open_log(tmp_path / "log.h5") as log:
        current, voltage = log.channel("stored_current"), log.channel("rf_voltage")
        assert (log.start, log.hours, log.facility) == ("2026-02-01T00:00:00Z", 24.0, "ring")
        source = log.table("import")["source"][0]
    inside = [s for s in archived(CURRENT) if 0 <= s[0] + s[1] / 1e9 - T0 <= 86400]
    np.testing.assert_allclose(
        current.time_h * 3600, [s - T0 + n / 1e9 for s, n, _, _ in inside], rtol=0, atol=2e-11
    )
    np.testing.assert_array_equal(current.value, [v for _, _, v, _ in inside])
    np.testing.assert_array_equal(np.flatnonzero(current.severity), [7])
    np.testing.assert_allclose(voltage.time_h, [-720, 6], rtol=1e-9)  # a setting of long ago still holds
    assert (current.unit, voltage.unit, voltage.pv) == ("mA", "MV", VOLTAGE)
    assert source == f"{archive.url} from 2026-02-01T00:00:00Z to 2026-02-02T00:00:00Z"
    dropped = {(d.where, d.what): d.samples for d in result.defects}
    assert dropped == {
        ("stored_current", "in two chunks"): 3,
        ("stored_current", "stamp before the requested range"): 1,
        ("rf_voltage", "in two chunks"): 4,
    }
    assert result.rows_read == result.rows_used + sum(dropped.values())
    assert not state_of(tmp_path).exists() and reports[-1] == (1.0, "done")


@pytest.mark.parametrize("trouble", ["500", "503", "429", "drop", "cut", "half", "slow"])
def test_what_may_pass_is_tried_again(trouble, archive, layout, tmp_path, monkeypatch):
    monkeypatch.setattr(archive_server, "TIMEOUT_S", (5.0, 0.2 if trouble == "slow" else 5.0))
    archive.trouble = {0: trouble, 1: trouble, 5: trouble}
    result = import_log(archive.url, tmp_path / "log.h5", layout, span=DAY)
    assert len(archive.asked) == 8 + 3 and result.rows_used == 144 + 2


def test_a_compressed_answer_is_read(archive, layout, tmp_path):
    archive.trouble = {-1: "gzip"}
    assert import_log(archive.url, tmp_path / "log.h5", layout, span=DAY).rows_used == 144 + 2


def test_what_does_not_pass_stops_at_once_and_a_repeated_import_asks_for_the_rest(archive, layout, tmp_path):
    archive.trouble = {5: "403"}
    with pytest.raises(
        UserError, match=r"SR:RF.* from 2026-02-01T06.*HTTP 403 Forbidden; .*repeat the command to resume"
    ):
        import_log(archive.url, tmp_path / "log.h5", layout, span=DAY)
    assert len(archive.asked) == 6 and sorted(p.name for p in tmp_path.iterdir()) == [
        ".log.h5.import",
        "map.toml",
    ]
    texts = []
    import_log(archive.url, tmp_path / "log.h5", layout, lambda text, part: texts.append(text), span=DAY)
    assert archive.asked[6] == archive.asked[5] and len(archive.asked) == 9
    assert "resuming: 5 of 8 answers were fetched before" in texts
    import_log(archive.url, tmp_path / "whole.h5", layout, span=DAY)
    assert (tmp_path / "log.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_a_server_that_stays_away_is_given_up_in_words(archive, layout, tmp_path):
    archive.trouble = {-1: "503"}
    with pytest.raises(
        UserError, match=r"HTTP 503 Service Unavailable; the answers received so far are kept"
    ):
        import_log(archive.url, tmp_path / "log.h5", layout, span=DAY)
    assert len(archive.asked) == archive_server.TRIES
    with pytest.raises(UserError, match=r"127.0.0.1.*repeat the command"):
        import_log("http://127.0.0.1:9/retrieval", tmp_path / "other.h5", layout, span=DAY)
    assert not (tmp_path / "log.h5").exists()


def test_waits_between_tries_grow(archive, layout, tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(archive_server.time, "sleep", lambda s: waits.append(s) if s else None)
    monkeypatch.setattr(archive_server, "WAIT_S", 1.0)
    archive.trouble = {-1: "500"}
    with pytest.raises(UserError):
        import_log(archive.url, tmp_path / "log.h5", layout, span=DAY)
    assert waits == [1, 2, 4, 8, 16]


SCRIPT = """
import sys
from replay_data.archive_server import Range
from replay_data.importers import import_log
import_log(sys.argv[1], sys.argv[2], sys.argv[3], span=Range("2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z", 6.0))
"""


def test_a_killed_import_goes_on_where_it_was(archive, layout, tmp_path):
    archive.slow_s = 0.2
    command = [sys.executable, "-c", SCRIPT, archive.url, str(tmp_path / "log.h5"), str(layout)]
    child = subprocess.Popen(command, cwd=Path(__file__).parents[1], env={**os.environ, "PYTHONPATH": "."})
    began = time.monotonic()
    while len(archive.asked) < 4 and time.monotonic() - began < 60:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert state_of(tmp_path).is_file() and not (tmp_path / "log.h5").exists()
    before, archive.slow_s = len(archive.asked), 0.0
    result = import_log(archive.url, tmp_path / "log.h5", layout, span=DAY)
    assert before >= 4 and len(archive.asked) - before <= 8 - (
        before - 1
    )  # only the answer under way is asked for twice
    assert result.rows_used == 144 + 2 and not state_of(tmp_path).exists()


def test_an_import_of_which_nothing_came_does_not_stand_in_the_way_of_the_next(archive, layout, tmp_path):
    with pytest.raises(UserError, match="no connection"):
        import_log("http://127.0.0.1:9/retrieval", tmp_path / "log.h5", layout, span=DAY)
    assert import_log(archive.url, tmp_path / "log.h5", layout, span=DAY).rows_used == 144 + 2


def test_the_state_of_another_import_is_not_mixed_in(archive, layout, tmp_path):
    archive.trouble = {2: "403"}
    with pytest.raises(UserError, match="HTTP 403"):
        import_log(archive.url, tmp_path / "log.h5", layout, span=DAY)
    with pytest.raises(
        UserError,
        match=r"\.log\.h5\.import: holds answers to another request, .*; repeat that import, or delete the file",
    ):
        import_log(archive.url, tmp_path / "log.h5", layout, span=Range(DAY.start, DAY.end, 12.0))
    state_of(tmp_path).write_bytes(b"no database" * 100)
    with pytest.raises(UserError, match=r"not the state of an import .*delete it"):
        import_log(archive.url, tmp_path / "log.h5", layout, span=DAY)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"span": None}, "an archiver needs a range"),
        ({"pvs": None}, "name what to fetch"),
        ({"pvs": ["NO:SUCH"]}, "lacks PV 'NO:SUCH'"),
        ({"facility": None}, "does not name its facility"),
        ({"span": Range(DAY.end, DAY.start)}, "must be before --to"),
        ({"span": Range("yesterday", DAY.end)}, "--from = 'yesterday' is not ISO 8601"),
        ({"span": Range("2024-01-01", "2024-01-02")}, "none of 0 samples can be used"),
        ({"source": "http://[bad/retrieval"}, "repeat the command"),
    ],
)
def test_an_order_that_cannot_be_filled_is_refused_in_words(how, words, archive, tmp_path):
    order = {"source": archive.url, "span": DAY, "pvs": [CURRENT], "facility": "ring", **how}
    with pytest.raises(UserError, match=words):
        import_log(out=tmp_path / "log.h5", **order)
    assert not (tmp_path / "log.h5").exists()


def test_a_range_is_not_for_a_file(tmp_path):
    with pytest.raises(UserError, match="--from, --to and --pv are for an archiver's address"):
        import_log(tmp_path / "x.csv", tmp_path / "log.h5", span=DAY)


def sample(val, secs=int(T0), **more):
    return {"secs": secs, "nanos": 0, "val": val, "severity": 0, "status": 0, **more}


@pytest.mark.parametrize(
    ("vals", "name", "values", "skipped"),
    [
        ([1, 2, 3], "X", [1, 2, 3], {}),
        ([1, "NaN", None, "Infinity"], "X", [1, np.nan, np.inf], {"no value": 1}),
        ([1.5, "ON", 2], "X", [1.5, 2], {"text, not a number": 1}),
        ([[7], [8]], "X", [7, 8], {}),
        ([[7, 1], [8, 2]], "X", [], {"a waveform: name one element like PV[3]": 2}),
        ([[7, 1], [8]], "X[1]", [1], {"no element 1": 1}),
        ([True, False], "X", [1, 0], {}),
        ([2**70, 1], "X", [2.0**70, 1], {}),
        ([], "X", [], {}),
    ],
)
def test_every_kind_of_value_is_kept_or_counted(vals, name, values, skipped):
    (found,) = signals([{"meta": {"name": "X"}, "data": [sample(v) for v in vals]}], [name], "x.json")
    np.testing.assert_array_equal(found.value.astype(float), np.array(values, float))
    assert found.skipped == skipped and found.read == len(vals)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "x: not JSON"),
        (b'{"meta": 1}', "not an answer of an archiver"),
        (b'[{"meta": {}}]', "not an answer of an archiver"),
        (b"\xff\xfe", "x: not JSON"),
    ],
)
def test_what_is_no_answer_is_refused_in_words(body, words):
    with pytest.raises(UserError, match=words):
        answer(body, "x")
    with pytest.raises(UserError, match="PV 'X': a sample without a valid 'secs' or 'val'"):
        signals([{"meta": {"name": "X"}, "data": [{"secs": 1}]}], None, "x")

"""The interface for programs: JSON in and out, names looked up, bodies bounded, jobs by name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import samples_dashboard as samples
from samples_dashboard import Source

from controllers.recommendation import digest
from dashboard.api.bodies import PLAIN
from dashboard.app.jobs import Jobs
from dashboard.web.server import create_app

OKADA = {"operator": "M. Okada"}


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(samples.Ledger(tmp_path / "ledger.sqlite"), samples.recommendation(), samples.state())


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path, "job_analyses")


@pytest.fixture
def program(source, jobs):
    """A program that talks to the server."""
    return create_app(source, jobs).server.test_client()


def test_a_program_reads_what_the_page_shows(program, source):
    assert program.get("/api/facilities").json == {"facilities": ["storage-ring"]}
    found = program.get("/api/storage-ring/recommendation").json
    assert found["recommendation"] == source.made.stored() and found["digest"] == digest(source.made)
    assert found["open"]["accept"] == [] and found["newest_entry"] == 0
    seen = program.get("/api/storage-ring/state").json["state"]
    assert [row["name"] for row in seen["rows"]] == [row["name"] for row in source.now["rows"]]
    assert None in seen["trend"]["stored_current"]["value"]  # a not-a-number, which JSON lacks


def test_a_program_decides_on_what_it_has_seen(program, source):
    seen = program.get("/api/storage-ring/recommendation").json
    asked = OKADA | {"action": "accept", "digest": seen["digest"], "newest_entry": seen["newest_entry"]}
    answer = program.post("/api/storage-ring/decisions", json=asked)
    assert (answer.status_code, answer.json["entry"]) == (201, 1)
    assert answer.json["message"] == "Recorded as entry 1: accept, by M. Okada."
    (entry,) = program.get("/api/ledger?limit=5&facility=storage-ring").json["entries"]
    assert entry["recommendation"] == source.made.stored()
    again = program.post("/api/storage-ring/decisions", json=asked)
    assert again.status_code == 409 and "undo that first" in again.json["reasons"][0]


@pytest.mark.parametrize(
    "body, words",
    [
        ([], "the body of the request is not a JSON object"),
        ({"operator": "M. Okada"}, "action is missing"),
        ({"action": "accept"}, "operator is missing"),
        (OKADA | {"action": 3}, "action: 3 is of the wrong type; expected a text"),
        (OKADA | {"action": "undo", "newest_entry": True}, "newest_entry: True is of the wrong type"),
        (OKADA | {"action": "accept", "role": "engineer"}, "unknown key 'role'; known are: action, operator"),
    ],
)
def test_a_bad_body_is_named(program, source, body, words):
    answer = program.post("/api/storage-ring/decisions", json=body)
    assert answer.status_code == 400 and words in answer.json["error"]
    assert source.ledger.entries() == []


def test_what_is_no_json_too_long_or_from_another_origin_is_turned_away(program, source):
    place = "/api/storage-ring/decisions"
    for body, kind, status in (
        ("{", "application/json", 400),
        ("{}", "text/plain", 415),
        ('{"comment": "' + "x" * 70_000 + '"}', "application/json", 413),
    ):
        answer = program.post(place, data=body, content_type=kind)
        assert answer.status_code == status and answer.json["error"]
    headers = {"Origin": "http://elsewhere.example"}
    assert program.post(place, json=OKADA | {"action": "hold"}, headers=headers).status_code == 403
    assert source.ledger.entries() == []


def test_an_unknown_name_or_address_is_not_found(program):
    answer = program.get("/api/..%2F..%2Fetc/recommendation")
    assert answer.status_code == 404
    answer = program.get("/api/xfel-linac/state")
    assert answer.status_code == 404
    assert answer.json["error"] == "unknown facility 'xfel-linac'; known are: storage-ring"
    assert program.get("/api/jobs/9").json["error"] == "there is no job 9"
    assert program.get("/api/jobs?limit=many").status_code == 400
    answer = program.get("/api/nothing")
    assert (answer.status_code, answer.json["error"]) == (
        404,
        "/api/nothing: no such address for GET; docs/api.md lists them",
    )


def test_a_program_queues_watches_and_cancels_a_job(program, jobs):
    answer = program.post("/api/jobs", json=OKADA | {"analysis": "steps", "arguments": {"runs": 2}})
    assert answer.status_code == 400 and "argument steps of steps: field required" in answer.json["error"]
    number = jobs.submit("steps", {"steps": 1}, samples.Person("M. Okada"))
    assert program.get("/api/jobs").json["jobs"][0]["state"] == "queued"
    assert program.get(f"/api/jobs/{number}/result").status_code == 409
    assert program.post(f"/api/jobs/{number}/cancel", json=OKADA).json["state"] == "cancelled"
    assert [event["text"] for event in program.get(f"/api/jobs/{number}").json["events"]] == [
        "queued",
        "cancelled",
    ]


def test_a_result_is_read_by_its_jobs_number(program, jobs):
    number = jobs.submit("steps", {"steps": 1}, samples.Person("M. Okada"))
    jobs.store.claim()
    jobs.store.end(number, "done", result='{"gain": 1.5}')
    assert program.get(f"/api/jobs/{number}/result").json == {"result": {"gain": 1.5}}


def test_no_program_names_a_file_and_the_log_is_the_recommendations_own(source, tmp_path):
    jobs = Jobs(tmp_path)
    program = create_app(source, jobs).server.test_client()
    assert not {"log", "logs", "output", "policy", "scenario", "file", "source", "map", "folder"} & set(PLAIN)
    for analysis, argument in (
        ("replay", "policy"),
        ("evaluate", "log"),
        ("train", "logs"),
        ("check", "file"),
    ):
        asked = OKADA | {
            "analysis": analysis,
            "arguments": {argument: "/etc/passwd"},
            "facility": "storage-ring",
        }
        answer = program.post("/api/jobs", json=asked)
        assert answer.status_code == 400 and "over HTTP" in answer.json["error"]
    asked = OKADA | {"analysis": "recommend", "facility": "storage-ring", "arguments": {"risk": 0.2}}
    assert program.post("/api/jobs", json=asked).status_code == 201
    (job,) = jobs.latest()
    assert job.arguments == {"risk": 0.2, "facility": "storage-ring", "log": "storage-ring-2026.h5"}
    for place in ("/etc/passwd", "../storage-ring"):
        answer = program.post("/api/jobs", json=asked | {"facility": place})
        assert answer.status_code == 400 and "unknown facility" in answer.json["error"]
    answer = program.post("/api/jobs", json=asked | {"arguments": {"risk": 2.0}})
    assert answer.status_code == 400 and "risk" in answer.json["error"]


def test_without_jobs_there_are_no_addresses_of_jobs(source):
    assert create_app(source).server.test_client().get("/api/jobs").status_code == 404


def test_a_decision_is_dated_by_the_server(program, source):
    before = datetime.now(UTC).replace(microsecond=0)
    asked = OKADA | {"action": "hold", "digest": digest(source.made)}
    assert program.post("/api/storage-ring/decisions", json=asked).status_code == 201
    assert before <= datetime.fromisoformat(source.ledger.entries()[0]["at"]) <= datetime.now(UTC)


@pytest.mark.parametrize(
    "body",
    ['{"operator": "\\ud800", "action": "hold"}', '{"operator": "M. Okada", "action": NaN}', "[" * 100_000],
)
def test_text_and_numbers_that_cannot_be_stored_are_refused(program, source, body):
    answer = program.post("/api/storage-ring/decisions", data=body[:60_000], content_type="application/json")
    assert answer.status_code == 400 and answer.json["error"]
    assert source.ledger.entries() == []


@pytest.mark.parametrize("limit", ["\u00b2", "0", "-1", "1e2", "9" * 30, ""])
def test_a_limit_that_is_no_small_whole_number_is_refused(program, limit):
    assert program.get(f"/api/ledger?limit={limit}").status_code == 400


def test_a_job_number_beyond_all_jobs_is_not_found(program):
    assert program.get("/api/jobs/99999999999999999999999").status_code == 404

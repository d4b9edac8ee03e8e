"""The HTTP API: JSON over HTTP, with the same rules as the page (docs/api.md)."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from controllers.recommendation import digest
from dashboard.api.bodies import decision_of, job_of
from dashboard.app.decisions import decide, open_decisions, recorded
from dashboard.app.jobs import Jobs, NoResult, NoSuchJob
from dashboard.app.refusals import Present, Refused
from dashboard.app.roles import Person
from dashboard.app.sources.protocol import Source
from dashboard.app.store.files import json_text
from twin.errors import UserError, unknown

MOST_BYTES = 64 * 1024  # of the body of a request
MOST_ROWS = 1000
BAD, MISSING, CONFLICT = 400, 404, 409


class NotFound(UserError):
    """There is no such facility."""


def blueprint(source: Source, jobs: Jobs | None) -> Blueprint:
    """All routes below ``/api``; those of jobs only if ``jobs`` is given."""
    api = Blueprint("api", __name__, url_prefix="/api")

    @api.before_request
    def bounded() -> None:
        request.max_content_length = MOST_BYTES

    api.register_error_handler(Refused, lambda e: _answer({"error": str(e), "reasons": e.reasons}, CONFLICT))
    api.register_error_handler(NotFound, lambda e: _answer({"error": str(e)}, MISSING))
    api.register_error_handler(NoSuchJob, lambda e: _answer({"error": str(e)}, MISSING))
    api.register_error_handler(NoResult, lambda e: _answer({"error": str(e)}, CONFLICT))
    api.register_error_handler(UserError, lambda e: _answer({"error": str(e)}, BAD))
    api.register_error_handler(HTTPException, lambda e: _answer({"error": e.description}, e.code or BAD))

    @api.route("/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def nothing(rest: str) -> Response:  # otherwise the page would answer
        return _answer(
            {"error": f"/api/{rest}: no such address for {request.method}; docs/api.md lists them"}, MISSING
        )

    _machines(api, source)
    _decisions(api, source)
    if jobs is not None:
        _jobs(api, source, jobs)
    return api


def _answer(content: Any, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(json_text(content), status, headers, mimetype="application/json")


def _known(source: Source, facility: str) -> str:
    """The name, if the source has the facility. Names are looked up, never used as paths."""
    if facility not in (names := source.facilities()):
        raise NotFound(str(unknown("facility", facility, names)))
    return facility


def _machines(api: Blueprint, source: Source) -> None:
    @api.get("/facilities")
    def facilities() -> Response:
        return _answer({"facilities": source.facilities()})

    @api.get("/<facility>/recommendation")
    def recommendation(facility: str) -> Response:
        made = source.recommendation(_known(source, facility))
        open_to = open_decisions(source, facility, Present(made, source.state(facility)), datetime.now(UTC))
        newest = source.ledger.newest()[0]
        return _answer(
            {
                "recommendation": made and made.stored(),
                "digest": digest(made),
                "newest_entry": newest,
                "open": open_to,
            }
        )

    @api.get("/<facility>/state")
    def state(facility: str) -> Response:
        return _answer({"state": source.state(_known(source, facility))})


def _decisions(api: Blueprint, source: Source) -> None:
    @api.get("/ledger")
    def ledger() -> Response:
        entries = source.ledger.entries(_limit(), request.args.get("facility"))
        rows = [entry | {"recommendation": entry["recommendation"].stored()} for entry in entries]
        return _answer({"newest_entry": source.ledger.newest()[0], "entries": rows})

    @api.post("/<facility>/decisions")
    def decision(facility: str) -> Response:
        requested = decision_of(_known(source, facility), _body())
        number = decide(source, requested, datetime.now(UTC))
        return _answer({"entry": number, "message": recorded(requested, number)}, 201)


def _jobs(api: Blueprint, source: Source, jobs: Jobs) -> None:
    @api.get("/jobs")
    def latest() -> Response:
        return _answer({"jobs": [asdict(job) for job in jobs.latest(_limit())]})

    @api.post("/jobs")
    def submit() -> Response:
        requested = job_of(_body(), source, jobs.analyses)
        return _answer({"job": jobs.submit(*requested)}, 201)

    @api.get("/jobs/<int(max=9223372036854775807):number>")
    def status(number: int) -> Response:
        return _answer(asdict(jobs.status(number)) | {"events": jobs.events(number)})

    @api.get("/jobs/<int(max=9223372036854775807):number>/result")
    def result(number: int) -> Response:
        return _answer({"result": jobs.result(number)})

    @api.post("/jobs/<int(max=9223372036854775807):number>/cancel")
    def cancel(number: int) -> Response:
        jobs.cancel(number, Person(str(_body().get("operator", ""))))
        return _answer(asdict(jobs.status(number)))


def _body() -> dict[str, Any]:
    try:
        body = request.get_json()  # not JSON, or not declared as JSON: 400 or 415
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except RecursionError:
        raise UserError("the body of the request is nested too deeply; send a plain JSON object") from None
    except ValueError as error:
        raise UserError(
            f"the body of the request has no valid numbers or text: {error}; correct it"
        ) from None
    if not isinstance(body, dict):
        raise UserError("the body of the request is not a JSON object; send one")
    return body


def _limit() -> int:
    text = request.args.get("limit", "100")
    if not (text.isascii() and text.isdigit() and len(text) < 10) or not 1 <= int(text) <= MOST_ROWS:
        raise UserError(f"limit = {text}: expected a whole number from 1 to {MOST_ROWS}")
    return int(text)

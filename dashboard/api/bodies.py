"""Bodies of API requests: a decision or a job as a JSON object, checked key by key."""

from dataclasses import fields
from typing import Any

from dashboard.app import requests
from dashboard.app.refusals import Decision
from dashboard.app.roles import Person
from dashboard.app.sources.protocol import Source
from twin import built_in
from twin.errors import UserError, unknown
from twin.types import Json

PLAIN = (
    "channel", "days", "engine", "every_h", "horizon_h", "model", "outcome", "precise", "rate", "risk", "runs",
    "seed", "settings", "shift", "width", "years",
)  # fmt: skip
"""Arguments of analyses that a request may contain. Other arguments are file names, to read, write or even run:
``facility`` and ``log`` are looked up by the name of a facility; analyses that need other files are not offered."""

DECISION: Json = {"action": str, "operator": str, "comment": str, "digest": str, "newest_entry": int}
JOB: Json = {"analysis": str, "arguments": dict, "facility": str, "operator": str}


def decision_of(facility: str, body: Json) -> Decision:
    """A decision on a facility's newest recommendation (``digest``), as of the ledger's ``newest_entry``."""
    given = _checked(body, DECISION, needed=("action", "operator"))
    return Decision(
        facility,
        given["action"],
        Person(given["operator"]),
        given.get("comment", ""),
        given.get("digest", ""),
        given.get("newest_entry"),
    )


def job_of(body: Json, source: Source, package: str) -> tuple[str, Json, Person]:
    """The analysis, its arguments, and the person who requests it."""
    given = _checked(body, JOB, needed=("analysis", "operator"))
    name, arguments = given["analysis"], given.get("arguments", {})
    taken = [field.name for field in fields(requests.analysis(name, package).Request)]
    allowed = [argument for argument in taken if argument in PLAIN]
    for argument in arguments:
        if argument not in allowed:
            raise unknown(f"argument of {name} over HTTP", argument, allowed)
    found = _looked_up(source, given["facility"]) if "facility" in given else {}
    return name, arguments | {key: found[key] for key in found if key in taken}, Person(given["operator"])


def _looked_up(source: Source, facility: str) -> Json:
    """The name of a facility, and the log of its newest recommendation if there is one."""
    known = sorted({*source.facilities(), *built_in()})
    if facility not in known:
        raise unknown("facility", facility, known)
    made = source.recommendation(facility)
    return {"facility": facility} | ({"log": made.evidence.log} if made else {})


def _checked(body: Json, kinds: Json, needed: tuple[str, ...]) -> Json:
    for key, value in body.items():
        if key not in kinds:
            raise unknown("key", key, list(kinds))
        if not _is(value, kinds[key]):
            raise UserError(f"{key}: {value!r} is of the wrong type; expected {_TYPE_NAMES[kinds[key]]}")
    for key in needed:
        if key not in body:
            raise UserError(f"{key} is missing; add it to the body of the request")
    return body


_TYPE_NAMES: dict[type, str] = {str: "a text", int: "a whole number", dict: "an object"}


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))

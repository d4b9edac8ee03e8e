"""What programs send: a decision or a job as a JSON object, checked key by key."""

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
"""Arguments of analyses that a program may give. The others name files, to be read, written or even run as programs:
``facility`` and ``log`` are looked up by the name of a facility, analyses that need another file are not offered."""

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
    """The analysis, its arguments and who asks for it."""
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
    """A facility's name, and the log behind its newest recommendation where there is one."""
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
            raise UserError(f"{key}: {value!r} is of the wrong type; expected {_SPOKEN[kinds[key]]}")
    for key in needed:
        if key not in body:
            raise UserError(f"{key} is missing")
    return body


_SPOKEN: dict[type, str] = {str: "a text", int: "a whole number", dict: "an object"}


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))

"""Decisions on a recommendation: the page and the API both record them here."""

import sqlite3
from datetime import datetime

from controllers.recommendation import digest
from dashboard.app.acceptance import barriers
from dashboard.app.refusals import Decision, Present, Refused
from dashboard.app.sources.protocol import Source
from dashboard.text import words
from twin.errors import UserError
from twin.types import Json


def decide(source: Source, request: Decision, now: datetime) -> int:
    """Record a decision and return the number of its entry in the ledger.

    The rules are applied to the source and the ledger inside the transaction that writes the entry. Raises
    ``Refused`` with all reasons.
    """
    _present(source, request)  # read a changed log before the ledger is locked
    try:
        return source.ledger.append(request, lambda: _present(source, request), now)
    except sqlite3.Error as error:
        reason = f"the ledger {source.ledger.path} cannot be written ({error})."
        raise Refused([reason]) from None


def _present(source: Source, request: Decision) -> Present:
    try:
        return Present(source.recommendation(request.facility), source.state(request.facility))
    except UserError as error:
        if request.action == "restore":  # the previous settings are in the ledger
            return Present(None, None)
        raise Refused([f"{error}."]) from None


def recorded(request: Decision, number: int) -> str:
    """The sentence that confirms a decision."""
    return f"Recorded as entry {number}: {request.action}, by {request.operator}."


def open_decisions(source: Source, facility: str, present: Present, now: datetime) -> Json:
    """The reasons against each decision now (none: it is open); ``shown`` is the digest of the recommendation."""
    made, ledger = present.recommendation, source.ledger
    last = ledger.last(made) if made else None
    decided = []
    if last and last["decision"] in ("accept", "reject"):
        decided = [
            f"Decided: {last['decision']}, by {last['operator']}, {words.clock(last['at'])}. Undo that first."
        ]
    others = decided or ([] if made else ["There is no recommendation yet."])
    return {
        "shown": digest(made),
        "accept": decided or barriers(made, present.state, now),
        "hold": others,
        "reject": others,
        "undo": [] if last and last["decision"] in ("accept", "hold", "reject") else ["nothing to undo"],
        "restore": [] if ledger.in_force(facility) else ["nothing to restore"],
    }

"""Deciding on a recommendation: the one way by which a decision comes into the ledger, for every face."""

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
    """Record a decision; the number of its entry in the ledger.

    The rules are applied to what the source and the ledger hold inside the transaction that writes the entry.
    Raises ``Refused`` with every reason.
    """
    _present(source, request)  # a log that has changed is read before the ledger is locked, not meanwhile
    try:
        return source.ledger.append(request, lambda: _present(source, request), now)
    except sqlite3.Error as error:
        reason = f"the ledger {source.ledger.path} cannot be written ({error})."
        raise Refused([reason]) from None


def _present(source: Source, request: Decision) -> Present:
    try:
        return Present(source.recommendation(request.facility), source.state(request.facility))
    except UserError as error:
        if request.action == "restore":  # the settings to go back to are in the ledger
            return Present(None, None)
        raise Refused([f"{error}."]) from None


def recorded(request: Decision, number: int) -> str:
    """The sentence that confirms a decision."""
    return f"Recorded as entry {number}: {request.action}, by {request.operator}."


def open_decisions(source: Source, facility: str, present: Present, now: datetime) -> Json:
    """Which decisions are open now: for each, the reasons against it; ``shown`` is the recommendation's digest."""
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

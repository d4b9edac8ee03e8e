"""Why a recommendation may not be accepted now: every reason, in words, or none."""

import hashlib
import json
import math
from datetime import datetime
from typing import Any

from dashboard.text import words
from twin.types import Json

EARLY_H = 0.25  # so far may a machine's clock be ahead of the server's


def digest(thing: Any) -> str:
    """SHA-256 of a recommendation (or any JSON): its identity on the page and in the ledger."""
    text = json.dumps(thing, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def barriers(recommendation: Json | None, state: Json | None, now: datetime) -> list[str]:
    """All that stands against accepting; an empty list opens the way."""
    if recommendation is None:
        return ["There is no recommendation yet."]
    return [
        reason
        for reason in (
            _verdict(recommendation),
            _expired(recommendation, now),
            _damaged(recommendation),
            _data(state),
            *_moved(recommendation, state),
        )
        if reason
    ]


def expires_in_h(recommendation: Json, now: datetime) -> float:
    """Hours until the recommendation expires; negative afterwards, and when the expiry cannot be read."""
    end = words.moment(recommendation.get("expires_at"))
    return (end - now).total_seconds() / 3600 if end else -1.0


def _verdict(recommendation: Json) -> str | None:
    return {
        "change": None,
        "hold": "The recommendation is to hold: there is nothing to set.",
        "refuse": "The twin gives no advice here: there is nothing to set.",
    }.get(recommendation["verdict"], f"The verdict {recommendation['verdict']!r} is not known.")


def _expired(recommendation: Json, now: datetime) -> str | None:
    if expires_in_h(recommendation, now) > 0:
        return None
    return f"The recommendation expired on {words.clock(recommendation.get('expires_at'))}."


def _damaged(recommendation: Json) -> str | None:
    """A knob whose values are no numbers (a NaN becomes null in JSON)."""
    keys = ("present", "proposed", "low", "high")
    bad = [k["title"] for k in recommendation["knobs"] if not all(_finite(k.get(key)) for key in keys)]
    return f"The recommendation is damaged: values of {', '.join(bad)} are no numbers." if bad else None


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _data(state: Json | None) -> str | None:
    if state is None:
        return "No machine data is connected."
    if state["age_h"] < -EARLY_H:
        ahead = words.duration(-state["age_h"])
        return f"The machine data is {ahead} from the future: its clock, or its time zone, is wrong."
    return f"The machine data is stale: {words.duration(state['age_h'])} old." if state["stale"] else None


def _moved(recommendation: Json, state: Json | None) -> list[str]:
    """The knobs whose present value is no longer the one the recommendation started from."""
    values = {row["name"]: row["value"] for row in (state or {}).get("rows", [])}
    reasons = []
    for knob in recommendation["knobs"] if state and not _damaged(recommendation) else []:
        value, digits = values.get(knob["name"]), knob["precision"]
        if not _finite(value):
            reasons.append(f"{knob['title']} is not known now.")
            continue
        # One displayed digit, or half a per cent of the range: read-backs never repeat exactly.
        slack = max(10.0**-digits, 0.005 * (knob["high"] - knob["low"]))
        if abs(value - knob["present"]) > slack:
            reasons.append(
                f"{knob['title']} is now {words.amount(value, words.unit_of(knob['unit']), digits)}; the "
                f"recommendation started from {words.amount(knob['present'], '', digits)}."
            )
    return reasons

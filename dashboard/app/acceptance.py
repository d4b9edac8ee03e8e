"""Acceptance rules: all reasons why a recommendation may not be accepted now."""

import math
from datetime import datetime
from typing import Any, TypeGuard

from controllers.recommendation import Recommendation
from dashboard.text import words
from twin.types import Json

EARLY_H = 0.25  # tolerated lead of the machine's clock over the server's


def barriers(recommendation: Recommendation | None, state: Json | None, now: datetime) -> list[str]:
    """All reasons against accepting; an empty list allows it."""
    if recommendation is None:
        return ["There is no recommendation yet."]
    against = _verdict(recommendation)
    return [*([against] if against else []), *outdated(recommendation, state, now)]


def outdated(recommendation: Recommendation, state: Json | None, now: datetime) -> list[str]:
    """What has changed since the recommendation was made: it expired, the data are stale, a knob has moved."""
    reasons = (_expired(recommendation, now), _data(state), *_moved(recommendation, state))
    return [reason for reason in reasons if reason]


def expires_in_h(recommendation: Recommendation, now: datetime) -> float:
    """Hours until the recommendation expires; negative afterwards."""
    return (recommendation.expires_at - now).total_seconds() / 3600


def _verdict(recommendation: Recommendation) -> str | None:
    return {
        "change": None,
        "hold": "The recommendation is to hold: there is nothing to set.",
        "refuse": "The twin gives no advice here: there is nothing to set.",
    }[recommendation.verdict]


def _expired(recommendation: Recommendation, now: datetime) -> str | None:
    if expires_in_h(recommendation, now) > 0:
        return None
    return f"The recommendation expired on {words.clock(recommendation.expires_at)}."


def _finite(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _data(state: Json | None) -> str | None:
    if state is None:
        return "No machine data is connected."
    if state["age_h"] < -EARLY_H:
        ahead = words.duration(-state["age_h"])
        return f"The machine data is {ahead} from the future: its clock, or its time zone, is wrong."
    return f"The machine data is stale: {words.duration(state['age_h'])} old." if state["stale"] else None


def _moved(recommendation: Recommendation, state: Json | None) -> list[str]:
    """The knobs whose present value is no longer the one the recommendation started from."""
    values = {row["name"]: row["value"] for row in (state or {}).get("rows", [])}
    reasons = []
    for knob in recommendation.knobs if state else ():
        value, digits = values.get(knob.name), knob.precision
        if not _finite(value):
            reasons.append(f"{knob.title} is not known now.")
            continue
        # One displayed digit, or half a per cent of the range, because readbacks fluctuate.
        slack = max(10.0**-digits, 0.005 * (knob.high - knob.low))
        if abs(value - knob.present) > slack:
            reasons.append(
                f"{knob.title} is now {words.amount(value, words.unit_of(knob.unit), digits)}; the "
                f"recommendation started from {words.amount(knob.present, '', digits)}."
            )
    return reasons

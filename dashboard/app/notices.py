"""Advisories: when the page speaks up unasked about a recommendation, and how often it kept silent and why."""

import sqlite3
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock

import numpy as np

from controllers.recommend.advisories import REASONS, Rules, Seen, State, Topic, step
from controllers.recommend.advisories import words as by_reason
from controllers.recommendation import Recommendation
from dashboard.app import acceptance
from dashboard.app.store.ledger import Ledger
from twin.beam_states import STORED
from twin.types import Json

RULES = Rules()


@dataclass(frozen=True)
class Notice:
    """The latest advisory on a facility, and what was suppressed since the server started."""

    raised_at: str | None  # ISO 8601; None: no advisory was raised yet
    suppressed: int = 0  # looks at which an advisory was suppressed
    reasons: tuple[str, ...] = ()  # why, in words
    counted: str = ""  # how often for each reason, in words


class Notices:
    """The advisories of each facility, whoever looks. What was raised is kept in the ledger, so that a server that
    starts again, or another one, does not raise it again."""

    def __init__(self):
        self._lock = Lock()
        self._gates: dict[str, State] = {}

    def look(
        self, made: Recommendation | None, state: Json | None, ledger: Ledger, now: datetime
    ) -> Notice | None:
        """The notice at this moment, which may raise an advisory; None without a recommendation."""
        if made is None:
            return None
        facility, knobs = made.facility, made.knobs
        limits = [k.low for k in knobs], [k.high for k in knobs], [k.precision for k in knobs]
        with self._lock:
            said = ledger.advised(facility)
            before = _heard(self._gates.get(facility, State()), said, len(knobs))
            look = seen(made, state, ledger, now)
            if look.time_h <= before.now_h:  # two people look at once
                return _notice(before, said)
            after, advisory = step(before, look, RULES.band(*limits), RULES)
            if advisory:
                said = {"at": now.isoformat(timespec="seconds"), "time_h": look.time_h, "sure": look.sure,
                        "present": look.present.tolist(), "proposed": advisory.proposed.tolist()}  # fmt: skip
                with suppress(sqlite3.Error):  # another writes: this server still remembers it
                    ledger.advise(facility, said)
            self._gates[facility] = after
        return _notice(after, said)


def _heard(state: State, said: Json | None, knobs: int) -> State:
    """The state that also knows what was said last, be it by a server before or beside this one."""
    if said is None or said["time_h"] <= state.raised_h or len(said["present"]) != knobs:
        return state
    topic = Topic(np.array(said["present"]), np.array(said["proposed"]), said["sure"])
    return replace(state, raised_h=said["time_h"], standing=topic, settling=None)


def seen(made: Recommendation, state: Json | None, ledger: Ledger, now: datetime) -> Seen:
    """A recommendation and the machine as the gate sees them; a knob that is not read is taken to stand."""
    values = {row["name"]: row["value"] for row in (state or {}).get("rows", [])}
    knobs, last = made.knobs, ledger.last(made)
    answer = last and last["decision"] in ("accept", "hold", "reject")
    return Seen(
        time_h=now.timestamp() / 3600.0,
        present=np.array([values.get(k.name, k.present) for k in knobs], float),
        proposed=np.array([k.proposed for k in knobs], float) if made.verdict == "change" else None,
        sure=made.gain.low if made.gain else 0.0,
        fresh=state is not None and not state["stale"],
        beam=state is not None and state["beam_state"] in (STORED, None),  # None: not recorded
        valid=acceptance.expires_in_h(made, now) > 0,
        inside=made.support.inside,
        answer=(last["id"], last["decision"]) if last and answer else None,
    )


def _notice(state: State, said: Json | None) -> Notice:
    raised_at = said["at"] if said else None
    if not state.suppressed:
        return Notice(raised_at)
    reasons = tuple(REASONS[reason] for reason in state.suppressed)
    return Notice(raised_at, sum(state.suppressed.values()), reasons, by_reason(state))

"""Advisories on the page: when one is raised for a recommendation, and how often none was raised, by reason."""

import sqlite3
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock

import numpy as np

from controllers.recommend.advisories import REASONS, Rules, Seen, State, Topic, step
from controllers.recommend.advisories import words as counts_in_words
from controllers.recommendation import Recommendation
from dashboard.app import acceptance
from dashboard.app.store.ledger import Ledger
from twin.beam_states import STORED
from twin.types import Json

RULES = Rules()


@dataclass(frozen=True)
class Notice:
    """The latest advisory on a facility, and at how many checks none was raised since the server started."""

    raised_at: str | None  # ISO 8601; None: no advisory was raised yet
    suppressed: int = 0  # checks at which an advisory was not raised
    reasons: tuple[str, ...] = ()  # why, in words
    counted: str = ""  # the number of checks by reason, in words


class Notices:
    """The advisories of each facility, shared by all viewers of the page.

    Advisories are stored in the ledger, so that a restarted server, or a second one, does not repeat them.
    """

    def __init__(self):
        self._lock = Lock()
        self._states: dict[str, State] = {}

    def check(
        self, made: Recommendation | None, state: Json | None, ledger: Ledger, now: datetime
    ) -> Notice | None:
        """Check whether to raise an advisory now; the notice to show, or None without a recommendation."""
        if made is None:
            return None
        facility, knobs = made.facility, made.knobs
        limits = [k.low for k in knobs], [k.high for k in knobs], [k.precision for k in knobs]
        with self._lock:
            latest = ledger.advised(facility)
            before = _with_latest(self._states.get(facility, State()), latest, len(knobs))
            now_seen = observation(made, state, ledger, now)
            if now_seen.time_h <= before.now_h:  # two viewers at the same moment
                return _notice(before, latest)
            after, advisory = step(before, now_seen, RULES.band(*limits), RULES)
            if advisory:
                latest = {"at": now.isoformat(timespec="seconds"), "time_h": now_seen.time_h, "sure": now_seen.sure,
                          "present": now_seen.present.tolist(), "proposed": advisory.proposed.tolist()}  # fmt: skip
                with suppress(sqlite3.Error):  # the ledger is locked: this server keeps it in memory
                    ledger.advise(facility, latest)
            self._states[facility] = after
        return _notice(after, latest)


def _with_latest(state: State, latest: Json | None, knobs: int) -> State:
    """The state updated with the latest advisory of the ledger, which another server may have raised."""
    if latest is None or latest["time_h"] <= state.raised_h or len(latest["present"]) != knobs:
        return state
    topic = Topic(np.array(latest["present"]), np.array(latest["proposed"]), latest["sure"])
    return replace(state, raised_h=latest["time_h"], standing=topic, settling=None)


def observation(made: Recommendation, state: Json | None, ledger: Ledger, now: datetime) -> Seen:
    """The recommendation, machine state and last answer for the advisory rules; a knob without a reading is unmoved."""
    values = {row["name"]: row["value"] for row in (state or {}).get("rows", [])}
    knobs, last = made.knobs, ledger.last(made)
    answered = last and last["decision"] in ("accept", "hold", "reject")
    return Seen(
        time_h=now.timestamp() / 3600.0,
        present=np.array([values.get(k.name, k.present) for k in knobs], float),
        proposed=np.array([k.proposed for k in knobs], float) if made.verdict == "change" else None,
        sure=made.gain.low if made.gain else 0.0,
        fresh=state is not None and not state["stale"],
        beam=state is not None and state["beam_state"] in (STORED, None),  # None: not recorded
        valid=acceptance.expires_in_h(made, now) > 0,
        inside=made.support.inside,
        answer=(last["id"], last["decision"]) if last and answered else None,
    )


def _notice(state: State, latest: Json | None) -> Notice:
    raised_at = latest["at"] if latest else None
    if not state.suppressed:
        return Notice(raised_at)
    reasons = tuple(REASONS[reason] for reason in state.suppressed)
    return Notice(raised_at, sum(state.suppressed.values()), reasons, counts_in_words(state))

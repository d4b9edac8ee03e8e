"""Advisories on the page: raised once, never while they must not be, and the page shows the reason."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import samples_dashboard as samples

from dashboard.app.notices import Notices
from dashboard.app.store.ledger import Ledger
from dashboard.components import notices as drawn
from dashboard.reports.recommendation import to_html
from dashboard.web import server
from dashboard.web.pages.operate import layout as shell

MADE = samples.recommendation()
NOW = datetime.now(UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def line(notices, ledger, made=MADE, state=None, seconds=0.0) -> str:
    """What stands under the recommendation so many seconds after NOW."""
    now = NOW + timedelta(seconds=seconds)
    return to_html(drawn.line(notices.check(made, state or samples.state(), ledger, now)))


def test_a_recommendation_is_raised_once_however_often_and_by_whomever_the_page_is_read(ledger):
    notices = Notices()
    first = line(notices, ledger)
    assert "Advisory raised" in first and "further advisory" not in first
    later = [line(notices, ledger, seconds=15.0 * i) for i in range(1, 5)]
    assert "No further advisory at 4 checks: it has been raised and still stands." in later[-1]
    assert first.removesuffix("</p>") in later[-1]
    again = line(notices, ledger, seconds=30.0)  # read out of turn: nothing is counted
    assert "at 4 checks" in again


def test_a_newer_proposal_waits_for_ten_minutes_and_until_it_has_held_still(ledger):
    notices = Notices()
    line(notices, ledger)
    knobs = [
        k | {"proposed": k["proposed"] - (0.5 if k["name"] == "rf_voltage" else 0.0)} for k in samples.knobs()
    ]
    newer = samples.recommendation(knobs=knobs)
    assert "another was raised less than ten minutes ago" in line(notices, ledger, newer, seconds=540.0)
    assert "has not held still for long enough" in line(notices, ledger, newer, seconds=601.0)
    assert "Advisory raised" in (said := line(notices, ledger, newer, seconds=841.0))
    assert (NOW + timedelta(seconds=841.0)).strftime("%H:%M") in said


def test_a_server_that_starts_again_keeps_the_ten_minutes_and_does_not_repeat_itself(ledger):
    line(Notices(), ledger)
    assert "it has been raised and still stands" in line(Notices(), ledger, seconds=60.0)
    newer = samples.recommendation(knobs=[k | {"proposed": k["low"]} for k in samples.knobs()])
    assert "another was raised less than ten minutes ago" in line(Notices(), ledger, newer, seconds=540.0)
    beside = Notices()
    assert "Advisory raised" in line(beside, ledger, seconds=660.0) and ledger.advised("another") is None


@pytest.mark.parametrize(
    "made, state, reason",
    [
        (MADE, samples.state(9.5, True), "the data are stale"),
        (MADE, samples.state() | {"beam_state": 0}, "there is no beam"),
        (samples.expired(), None, "the recommendation has expired"),
        (
            samples.recommendation(support={"distance": 4.2, "limit": 3.0, "place": "outside"}),
            None,
            "the settings would leave the envelope",
        ),
    ],
)
def test_nothing_is_raised_while_it_must_be_silent_and_the_page_says_why(ledger, made, state, reason):
    said = line(Notices(), ledger, made, state)
    assert "No advisory raised." in said and f"No advisory at 1 check: {reason}." in said


def test_nothing_is_raised_where_nothing_is_to_change_and_nothing_said_without_a_recommendation(ledger):
    assert "check" not in line(Notices(), ledger, samples.hold())
    assert Notices().check(None, None, ledger, datetime.now(UTC)) is None


def test_what_was_rejected_is_not_raised_until_it_is_undone(ledger):
    notices = Notices()
    samples.decide(ledger, MADE, "reject", "M. Okada", "Klystron 3 is in conditioning.")
    assert "an operator has answered it" in line(notices, ledger)
    samples.decide(ledger, MADE, "undo", "M. Okada")
    assert "No advisory raised" in line(notices, ledger, seconds=15.0)  # the situation has not moved


def test_the_page_has_a_place_for_the_line_that_every_refresh_fills(ledger):
    assert "'notice'" in str(shell.skeleton([]))
    app = server.create_app(samples.Source(ledger, None, None, names=[]))
    assert sum("notice.children" in key for key in app.callback_map) == 1

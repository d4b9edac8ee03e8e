"""Deciding: a person on the page, a program over HTTP and one that calls the application meet the same refusals."""

import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import samples_dashboard as samples
from samples_dashboard import Source

from controllers.recommendation import digest
from dashboard.app.decisions import decide
from dashboard.app.refusals import Decision, Present, Refused
from dashboard.app.roles import Person, Role
from dashboard.app.store.ledger import Ledger
from dashboard.web.server import create_app
from twin import UserError


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(Ledger(tmp_path / "ledger.sqlite"), samples.recommendation(), samples.state())


def asked(source: Source, action: str = "accept", **changes: Any) -> Decision:
    """A decision of a person who has seen everything; ``changes`` replace its fields."""
    seen = {"seen_digest": digest(source.made), "known_entry": source.ledger.newest()[0]}
    return Decision("storage-ring", action, **({"person": Person("M. Okada")} | seen | changes))


def by_program(source: Source, request: Decision) -> str:
    """What the application says."""
    with pytest.raises(Refused) as refused:
        decide(source, request, datetime.now(UTC))
    return str(refused.value)


def over_http(source: Source, request: Decision) -> str:
    """What a program is answered."""
    body = {
        "action": request.action,
        "operator": request.person.name,
        "comment": request.comment,
        "digest": request.seen_digest,
        "newest_entry": request.known_entry,
    }
    answer = create_app(source).server.test_client().post("/api/storage-ring/decisions", json=body)
    assert answer.status_code == 409
    assert answer.json["error"] == f"Nothing was recorded: {' '.join(answer.json['reasons'])}"
    return answer.json["error"]


def on_the_page(source: Source, request: Decision) -> str:
    """What the page's own callback puts under its buttons."""
    app = create_app(source)
    output = next(key for key in app.callback_map if "message.children" in key)
    known = app.callback_map[output]
    values = {
        "facility": request.facility, "seen-recommendation": request.seen_digest,
        "seen-ledger": [request.known_entry, 0], "operator": request.person.name, "comment": request.comment,
    }  # fmt: skip
    places = [part.rsplit(".", 1) for part in output.strip(".").split("...")]
    body = {
        "output": output,
        "outputs": [{"id": place, "property": what.partition("@")[0]} for place, what in places],
        "inputs": [known_input | {"value": 1} for known_input in known["inputs"]],
        "state": [place | {"value": values[place["id"]]} for place in known["state"]],
        "changedPropIds": [f"{request.action}.n_clicks"],
    }
    answer = app.server.test_client().post("/_dash-update-component", json=body)
    assert answer.status_code == 200, answer.text
    message = answer.json["response"]["message"]["children"]["props"]
    assert message["className"] == "refused"
    return message["children"].removeprefix("▲ ")


def stale(source: Source) -> Decision:
    source.now = samples.state(age_h=9.5, stale=True)
    return asked(source)


def moved(source: Source) -> Decision:
    assert source.now is not None
    source.now["rows"][1]["value"] = 3.1
    return asked(source)


def several(source: Source) -> Decision:
    source.made, source.now = samples.expired(), samples.state(age_h=9.5, stale=True)
    return asked(source, person=Person(""))


def held(source: Source) -> Decision:
    source.made = samples.hold()
    return asked(source)


def gone(source: Source) -> Decision:
    source.made = None
    return asked(source, "hold")


def replaced(source: Source) -> Decision:
    request = asked(source)
    source.made = samples.recommendation(headline="A newer one.")
    return request


def twice(source: Source) -> Decision:
    samples.decide(source.ledger, source.made, "accept", "A. Berg")
    return asked(source, "reject", comment="no")


def unseen(source: Source) -> Decision:
    request = asked(source, "undo")
    samples.decide(source.ledger, source.made, "accept", "A. Berg")
    return request


REFUSED: list[tuple[Callable[[Source], Decision], str]] = [
    (stale, r"The machine data is stale: 9 h 30 min old\.$"),
    (moved, r"RF voltage is now 3\.10.MV; the recommendation started from 3\.40\.$"),
    (several, r"operator's name is empty.*The recommendation expired.*The machine data is stale"),
    (held, r"The recommendation is to hold: there is nothing to set\.$"),
    (gone, r"there is no recommendation\.$"),
    (replaced, r"a newer recommendation has arrived\. Look at it first\.$"),
    (twice, r"was accepted by A\. Berg at .* 'reject' cannot follow; undo that first\.$"),
    (unseen, r"somebody has decided since\. Look at the ledger first\.$"),
    (lambda source: asked(source, "undo"), r"There is no decision on this recommendation to undo\.$"),
    (lambda source: asked(source, "restore"), r"there is no recommendation\.$"),
    (lambda source: asked(source, "reject"), r"A rejection needs a comment"),
    (lambda source: asked(source, person=Person("x" * 81)), r"name has 81 letters; 80 are the most\.$"),
]


@pytest.mark.parametrize("prepare, words", REFUSED, ids=[words for _, words in REFUSED])
def test_a_person_and_a_program_get_the_same_refusal_in_the_same_words(source, prepare, words):
    request = prepare(source)
    before = source.ledger.newest()
    said = [tell(source, request) for tell in (by_program, over_http, on_the_page)]
    with pytest.raises(Refused) as refused:  # nor does the ledger itself take it
        present = source.made, source.now
        source.ledger.append(request, lambda: Present(*present), datetime.now(UTC))
    assert set(said) == {str(refused.value)} and len(said) == 3
    assert said[0].startswith("Nothing was recorded: ")
    assert re.search(words, said[0]), said[0]
    assert source.ledger.newest() == before


def test_what_all_rules_allow_is_recorded_at_the_moment_that_the_clock_gives(source):
    now = datetime(2026, 11, 30, 12, 30, tzinfo=UTC)
    source.made = samples.recommendation(expires_at=(now + timedelta(hours=1)).isoformat())
    assert decide(source, asked(source, comment=" at the next fill "), now) == 1
    (entry,) = source.ledger.entries()
    assert (entry["at"], entry["comment"]) == ("2026-11-30T12:30:00+00:00", "at the next fill")
    source.made = samples.recommendation(
        expires_at=(now + timedelta(hours=1)).isoformat(), headline="Another."
    )
    with pytest.raises(Refused, match=r"The recommendation expired on 30 Nov 2026 13:30 UTC\.$"):
        decide(source, asked(source), now + timedelta(hours=2))


def test_a_viewer_decides_nothing_and_an_engineer_does(source):
    with pytest.raises(Refused, match=r"V\. Novak is a viewer and may not decide; this needs an operator"):
        decide(source, asked(source, person=Person("V. Novak", Role.VIEWER)), datetime.now(UTC))
    assert decide(source, asked(source, person=Person("E. Lang", Role.ENGINEER)), datetime.now(UTC)) == 1


def test_what_arrives_while_a_person_decides_is_what_the_ledger_sees(source):
    """The source changes before the entry is written: what it shows inside the transaction counts."""
    request, newer = asked(source), samples.recommendation(headline="A newer one.")
    answers = iter([source.made, newer])
    source.recommendation = lambda facility: next(answers)
    with pytest.raises(Refused, match="a newer recommendation has arrived"):
        decide(source, request, datetime.now(UTC))
    assert source.ledger.entries() == []


def test_settings_can_be_restored_while_the_newest_recommendation_cannot_be_read(source):
    samples.decide(source.ledger, source.made, "accept", "M. Okada")

    def damaged(facility: str) -> None:
        raise UserError("latest.json is no recommendation")

    source.recommendation = damaged
    with pytest.raises(Refused, match=r"latest\.json is no recommendation\.$"):
        decide(source, asked(source), datetime.now(UTC))
    assert decide(source, asked(source, "restore"), datetime.now(UTC)) == 2


def test_a_ledger_that_cannot_be_written_is_named(source):
    request = asked(source, "hold")
    with sqlite3.connect(source.ledger.path) as db:
        db.execute("DROP TABLE decisions")
    db.close()
    with pytest.raises(Refused, match=r"ledger\.sqlite cannot be written \(no such table"):
        decide(source, request, datetime.now(UTC))

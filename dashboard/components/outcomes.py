"""The card of outcomes: the promised and the realised gain of accepted recommendations."""

from typing import Any

from dash import html

from controllers.outcomes.promises import answer
from dashboard.app.store.ledger import Ledger
from dashboard.components import parts
from dashboard.figures import timelines
from dashboard.text import words
from twin.types import Json

LATEST = 12
SIGN = {"kept": "●", "more": "●", "less": "◆", "harm": "◆", "cannot tell": "○", "not followed": "–"}


def section(ledger: Ledger, facility: str | None) -> html.Section | None:
    """Promised and realised gain of each decision, and the verdict on all; None without outcomes."""
    rows = ledger.outcomes(facility)
    if not rows:
        return None
    drawn = [row for row in rows if row["realised"] is not None][-LATEST:]
    cells = [
        [
            f"entry {row['decision']}, {words.clock(row['at'])[:11]}",
            _cell(row["promised"]),
            _cell(row["realised"]),
            words.duration(row["adopted"]["hours"]) if row["adopted"]["followed"] else "not set",
            f"{SIGN[row['verdict']]} {row['verdict']}",
        ]
        for row in reversed(rows[-LATEST:])
    ]
    columns = ["Accepted", "Promised", "Realised", "Held for", "Verdict"]
    numbers = parts.table("Outcomes", columns, cells, (1, 2, 3))
    figure = (
        parts.graph(timelines.promises(drawn), "Promised and realised gain of each decision")
        if drawn
        else None
    )
    key = [html.Span(className="key record"), "promised  ", html.Span(className="key proposed"), "realised"]
    content = [
        html.P(answer(rows).words, className="statement"),
        html.Div([numbers, figure], className="pair"),
    ]
    note = [*key, ": gain in % useful beam with its 90 % interval; hollow if undecided so far"]
    return parts.card("Did it help?", *content, html.P(note, className="note"))


def _cell(gain: Json | None) -> Any:
    if gain is None:
        return words.NONE
    return parts.two_lines(
        words.amount(gain["mean"], "%", 2, sign=True), words.interval(gain["low"], gain["high"])
    )

"""The line under a recommendation: the latest advisory, and what was suppressed."""

from typing import Any

from dash import html

from dashboard.app.notices import Notice
from dashboard.components import parts
from dashboard.text import words


def line(notice: Notice | None) -> html.P | None:
    """The line of a notice. Its growing counts are kept from screen readers, which would read them at every look."""
    if notice is None:
        return None
    raised_at = notice.raised_at
    shown: list[Any] = [f"Advisory raised {words.clock(raised_at)}." if raised_at else "No advisory raised."]
    if notice.suppressed:
        text = f" {notice.suppressed} suppressed: {', '.join(notice.reasons)}."
        shown.append(html.Span(text, title=f"{notice.counted}.", **parts.aria(hidden="true")))
    return html.P(shown, className="note")

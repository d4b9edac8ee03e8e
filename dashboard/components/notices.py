"""The line under a recommendation: the latest advisory, and why no further one was raised."""

from typing import Any

from dash import html

from dashboard.app.notices import Notice
from dashboard.components import parts
from dashboard.text import words


def line(notice: Notice | None) -> html.P | None:
    """The line of a notice. The growing count is hidden from screen readers, which would repeat it at every refresh."""
    if notice is None:
        return None
    raised_at = notice.raised_at
    shown: list[Any] = [f"Advisory raised {words.clock(raised_at)}." if raised_at else "No advisory raised."]
    if notice.suppressed:
        further, checks = "further " if raised_at else "", "check" if notice.suppressed == 1 else "checks"
        text = f" No {further}advisory at {notice.suppressed} {checks}: {', '.join(notice.reasons)}."
        shown.append(html.Span(text, title=f"{notice.counted}.", **parts.aria(hidden="true")))
    return html.P(shown, className="note")

"""Basic components: cards, tables, chips, limit bars and figures, as plain HTML components."""

from typing import Any

import plotly.graph_objects as go
from dash import dcc, html

from controllers.recommendation import Estimate, Recommendation
from dashboard.figures import theme
from dashboard.text import words

SYMBOLS = {"better": "●", "worse": "◆", "unsure": "○"}  # same marks as in the figures
CONFIG: Any = {"displayModeBar": False, "responsive": True}


def aria(**words: str) -> dict[str, Any]:
    """ARIA attributes for screen readers, as properties: ``aria(label="Limits")``."""
    return {f"aria-{name}": value for name, value in words.items()}


def data(**words: str) -> dict[str, Any]:
    """Data attributes, as properties."""
    return {f"data-{name}": value for name, value in words.items()}


def card(title: str, *content: Any, note: str = "", wide: str = "") -> html.Section:
    """A panel with a heading and an optional note under it; ``wide`` is its CSS class for the width."""
    heading: list[Any] = [html.H2(title)]
    if note:
        heading.append(html.P(note, className="note"))
    return html.Section([*heading, *content], className=f"card {wide}".strip(), **aria(label=title))


def table(name: str, columns: list[str], rows: list[list[Any]], numeric: tuple[int, ...] = ()) -> html.Table:
    """A table with scoped headings; each cell has the name of its column, which narrow screens show."""
    head = html.Tr(
        [html.Th(text, scope="col", className=_align(i, numeric)) for i, text in enumerate(columns)]
    )
    body = [
        html.Tr(
            [
                html.Th(cell, scope="row")
                if i == 0
                else html.Td(cell, className=_align(i, numeric), **data(label=columns[i]))
                for i, cell in enumerate(row)
            ]
        )
        for row in rows
    ]
    return html.Table([html.Caption(name, className="visually-hidden"), html.Thead(head), html.Tbody(body)])


def _align(column: int, numeric: tuple[int, ...]) -> str:
    return "num" if column in numeric else ""


def chip(text: str, kind: str = "plain") -> html.Span:
    """A short text in a frame; ``kind``: plain, quiet, strong or abnormal. The text contains its symbol."""
    return html.Span(text, className=f"chip {kind}")


def fact(label: str, value: Any, abnormal: bool = False) -> html.Div:
    """A label above its value; an abnormal value gets a symbol and a colour."""
    shown = [html.Span("▲ ", **aria(hidden="true")), value] if abnormal else value
    return html.Div([html.Dt(label), html.Dd(shown)], className="fact abnormal" if abnormal else "fact")


def two_lines(first: Any, second: str, mono: bool = False) -> list[Any]:
    """A value with a second line in grey."""
    return [html.Div(first), html.Div(second, className="second mono" if mono else "second")]


def change(metric: str, of: Estimate, unit: str, digits: int = 2, before: str = "") -> list[Any]:
    """The change of a metric with its symbol and, under it, its 90 % interval."""
    verdict = theme.verdict_on(metric, of.low, of.high)
    text = words.amount(of.mean, unit, digits, sign=True)
    label = {"better": "better: ", "worse": "worse: ", "unsure": "not sure: "}[verdict]
    first = [
        html.Span(SYMBOLS[verdict] + " ", className="symbol", **aria(hidden="true")),
        html.Span(label, className="visually-hidden"),
        text,
    ]
    span = before + words.interval(of.low, of.high, digits)
    return [html.Div(first, className=f"change {verdict}"), html.Div(span, className="second")]


def gain(of: Estimate | None, unit: str) -> Any:
    """A gain with its interval; a dash for None."""
    if of is None:
        return html.Span(words.NONE, className="quiet")
    return change("gain", of, unit)


def gain_unit(recommendation: Recommendation) -> str:
    """The unit of the gain, which is that of the first effect (the objective)."""
    return words.unit_of(recommendation.effects[0].unit) if recommendation.effects else ""


def limit_bar(low: float, high: float, present: float, proposed: float, digits: int, unit: str) -> html.Div:
    """The range low..high as a line with a grey mark (present) and a blue one (proposed)."""
    label = (
        f"limits {words.number(low, digits)} to {words.amount(high, unit, digits)}, "
        f"present {words.number(present, digits)}, proposed {words.number(proposed, digits)}"
    )
    a, b = _share(present, low, high), _share(proposed, low, high)
    track = [html.Span(className="move", style={"left": f"{min(a, b):.1f}%", "width": f"{abs(b - a):.1f}%"})]
    track.append(html.Span(className="mark present", style={"left": f"{a:.1f}%"}))
    if proposed != present:
        track.append(html.Span(className="mark proposed", style={"left": f"{b:.1f}%"}))
    ends = [html.Span(words.number(low, digits)), html.Span(words.number(high, digits))]
    return html.Div(
        [html.Div(track, className="track"), html.Div(ends, className="ends", **aria(hidden="true"))],
        className="limits",
        role="img",
        **aria(label=label),
    )


def _share(value: float, low: float, high: float) -> float:
    """Position of a value between two limits, 0 ... 100 per cent."""
    return 100 * min(1.0, max(0.0, (value - low) / (high - low)))


def severity(value: float | None, low: float | None, high: float | None) -> Any:
    """The alarm state of a value: normal, outside limits, or no value."""
    if value is None:
        return chip("▲ no value", "abnormal")
    if (low is not None and value < low) or (high is not None and value > high):
        return chip("■ outside limits", "abnormal")
    return chip("normal", "quiet")


def graph(figure: go.Figure, label: str) -> html.Div:
    """A figure with its label for screen readers."""
    height = f"{figure.to_plotly_json()['layout']['height']}px"
    plot = dcc.Graph(figure=figure, config=CONFIG, responsive=True, style={"height": height})
    return html.Div(plot, className="figure", role="img", **aria(label=label))


def as_table(content: Any) -> html.Details:
    """The numbers of a figure, collapsed on the page."""
    return html.Details([html.Summary("As a table"), content])

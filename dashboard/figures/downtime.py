"""Figures of downtime: outages over time, and user hours lost by cause."""

from datetime import datetime
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.app.analyses.downtime import Answer
from dashboard.figures import theme
from dashboard.figures.pareto import Cost, pareto
from dashboard.figures.timelines import moment_of
from dashboard.text import words
from replay_data.downtime import KINDS

OUTSIDE, UNKNOWN = "#a9b0b5", "unknown"
UNNAMED = "no fault in the table"


def timeline(answer: Answer) -> go.Figure:
    """Outages over time, one lane for each worst kind and for unknown time. Blue: user time lost; grey: outside it."""
    found, start = answer.found, words.moment(answer.start)
    lanes = [k for k in KINDS.values() if any(e.kind == k for e in found.events)]
    lanes += [UNKNOWN] if len(found.unknown) else []
    margin = {"l": 8, "r": 190, "t": 8, "b": 28}
    figure = go.Figure(layout=theme.figure_layout(56 + 46 * len(lanes), margin=margin))
    for place, lane in enumerate(lanes):
        events = [e for e in found.events if e.kind == lane]
        sides = (
            (OUTSIDE, [e for e in events if not e.user_h]),
            (theme.PROPOSED, [e for e in events if e.user_h]),
        )
        for colour, some in sides:
            _bars(figure, [(e.start_h, e.end_h) for e in some], place, colour, answer.hours, start)
        if lane == UNKNOWN:
            _bars(figure, found.unknown.tolist(), place, theme.LINE, answer.hours, start)
        figure.add_annotation(
            text=_count(answer, lane), x=1, xref="paper", xanchor="left", xshift=12, y=place, showarrow=False,
            font={"size": 12, "color": theme.INK}, align="left",
        )  # fmt: skip
    ticks = {"tickvals": list(range(len(lanes))), "ticktext": [f"{lane}  " for lane in lanes]}
    look = {"range": [len(lanes) - 0.4, -0.6], "tickfont": {"size": 13, "color": theme.INK}}
    figure.update_yaxes(theme.axis(showgrid=False, **ticks, **look))
    ends = [moment_of(0.0, start), moment_of(answer.hours, start)]
    figure.update_xaxes(theme.axis(range=ends, tickformat="%d %b" if start else "", nticks=10))
    return figure


def _bars(
    figure: go.Figure, spans: list, place: int, colour: str, hours: float, start: datetime | None
) -> None:
    """Draw segments from start to end; tick marks keep outages of minutes visible on a scale of weeks."""
    x: list[Any] = []
    y: list[int | None] = []
    text: list[str] = []
    for begin, end in spans:
        last = hours if np.isnan(end) else end
        x += [moment_of(begin, start), moment_of(last, start), None]
        y += [place, place, None]
        text += [f"from hour {begin:.2f}, {words.duration(last - begin)}"] * 2 + [""]
    figure.add_scatter(
        x=x, y=y, text=text, mode="lines+markers", line={"color": colour, "width": 16},
        marker={"symbol": "line-ns-open", "size": 16, "color": colour, "line": {"width": 1.5, "color": colour}},
        hovertemplate="%{text}<extra></extra>", connectgaps=False,
    )  # fmt: skip


def _count(answer: Answer, lane: str) -> str:
    """The text at the end of a lane: number of outages and their hours."""
    if lane == UNKNOWN:
        return f"{words.number(answer.unknown_h, 1)} h not known"
    events = [e for e in answer.found.events if e.kind == lane]
    lost = words.number(sum(e.user_h for e in events), 1)
    many = "1 outage" if len(events) == 1 else f"{len(events)} outages"
    return f"<b>{lost} user h lost</b><br>{many}, {sum(e.sudden for e in events)} dumps"


def causes(answer: Answer) -> go.Figure | None:
    """User hours lost by the fault that caused the outage, or by kind without a fault table; None if none."""
    causes_by_event = (
        {} if answer.compared is None else {id(m.event): m.process for m in answer.compared.matched}
    )
    hours: dict[str, float] = {}
    for event in answer.found.events:
        name = event.kind if answer.compared is None else causes_by_event.get(id(event), UNNAMED)
        hours[name] = hours.get(name, 0.0) + event.user_h
    costs = [Cost(name, lost) for name, lost in hours.items() if lost > 0]
    return pareto(costs, sum(cost.hours for cost in costs)) if costs else None

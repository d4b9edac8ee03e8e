"""Pareto chart: causes by the hours they cost, the largest first, with intervals and cumulative shares."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from dashboard.figures import theme
from dashboard.text import words

BAR = "#b9c0c5"
MOST = 12


class Cost(NamedTuple):
    """The hours of one cause; ``low`` and ``high`` are None without an interval."""

    name: str
    hours: float
    low: float | None = None
    high: float | None = None


def pareto(costs: Sequence[Cost], whole: float) -> go.Figure:
    """Hours by cause; each bar has its hours, its share of ``whole`` and the cumulative share.

    The causes that together make 80 % of the whole are blue, the others grey.
    """
    rows = sorted(costs, key=lambda cost: -cost.hours)[:MOST]
    figure = go.Figure(
        layout=theme.figure_layout(46 + 32 * len(rows), margin={"l": 8, "r": 8, "t": 8, "b": 28})
    )
    together, upto = 0.0, []
    for row in rows:
        upto.append(together)
        together += row.hours
    figure.add_bar(
        x=[row.hours for row in rows], y=list(range(len(rows))), orientation="h", width=0.62,
        marker={"color": [theme.PROPOSED if done < 0.8 * whole else BAR for done in upto]},
        customdata=[row.name for row in rows], hovertemplate="%{customdata}<br>%{x:.2f} h<extra></extra>",
    )  # fmt: skip
    for place, (row, before) in enumerate(zip(rows, upto, strict=True)):
        end = row.hours if row.high is None else row.high
        if row.low is not None:
            figure.add_scatter(
                x=[row.low, row.high], y=[place, place], mode="lines+markers", hoverinfo="skip",
                line={"color": theme.INK, "width": 1.4},
                marker={"symbol": "line-ns-open", "size": 7, "color": theme.INK, "line": {"width": 1.4}},
            )  # fmt: skip
        figure.add_annotation(
            text=_end(row, before, whole), x=end, y=place, xanchor="left", xshift=8, showarrow=False,
            font={"size": 12, "color": theme.INK},
        )  # fmt: skip
    names = {"tickvals": list(range(len(rows))), "ticktext": [f"{row.name}  " for row in rows]}
    look = {"range": [len(rows) - 0.4, -0.6], "tickfont": {"size": 13, "color": theme.INK}}
    figure.update_yaxes(theme.axis(showgrid=False, **names, **look))
    top = 1.42 * max([*(row.hours if row.high is None else row.high for row in rows), 1e-9])
    figure.update_xaxes(theme.axis(range=[0, top], ticksuffix=" h", nticks=6))
    return figure


def _end(row: Cost, before: float, whole: float) -> str:
    """The text at the end of a bar."""
    hours = words.amount(row.hours, "h", 1 if row.hours >= 10 else 2)
    if not whole:
        return hours
    share, together = (100 * part / whole for part in (row.hours, before + row.hours))
    return f"<b>{hours}</b>  {share:.0f} %" + (f", together {together:.0f} %" if before else "")

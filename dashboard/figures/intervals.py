"""A figure of values with their intervals on one scale, one row each."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from dashboard.figures import theme

ROW, EDGE = 36, 52  # px of a row, and of the axis below all


class Row(NamedTuple):
    """A name, a mean with its 90 % interval, a verdict (better, worse, unsure, none) and a note at the right."""

    name: str
    mean: float
    low: float
    high: float
    verdict: str = "none"
    note: str = ""


def ladder(
    rows: Sequence[Row], unit: str, line: float | None = 0.0, line_text: str = "", room: int = 8
) -> go.Figure:
    """Rows of names and intervals on one scale, with a reference line; ``room`` px at the right for the notes.

    A mark is hollow if its verdict is unsure: its interval contains the reference value.
    """
    top = 24 if line_text else 8
    margin = {"l": 8, "r": room, "t": top, "b": 28}
    figure = go.Figure(layout=theme.figure_layout(EDGE + ROW * len(rows) + top, margin=margin))
    for place, row in enumerate(reversed(rows)):
        mark(figure, row, place)
        if row.note:
            figure.add_annotation(
                text=row.note, x=1, xref="paper", xanchor="left", xshift=12, y=place, showarrow=False, align="left",
                font={"size": 12, "color": theme.QUIET},
            )  # fmt: skip
    names = {"tickvals": list(range(len(rows))), "ticktext": [f"{row.name}  " for row in reversed(rows)]}
    look = {"range": [-0.6, len(rows) - 0.4], "tickfont": {"size": 13, "color": theme.INK}}
    figure.update_yaxes(theme.axis(showgrid=False, **names, **look))
    ends = [end for row in rows for end in (row.low, row.mean, row.high)] + ([] if line is None else [line])
    low, high = min(ends), max(ends)
    wide = 0.06 * (high - low or abs(high) or 1.0)
    figure.update_xaxes(theme.axis(range=[low - wide, high + wide], ticksuffix=f" {unit}".rstrip(), nticks=8))
    if line is not None:
        figure.add_vline(x=line, line={"color": theme.QUIET, "width": 1}, layer="below")
        figure.add_annotation(
            text=line_text, x=line, y=1, yref="paper", yanchor="bottom", yshift=2, showarrow=False,
            font={"size": 12, "color": theme.QUIET},
        )  # fmt: skip
    return figure


def mark(figure: go.Figure, row: Row, y: float, number: int = 0, faded: bool = False) -> None:
    """Draw one interval with its ends and its mean on axes ``number``; the mean is hollow if the verdict is unsure.

    A faded interval is grey whatever its verdict.
    """
    colour = theme.PRESENT_INK if faded else theme.colour_of(row.verdict)
    on = {"xaxis": theme.name_of("x", number), "yaxis": theme.name_of("y", number)}
    ends = {"symbol": "line-ns-open", "size": 12, "color": colour, "line": {"width": 2, "color": colour}}
    figure.add_scatter(
        x=[row.low, row.high], y=[y, y], mode="lines+markers", line={"color": colour, "width": 3},
        hoverinfo="skip", marker=ends, **on,
    )  # fmt: skip
    figure.add_scatter(
        x=[row.mean], y=[y], mode="markers", **on,
        hovertemplate=f"{row.name}: %{{x:.4~g}}, 90 %: {row.low:.4g} … {row.high:.4g}<extra></extra>",
        marker={
            "symbol": "diamond" if row.verdict == "worse" else "circle", "size": 12,
            "color": theme.PANEL if row.verdict == "unsure" else colour, "line": {"width": 2, "color": colour},
        },
    )  # fmt: skip

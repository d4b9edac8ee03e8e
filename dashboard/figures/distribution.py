"""A histogram of a metric over runs, with the mean, its interval and published values."""

import numpy as np
import plotly.graph_objects as go

from dashboard.figures import theme
from dashboard.text import words
from twin.intervals import Estimate
from twin.outcome import Metric

BAR = "#b9c0c5"
BAND = "rgba(20, 86, 143, 0.16)"
HEIGHT, MOST_BINS = 232, 24


def distribution(
    metric: Metric, values: np.ndarray, found: Estimate, published: tuple[float, ...] = ()
) -> go.Figure:
    """Per cent of the runs [R] by value. Blue line: the mean; shaded: its 90 % interval; ◆ published values."""
    shown = values[np.isfinite(values)]
    margin = {"l": 8, "r": 8, "t": 46, "b": 28}
    figure = go.Figure(layout=theme.figure_layout(HEIGHT, margin=margin, bargap=0.04))
    height, edges = np.histogram(shown, bins=_edges(shown))
    share = 100.0 * height / max(len(values), 1)
    figure.add_bar(
        x=(edges[1:] + edges[:-1]) / 2, y=share, width=np.diff(edges), marker={"color": BAR},
        hovertemplate="%{x:.4~g} " + metric.unit + ": %{y:.0f} % of the runs<extra></extra>",
    )  # fmt: skip
    low, high = found.low, found.high
    if np.isfinite([low, high]).all():
        figure.add_vrect(x0=low, x1=high, fillcolor=BAND, line={"width": 0}, layer="above")
    if np.isfinite(found.value):
        figure.add_vline(x=found.value, line={"color": theme.PROPOSED, "width": 2})
    for value in published:
        figure.add_scatter(
            x=[value], y=[0], mode="markers", cliponaxis=False, hovertemplate="published %{x:.5~g}<extra></extra>",
            marker={"symbol": "diamond", "size": 11, "color": theme.WORSE},
        )  # fmt: skip
    _titles(figure, metric, found, values, published)
    figure.update_xaxes(theme.axis(ticksuffix=f" {metric.unit}".rstrip(), nticks=6, showgrid=False))
    figure.update_yaxes(theme.axis(ticksuffix=" %", nticks=4, rangemode="tozero"))
    return figure


def _edges(shown: np.ndarray) -> np.ndarray:
    """Bin edges; few different whole numbers get one bin each."""
    if not shown.size:
        return np.array([0.0, 1.0])
    low, high = float(shown.min()), float(shown.max())
    if np.equal(shown, np.round(shown)).all() and high - low < MOST_BINS:
        return np.arange(low - 0.5, high + 1.0)
    bins = int(np.clip(2.0 * np.sqrt(shown.size), 6, MOST_BINS))
    wide = (high - low) or max(abs(high), 1.0) * 0.02
    return np.linspace(low - (0.0 if high > low else wide / 2), low + wide, bins + 1)


def _titles(
    figure: go.Figure, metric: Metric, found: Estimate, values: np.ndarray, published: tuple[float, ...]
) -> None:
    """The title with the mean, and a note with the interval, published values and runs without a value."""
    d = metric.digits
    mean = words.amount(found.value, metric.unit, d)
    notes = [f"90 % interval of the mean {words.interval(found.low, found.high, d, sign=False)}"]
    notes += [f"◆ published {words.number(value, d)}" for value in published]
    if missing := int((~np.isfinite(values)).sum()):
        notes.append(f"{missing} of {len(values)} runs have no value")
    headings(figure, f"<b>{metric.title}</b>  {mean}", ",  ".join(notes))


def headings(figure: go.Figure, title: str, note: str) -> None:
    """Add a title and a note above a figure with a top margin of 46 px."""
    for shift, text, colour, size in ((24, title, theme.INK, 13), (6, note, theme.QUIET, 12)):
        figure.add_annotation(
            text=text, x=0, xref="paper", xanchor="left", y=1, yref="paper", yanchor="bottom", yshift=shift,
            showarrow=False, font={"size": size, "color": colour},
        )  # fmt: skip

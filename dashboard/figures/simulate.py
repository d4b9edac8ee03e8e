"""Figures of simulated years: distributions of metrics, lost hours by cause, and forecasts of a model."""

import numpy as np
import plotly.graph_objects as go

from controllers.recommend.forecast import Forecast
from dashboard.app.analyses.simulate import Answer
from dashboard.figures import theme
from dashboard.figures.distribution import BAR, distribution, headings
from dashboard.figures.pareto import Cost, pareto
from dashboard.text import words
from twin.outcome import METRICS, Metric

MAIN = (
    "useful_beam",
    "availability",
    "failures",
    "mtbf_h",
    "mean_outage_h",
    "no_beam_h",
    "samples",
    "spoilt",
)
PUBLISHED = {"availability_pct": "availability"}


def spread(answer: Answer) -> list[go.Figure]:
    """Distributions of the main metrics over the runs; metrics that are equal in all runs are left out."""
    published: dict[str, list[float]] = {}
    for row in answer.published:
        name = str(row["metric"])
        published.setdefault(PUBLISHED.get(name, name), []).append(row["published"])
    return [
        distribution(m, answer.per_run[m.name], answer.figures[m.name], tuple(published.get(m.name, ())))
        for m in METRICS
        if m.name in MAIN and np.unique(answer.per_run[m.name][np.isfinite(answer.per_run[m.name])]).size > 1
    ]


def causes(answer: Answer) -> go.Figure | None:
    """User hours lost per run by the failure that caused the loss; None if nothing was lost."""
    rows = [Cost(row["process"], *row["lost_h"]) for row in answer.causes if row["lost_h"].value > 0]
    return pareto(rows, sum(row.hours for row in rows)) if rows else None


def forecasts(rows: list[Forecast]) -> list[go.Figure]:
    """The forecast of each main metric; metrics without any spread are left out."""
    metrics = {m.name: m for m in METRICS if m.name in MAIN}
    return [
        _forecast(row, metrics[row.metric]) for row in rows if row.metric in metrics and row.low < row.high
    ]


def _forecast(row: Forecast, metric: Metric) -> go.Figure:
    """The forecast of one metric: this time with chance (grey), and the long-run mean of the true plant (blue)."""
    margin = {"l": 8, "r": 8, "t": 46, "b": 28}
    figure = go.Figure(layout=theme.figure_layout(164, margin=margin))
    sides = (
        ("this time", row.low, row.high, 1.0, BAR),
        ("long run", row.long_low, row.long_high, 0.0, theme.PROPOSED),
    )
    for name, low, high, y, colour in sides:
        figure.add_scatter(
            x=[low, high], y=[y, y], mode="lines", line={"color": colour, "width": 10},
            hovertemplate=f"{name}: 90 % {words.interval(low, high, metric.digits, sign=False)}<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=row.mean, line={"color": theme.INK, "width": 2})
    share = f"{100 * row.share:.0f} % of the variance is model uncertainty"
    mostly = f", mostly {row.source}" if row.source else ""
    title = f"<b>{metric.title}</b>  {words.amount(row.mean, metric.unit, metric.digits)}"
    headings(figure, title, f"{share}{mostly}")
    ticks = {"tickvals": [0, 1], "ticktext": ["long run  ", "this time  "], "range": [-0.6, 1.6]}
    figure.update_yaxes(theme.axis(showgrid=False, tickfont={"size": 13, "color": theme.INK}, **ticks))
    ends = [end for end in (row.low, row.high, row.long_low, row.long_high, row.mean) if np.isfinite(end)]
    room = 0.05 * (max(ends) - min(ends))
    span = {"range": [min(ends) - room, max(ends) + room]}
    figure.update_xaxes(theme.axis(ticksuffix=f" {metric.unit}".rstrip(), nticks=6, **span))
    return figure

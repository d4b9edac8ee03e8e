"""Figures of a recommendation (SVG traces only)."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from scipy import stats

from controllers.recommendation import Candidate, Effect, Estimate, Knob, LostHours
from dashboard.figures import theme
from dashboard.figures.intervals import Row, mark
from dashboard.text import words
from twin.types import Json


def effects(rows: Sequence[Effect]) -> go.Figure:
    """The change of each metric with its 90 % interval; each row has its own scale, with zero in the middle."""
    figure = go.Figure(
        layout=theme.figure_layout(30 + 58 * len(rows), margin={"l": 8, "r": 8, "t": 24, "b": 6})
    )
    for number, row in enumerate(rows):
        low, high = row.change.low, row.change.high
        reach = 1.15 * max(abs(low), abs(high), abs(row.change.mean), 1e-9)
        verdict = theme.verdict_on(row.metric, low, high)
        mark(figure, Row(row.title, row.change.mean, low, high, verdict), 0.0, number=number)
        top, bottom = ((len(rows) - number - step) / len(rows) for step in (0, 1))
        across = theme.axis(range=[-reach, reach], anchor=theme.name_of("y", number), showticklabels=False)
        down = theme.axis(
            range=[-1, 1], domain=[bottom, top], anchor=theme.name_of("x", number), tickvals=[0]
        )
        label = {"ticktext": [row.title + "  "], "tickfont": {"size": 13, "color": theme.INK}}
        figure.update_layout(
            {
                theme.name_of("xaxis", number): across | {"showgrid": False},
                theme.name_of("yaxis", number): down | label | {"showgrid": False},
            }
        )
    _zero_line(figure)
    return figure


def gains(knobs: Sequence[Knob], unit: str) -> go.Figure:
    """The share of each knob in the gain, with its 90 % interval; unchanged knobs are left out."""
    rows = [(knob.title, knob.gain_share) for knob in knobs if knob.gain_share]
    return _ladder(rows, unit)


def candidates(rows: Sequence[Candidate], proposed: dict[str, float], unit: str) -> go.Figure:
    """The gains of the candidates with intervals, best first; the recommended one is in colour and bold."""
    ordered = sorted(rows, key=lambda row: -row.gain.mean)
    return _ladder(
        [(row.name, row.gain) for row in ordered],
        unit,
        [row.settings == proposed for row in ordered],
    )


def lost_hours(rows: Sequence[LostHours]) -> go.Figure:
    """User hours lost by cause: wide bars for the present settings, narrow ones for the proposal.

    The bar of the proposal is blue where it differs by more than a tenth.
    """
    rows = sorted(rows, key=lambda row: max(row.present, row.proposed))
    names = [row.title for row in rows]
    figure = go.Figure(layout=theme.figure_layout(40 + 32 * len(rows), barmode="overlay"))
    narrow = [theme.PROPOSED if _differs(row) else theme.PRESENT_INK for row in rows]
    for name, width, colour in (("present", 0.64, "#b9c0c5"), ("proposed", 0.24, narrow)):
        figure.add_bar(
            x=[getattr(row, name) for row in rows],
            y=names,
            orientation="h",
            width=width,
            name=name,
            marker={"color": colour},
            hovertemplate="%{y}<br>" + name + " %{x:.2f} h<extra></extra>",
        )
    for row in rows:
        present, proposed = words.number(row.present), words.number(row.proposed)
        figure.add_annotation(
            text=f"{present} → <b>{proposed}</b> h" if _differs(row) else f"{proposed} h",
            x=max(row.present, row.proposed),
            y=row.title,
            xanchor="left",
            xshift=6,
            showarrow=False,
            font={"size": 12, "color": theme.INK},
        )
    top = 1.32 * max([*(max(row.present, row.proposed) for row in rows), 1e-9])
    figure.update_xaxes(theme.axis(range=[0, top], ticksuffix=" h", nticks=6))
    figure.update_yaxes(
        theme.axis(showgrid=False, tickfont={"size": 13, "color": theme.INK}, ticksuffix="  ")
    )
    return figure


def budgets(rows: list[Json], across: int = 3) -> go.Figure:
    """Recovered ageing budgets against unit-exponential quantiles, one panel for each failure mode.

    The band contains each point with a probability of 90 % if the hazard model is true (the i-th of n uniform order
    statistics is Beta(i, n + 1 - i)). A mode whose model fails the tests has another colour and text.
    """
    deep = -(-len(rows) // across)
    figure = go.Figure(
        layout=theme.figure_layout(60 + 250 * deep, margin={"l": 32, "r": 8, "t": 24, "b": 28})
    )
    for number, row in enumerate(rows):
        _panel(figure, row, number, divmod(number, across), (deep, across))
    figure.add_annotation(
        text="horizontal: expected unit-exponential budget; vertical: recovered budget",
        x=0, y=0, xref="paper", yref="paper", xanchor="left", yanchor="top", showarrow=False,
        font={"size": 12, "color": theme.QUIET},
    )  # fmt: skip
    return figure


def _panel(figure: go.Figure, row: Json, number: int, place: tuple[int, int], size: tuple[int, int]) -> None:
    """One mode's quantile-quantile plot in its cell of the grid."""
    n = len(row["budgets"])
    rank = np.arange(1, n + 1)
    expected = -np.log1p(-(rank - 0.5) / n)
    low, high = (-np.log1p(-stats.beta.ppf(p, rank, n + 1 - rank)) for p in (0.05, 0.95))
    on = {"xaxis": theme.name_of("x", number), "yaxis": theme.name_of("y", number)}
    figure.add_scatter(
        x=[*expected, *expected[::-1]], y=[*low, *high[::-1]], fill="toself", fillcolor=theme.GRID,
        line={"width": 0}, mode="lines", hoverinfo="skip", **on,
    )  # fmt: skip
    colour = theme.WORSE if row["fails"] else theme.PRESENT_INK
    figure.add_scatter(
        x=expected.tolist(), y=sorted(row["budgets"]), mode="markers", **on,
        marker={"color": colour, "size": 6, "symbol": "diamond" if row["fails"] else "circle"},
        hovertemplate="%{y:.2f} where %{x:.2f} is expected<extra></extra>",
    )  # fmt: skip
    top, bottom = (1.0 - (place[0] + step) / size[0] for step in (0.12, 0.86))
    left, right = ((place[1] + step) / size[1] for step in (0.0, 0.86))
    word = "fails" if row["fails"] else "fits"
    figure.add_annotation(
        text=f"<b>{row['mode']}</b>  {n} budgets, {word} (p = {min(row['exponential'], row['trend']):.2g})",
        x=left, y=top, xref="paper", yref="paper", xanchor="left", yanchor="bottom", showarrow=False,
        font={"size": 12, "color": colour},
    )  # fmt: skip
    figure.update_layout(
        {
            theme.name_of("xaxis", number): theme.axis(domain=[left, right], anchor=on["yaxis"], nticks=5),
            theme.name_of("yaxis", number): theme.axis(domain=[bottom, top], anchor=on["xaxis"], nticks=5),
        }
    )


def _differs(row: LostHours) -> bool:
    return abs(row.proposed - row.present) > 0.1 * row.present


def _ladder(rows: list[tuple[str, Estimate]], unit: str, chosen: list[bool] | None = None) -> go.Figure:
    """Rows of names and intervals on one scale, with a zero line."""
    figure = go.Figure(layout=theme.figure_layout(46 + 36 * len(rows)))
    for place, (name, gain) in enumerate(reversed(rows)):
        verdict = theme.verdict_on("gain", gain.low, gain.high)
        marked = chosen is None or chosen[len(rows) - 1 - place]
        mark(figure, Row(name, gain.mean, gain.low, gain.high, verdict), place, faded=not marked)
    labels = [f"<b>{name}</b>" if chosen and chosen[i] else name for i, (name, _) in enumerate(rows)]
    figure.update_yaxes(
        theme.axis(
            tickvals=list(range(len(rows))),
            ticktext=[f"{label}  " for label in reversed(labels)],
            range=[-0.6, len(rows) - 0.4],
            showgrid=False,
            tickfont={"size": 13, "color": theme.INK},
        )
    )
    low = min([0.0, *(gain.low for _, gain in rows)])
    high = max([0.0, *(gain.high for _, gain in rows)])
    room = 0.08 * (high - low or 1.0)
    figure.update_xaxes(theme.axis(range=[low - room, high + room], ticksuffix=f" {unit}", nticks=6))
    figure.add_vline(x=0, line={"color": theme.QUIET, "width": 1}, layer="below")
    return figure


def _zero_line(figure: go.Figure) -> None:
    """A vertical line at zero through all rows."""
    figure.add_shape(
        type="line",
        x0=0.5,
        x1=0.5,
        y0=0,
        y1=1,
        xref="paper",
        yref="paper",
        layer="below",
        line={"color": theme.QUIET, "width": 1},
    )
    figure.add_annotation(
        text="no change",
        x=0.5,
        y=1,
        xref="paper",
        yref="paper",
        yanchor="bottom",
        yshift=2,
        showarrow=False,
        font={"size": 12, "color": theme.QUIET},
    )

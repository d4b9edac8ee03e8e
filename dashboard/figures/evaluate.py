"""Figures of an off-policy evaluation: the estimated gain over the operators, and the promised quantities."""

import plotly.graph_objects as go

from controllers.off_policy.estimate import BROKEN
from dashboard.app.analyses.evaluate import Answer
from dashboard.figures import theme
from dashboard.figures.intervals import Row, ladder
from dashboard.text import words


def gains(answer: Answer) -> go.Figure | None:
    """Each estimate of the gain with its interval, also that of the twin if there is one; None without any."""
    rows = [_row(name, g.mean, g.low, g.high) for name, g in answer.found.gains.items()]
    if (twin := answer.by_the_twin) is not None:
        rows.append(_row("by the twin", twin["mean"], twin["low"], twin["high"]))
    return ladder(rows, "%", 0.0, "as operators did", room=190) if rows else None


def _row(name: str, mean: float, low: float, high: float) -> Row:
    note = f"<b>{words.number(mean, 2, sign=True)}</b>  ({words.interval(low, high)})"
    return Row(name, mean, low, high, theme.verdict_on("gain", low, high), note)


def promises(answer: Answer) -> go.Figure | None:
    """Share of the epochs in which a promised quantity is outside its bound: operators and candidate."""
    rows = answer.found.promises
    if not rows:
        return None
    figure = go.Figure(
        layout=theme.figure_layout(76 + 34 * len(rows), margin={"l": 8, "r": 8, "t": 24, "b": 28})
    )
    for key, colour, size in (("before", theme.PRESENT, 14), ("after", theme.PROPOSED, 10)):
        figure.add_scatter(
            x=[100.0 * getattr(p, key) for p in rows], y=list(range(len(rows))), mode="markers",
            marker={"size": size, "color": colour, "symbol": ["diamond" if p.broken else "circle" for p in rows]},
            hovertemplate="%{x:.1f} %<extra></extra>", cliponaxis=False,
        )  # fmt: skip
    ticks = {"tickvals": list(range(len(rows))), "ticktext": [f"{p.name}  " for p in rows]}
    look = {"range": [len(rows) - 0.4, -0.6], "tickfont": {"size": 13, "color": theme.INK}}
    figure.update_yaxes(theme.axis(showgrid=True, **ticks, **look))
    most = max([10.0, *(100.0 * share for p in rows for share in (p.before, p.after) if share == share)])
    figure.update_xaxes(theme.axis(range=[0, 1.05 * most], ticksuffix=" %", nticks=8))
    figure.add_vline(x=100.0 * BROKEN, line={"color": theme.QUIET, "width": 1}, layer="below")
    figure.add_annotation(
        text="allowed", x=100.0 * BROKEN, y=1, yref="paper", yanchor="bottom", yshift=2, showarrow=False,
        font={"size": 12, "color": theme.QUIET},
    )  # fmt: skip
    return figure

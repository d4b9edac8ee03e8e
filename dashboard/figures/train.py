"""Figures of a trained model: skill against the best baseline, and coverage of its intervals."""

import plotly.graph_objects as go

from dashboard.figures import theme
from dashboard.figures.intervals import Row, ladder
from twin.types import Json

NOMINAL = 90.0


def skill(card: Json) -> go.Figure:
    """Error of the model minus that of the best baseline, in % of the latter, on later time; below zero is better."""
    rows = []
    for r in card["skill"]:
        scale = 100.0 / abs(r["baseline"]) if r["baseline"] else 0.0
        low, high = scale * r["low"], scale * r["high"]
        verdict = "better" if high < 0 else "worse" if low > 0 else "unsure"
        against = f"{r['baseline']:.3g} ({r['baseline_name']}), n = {r['n']}"
        note = f"{r['score_name']} <b>{r['model']:.3g}</b> against {against}"
        rows.append(Row(r["target"], scale * (r["model"] - r["baseline"]), low, high, verdict, note))
    return ladder(rows, "%", 0.0, "best baseline", room=400)


def coverage(card: Json) -> go.Figure | None:
    """Share of later measurements in their 90 % interval: as calibrated (grey) and following drift (blue)."""
    rows = card.get("coverage_by_region") or []
    if not rows:
        return None
    margin = {"l": 8, "r": 110, "t": 24, "b": 28}
    figure = go.Figure(layout=theme.figure_layout(76 + 30 * len(rows), margin=margin))
    sides = (
        ("calibrated", "as calibrated", theme.PRESENT, 13),
        ("adapted", "following drift", theme.PROPOSED, 9),
    )
    for key, name, colour, size in sides:
        shares = [None if r[key] is None else 100.0 * r[key] for r in rows]
        figure.add_scatter(
            x=shares, y=list(range(len(rows))), mode="markers", marker={"size": size, "color": colour},
            hovertemplate=f"{name}: %{{x:.1f}} %<extra></extra>",
        )  # fmt: skip
    for place, r in enumerate(rows):
        figure.add_annotation(
            text=f"{r['n']} values", x=1, xref="paper", xanchor="left", xshift=12, y=place, showarrow=False,
            font={"size": 12, "color": theme.QUIET},
        )  # fmt: skip
    names = [f"{r['target']}, {r['region']}  " for r in rows]
    ticks = {"tickvals": list(range(len(rows))), "ticktext": names, "range": [len(rows) - 0.4, -0.6]}
    figure.update_yaxes(theme.axis(showgrid=True, tickfont={"size": 13, "color": theme.INK}, **ticks))
    shares = [100.0 * r[key] for r in rows for key in ("calibrated", "adapted") if r[key] is not None]
    figure.update_xaxes(theme.axis(range=[min([75.0, *shares]) - 2.0, 101.0], ticksuffix=" %", nticks=8))
    figure.add_vline(x=NOMINAL, line={"color": theme.QUIET, "width": 1}, layer="below")
    figure.add_annotation(
        text="nominal", x=NOMINAL, y=1, yref="paper", yanchor="bottom", yshift=2, showarrow=False,
        font={"size": 12, "color": theme.QUIET},
    )  # fmt: skip
    return figure

"""Figures over time: the replayed weeks with their outages, and the trends of channels."""

from collections.abc import Sequence, Set
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from tsdownsample import MinMaxDownsampler

from controllers.recommendation import Outage, Timeline
from dashboard.figures import theme
from dashboard.text import words
from twin.types import Json

POINTS = 2000  # about the width of a screen; SVG stays fast
LANES = 9


def replay_timeline(replay: Timeline, titles: dict[str, str], start: datetime | None) -> go.Figure:
    """Outages over the replayed weeks, one lane for each cause: the record above, the proposal below.

    The proposal is blue in the lanes in which it changes the number of outages.
    """
    sides = {
        "record": _closed(replay.record, replay),
        "counterfactual": _closed(replay.counterfactual, replay),
    }
    names = _lane_names(sides, titles)
    lanes = _lanes(sides, names)
    counts = {
        lane: [sum(names[row.process] == lane for row in rows) for rows in sides.values()] for lane in lanes
    }
    differ = {lane: place for lane, place in lanes.items() if counts[lane][0] != counts[lane][1]}
    same = {lane: place for lane, place in lanes.items() if lane not in differ}
    margin = {"l": 8, "r": 128, "t": 8, "b": 28}
    figure = go.Figure(layout=theme.figure_layout(60 + 44 * len(lanes), margin=margin))
    for side, name, shown, offset, colour in (
        ("record", "record", lanes, 0.17, "#6d767d"),
        ("counterfactual", "with the proposal, same number", same, -0.17, "#a9b0b5"),
        ("counterfactual", "with the proposal", differ, -0.17, theme.PROPOSED),
    ):
        figure.add_scatter(
            **_outages(sides[side], shown, names, offset, start),
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 9},
            # The tick keeps an outage of minutes visible on a scale of weeks.
            marker={
                "symbol": "line-ns-open",
                "size": 9,
                "color": colour,
                "line": {"width": 2, "color": colour},
            },
            hovertemplate="%{text}<extra></extra>",
            connectgaps=False,
        )
    for lane, place in lanes.items():
        _count(figure, place, *counts[lane])
    ends = [moment_of(replay.from_h, start), moment_of(replay.to_h, start)]
    figure.update_xaxes(theme.axis(range=ends, tickformat="%d %b" if start else ""))
    ticks = {"tickvals": list(lanes.values()), "ticktext": [f"{lane}  " for lane in lanes]}
    size = {"range": [-0.6, len(lanes) - 0.4], "tickfont": {"size": 13, "color": theme.INK}}
    figure.update_yaxes(theme.axis(showgrid=False, **ticks, **size))
    for place in range(1, len(lanes)):
        figure.add_hline(y=place - 0.5, line={"color": theme.GRID, "width": 1}, layer="below")
    return figure


def _count(figure: go.Figure, place: int, recorded: int, proposed: int) -> None:
    """The text at the end of a lane: numbers of outages recorded and with the proposal."""
    differs = recorded != proposed
    figure.add_annotation(
        text=f"{recorded} → <b>{proposed}</b> outages" if differs else f"{recorded}, unchanged",
        x=1,
        xref="paper",
        xanchor="left",
        xshift=12,
        y=place,
        showarrow=False,
        font={"size": 12, "color": theme.INK if differs else theme.QUIET},
    )


def trends(
    trend: dict[str, Json], titles: dict[str, str], units: dict[str, str], held: Set[str] = frozenset()
) -> go.Figure:
    """One panel for each channel over the same hours, reduced to about 2,000 points with minima and maxima kept.

    A ``held`` channel records changes only: it is drawn in steps, with its last value held to the end.
    """
    names = [name for name, data in trend.items() if len(data["time_h"])]
    figure = go.Figure(layout=theme.figure_layout(40 + 78 * len(names), hovermode="closest"))
    last = max((trend[name]["time_h"][-1] for name in names), default=0.0)
    for number, name in enumerate(names):
        time_h, value = reduced(trend[name]["time_h"], trend[name]["value"])
        if name in held and value:
            time_h, value = [*time_h, last], [*value, value[-1]]
        figure.add_scatter(
            x=[t - last for t in time_h],
            y=value,
            mode="lines",
            line={"color": theme.PRESENT_INK, "width": 1.2, "shape": "hv" if name in held else "linear"},
            name=titles.get(name, name),
            xaxis="x",
            yaxis=theme.name_of("y", number),
            hovertemplate="%{x:.1f} h: %{y:.5~g} " + units.get(name, "") + "<extra></extra>",
        )
        top, bottom = ((len(names) - number - step) / len(names) for step in (0.34, 1))
        figure.update_layout(
            {
                theme.name_of("yaxis", number): theme.axis(
                    domain=[bottom, top], anchor="x", nticks=3, tickformat="~s"
                )
            }
        )
        figure.add_annotation(
            text=f"<b>{titles.get(name, name)}</b>  {units.get(name, '')}",
            x=0,
            xref="paper",
            xanchor="left",
            y=top,
            yref="paper",
            yanchor="bottom",
            showarrow=False,
            font={"size": 12},
        )
    lowest = theme.name_of("y", max(len(names) - 1, 0))
    figure.update_layout(xaxis=theme.axis(anchor=lowest, ticksuffix=" h", nticks=8))
    return figure


def promises(rows: list[Json]) -> go.Figure:
    """Each decision's promised gain (grey, above) and what was realised (below), with 90 % intervals, newest on top.

    Hollow: undecided so far. The rows are those of ``Ledger.outcomes`` that have a realised gain.
    """
    figure = go.Figure(layout=theme.figure_layout(50 + 46 * len(rows)))
    for place, row in enumerate(rows):
        decided = row["verdict"] in ("kept", "more", "less", "harm")
        colour = theme.WORSE if row["verdict"] in ("less", "harm") else theme.PROPOSED
        sides = (("promised", 0.14, theme.PRESENT, True), ("realised", -0.14, colour, decided))
        for side, offset, shade, filled in sides:
            gain, y = row[side], place + offset
            figure.add_scatter(
                x=[gain["low"], gain["high"]], y=[y, y], mode="lines", hoverinfo="skip",
                line={"color": shade, "width": 4 if side == "promised" else 2},
            )  # fmt: skip
            figure.add_scatter(
                x=[gain["mean"]], y=[y], mode="markers",
                marker={"color": shade if filled else theme.PANEL, "size": 10,
                        "symbol": "diamond" if row["verdict"] in ("less", "harm") and side == "realised" else "circle",
                        "line": {"color": shade, "width": 2}},
                hovertemplate=f"{side} %{{x:+.2f}} %, 90 %: {words.interval(gain['low'], gain['high'])}<extra></extra>",
            )  # fmt: skip
    names = [f"entry {row['decision']}, {words.clock(row['at'])[:11]}  " for row in rows]
    ticks = {"tickvals": list(range(len(rows))), "ticktext": names, "range": [-0.6, len(rows) - 0.4]}
    figure.update_yaxes(theme.axis(showgrid=False, tickfont={"size": 13, "color": theme.INK}, **ticks))
    ends = [
        0.0,
        *(row[side][end] for row in rows for side in ("promised", "realised") for end in ("low", "high")),
    ]
    room = 0.04 * (max(ends) - min(ends))
    figure.update_xaxes(theme.axis(range=[min(ends) - room, max(ends) + room], ticksuffix=" %", nticks=8))
    figure.add_vline(x=0, line={"color": theme.QUIET, "width": 1}, layer="below")
    return figure


def reduced(
    time_h: list[float], value: list[float], points: int = POINTS
) -> tuple[list[float], list[float | None]]:
    """At most ``points`` finite samples, with the minimum and maximum of each bin; None marks a gap."""
    time, values = np.asarray(time_h, float), np.array(value, float)
    finite = np.flatnonzero(np.isfinite(values) & np.isfinite(time))
    keep = finite
    if finite.size > points:
        chosen = MinMaxDownsampler().downsample(np.ascontiguousarray(values[finite]), n_out=points // 2 * 2)
        keep = finite[np.asarray(chosen, dtype=np.int64)]
    gaps = np.cumsum(~np.isfinite(values))
    times: list[float] = []
    kept: list[float | None] = []
    for before, index in zip([None, *keep[:-1]], keep, strict=False):
        if before is not None and gaps[index] > gaps[before]:
            times.append(float(time[before]))
            kept.append(None)
        times.append(float(time[index]))
        kept.append(float(values[index]))
    return times, kept


def moment_of(hours: float, start: datetime | None) -> Any:
    """Hours since the start of the log as a date; unchanged if the start is not known."""
    return (start + timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S") if start else hours


class Bar(NamedTuple):
    """An outage as it is drawn."""

    process: str
    start_h: float
    end_h: float


def _closed(rows: Sequence[Outage], replay: Timeline) -> list[Bar]:
    """The outages of one side; an outage without an end lasts until the end of the replay."""
    return [Bar(row.process, row.start_h, replay.to_h if row.end_h is None else row.end_h) for row in rows]


def _lane_names(sides: dict[str, list[Bar]], titles: dict[str, str]) -> dict[str, str]:
    """The lane of each process: the units of one mode share one ('rf.klystron.3' and '.1': rf.klystron)."""
    stems = {_stem(process): title.rstrip(" 0123456789") for process, title in titles.items()}
    found = {row.process for rows in sides.values() for row in rows}
    return {
        process: titles.get(_stem(process)) or stems.get(_stem(process)) or _stem(process)
        for process in found
    }


def _stem(process: str) -> str:
    stem, _, last = process.rpartition(".")
    return stem if last.isdigit() else process


def _lanes(sides: dict[str, list[Bar]], names: dict[str, str]) -> dict[str, int]:
    """The lanes with the most outage hours, the worst on top."""
    hours: dict[str, float] = {}
    for row in [row for rows in sides.values() for row in rows]:
        lane = names[row.process]
        hours[lane] = hours.get(lane, 0.0) + row.end_h - row.start_h
    worst = sorted(hours, key=lambda lane: -hours[lane])[:LANES]
    return {lane: len(worst) - 1 - place for place, lane in enumerate(worst)}


def _outages(
    rows: list[Bar], lanes: dict[str, int], names: dict[str, str], offset: float, start: datetime | None
) -> dict[str, list[Any]]:
    """Segments separated by None, so that plotly draws many lines in one trace."""
    x: list[Any] = []
    y: list[float | None] = []
    text: list[str] = []
    for row in rows:
        lane = names[row.process]
        if lane not in lanes:
            continue
        x += [moment_of(row.start_h, start), moment_of(row.end_h, start), None]
        y += [lanes[lane] + offset, lanes[lane] + offset, None]
        text += [f"{lane} ({row.process}): {words.duration(row.end_h - row.start_h)}"] * 2 + [""]
    return {"x": x, "y": y, "text": text}

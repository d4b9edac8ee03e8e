"""Figures of twin and record over time: quantities with their residuals, and counts of samples."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.app.analyses.replay import Replayed
from dashboard.figures import theme, timelines
from dashboard.text import words
from replay_data.replay import Beside, Residual

TOP, STRIP, GAP, HEAD = (
    170,
    74,
    14,
    46,
)  # px of a quantity's panel, of its residuals, between the two, above both
LINE = 150  # px of a beamline's panel
BAND = "rgba(20, 86, 143, 0.16)"
BREAK = 10.0  # a line is broken where rows are so many usual intervals apart


def besides(found: Replayed) -> go.Figure:
    """Record and twin: for each quantity a panel and its residuals, for each beamline a panel; one time axis."""
    facility = found.twin.facility
    lines = [b for b in facility.beamline if b.name in found.counters or found.fact is not None]
    tall = [h for _ in facility.quantity for h in (HEAD + TOP, GAP + STRIP)] + [HEAD + LINE] * len(lines)
    page = _Page(found, tall)
    for quantity in facility.quantity:
        rows, judged = found.beside[quantity.name], found.residuals[quantity.name]
        unit = words.unit_of(quantity.unit)
        _quantity(page, rows, unit, f"<b>{quantity.title}</b>  {unit}", residual_text(judged, unit, found))
        _strip(page, rows, judged)
    for b, line in enumerate(facility.beamline):
        if line in lines:
            _samples(page, b, line.name, line.title)
    return page.done()


def residual_text(r: Residual, unit: str, found: Replayed) -> str:
    """The residuals of a quantity as one line of text."""
    if not r.rows:
        return "no measurements"
    change, low, high = r.drift
    parts = [f"record − twin: bias {_g(r.bias, True)} {unit}".rstrip(), f"mean error {_g(r.mae)}"]
    parts.append(
        f"{100 * r.coverage:.0f} % in the 90 % band, {_g(r.width)} wide"
        if r.coverage == r.coverage
        else "no interval known"
    )
    if change == change:
        duration = words.duration(found.to_h - found.judged_from_h)
        parts.append(f"drift {_g(change, True)} ({_g(low, True)} … {_g(high, True)}) in these {duration}")
    return f"{',  '.join(parts)};  {r.rows} {'hours' if found.view is not None else 'rows'}"


def _g(value: float, sign: bool = False) -> str:
    return f"{value:{'+' if sign else ''}.3g}".replace("-", "−")


class _Page:
    """A figure of panels of given heights [px], stacked over one time axis."""

    def __init__(self, found: Replayed, tall: list[int]) -> None:
        margin = {"l": 62, "r": 14, "t": 8, "b": 34}
        self.found, self.tall, self.number, self.above = found, tall, -1, 0
        self.whole = sum(tall)
        height = self.whole + margin["t"] + margin["b"]
        self.figure = go.Figure(layout=theme.figure_layout(height, margin=margin, hovermode="closest"))
        self.start = words.moment(found.start)

    def panel(self, room: int, **axis: Any) -> dict[str, str]:
        """Add the next panel, ``room`` px below the last one; return the axes for its traces."""
        self.number += 1
        top = 1.0 - (self.above + room) / self.whole
        self.above += self.tall[self.number]
        y = theme.name_of("y", self.number)
        domain = [1.0 - self.above / self.whole, top]
        look = {"domain": domain, "anchor": "x", "nticks": 5, "exponentformat": "power"} | axis
        self.figure.update_layout({theme.name_of("yaxis", self.number): theme.axis(**look)})
        self.top = top
        return {"xaxis": "x", "yaxis": y}

    def title(self, text: str, note: str = "") -> None:
        """Add a title above the panel, and a note below the title."""
        for shift, line, colour in ((20, text, theme.INK), (3, note, theme.QUIET)):
            self.figure.add_annotation(
                text=line, x=0, xref="paper", xanchor="left", y=self.top, yref="paper", yanchor="bottom",
                yshift=shift, showarrow=False, font={"size": 13 if shift > 3 else 12, "color": colour},
            )  # fmt: skip

    def at(self, hours: np.ndarray) -> list[Any]:
        """Hours of the log as values of the axis: dates, if the start of the log is known."""
        return [timelines.moment_of(float(hour), self.start) for hour in hours]

    def done(self) -> go.Figure:
        """The figure with its time axis and, if residuals begin later, a line at the end of training."""
        found = self.found
        last = theme.name_of("y", self.number)
        ends = self.at(np.array([found.from_h, found.to_h]))
        shape = theme.axis(range=ends, anchor=last, nticks=9) | (
            {"tickformat": "%d %b<br>%H:%M"} if self.start else {}
        )
        self.figure.update_layout(xaxis=shape)
        if found.judged_from_h > found.from_h:
            x = self.at(np.array([found.judged_from_h]))[0]
            self.figure.add_shape(
                type="line",
                x0=x,
                x1=x,
                y0=0,
                y1=1,
                yref="paper",
                line={"color": theme.INK, "width": 1, "dash": "dot"},
            )
            self.figure.add_annotation(
                text="trained until here ", x=x, y=1, yref="paper", xanchor="right", yanchor="top", showarrow=False,
                font={"size": 12, "color": theme.INK},
            )  # fmt: skip
        return self.figure


def broken(hour: np.ndarray, *columns: np.ndarray) -> list[np.ndarray]:
    """The rows with NaN inserted where they are far apart, so that no line is drawn across the gap."""
    if hour.size < 3:
        return [hour, *columns]
    steps = np.diff(hour)
    far = np.flatnonzero(steps > BREAK * np.median(steps)) + 1
    return [
        np.insert(hour, far, (hour[far - 1] + hour[far]) / 2),
        *(np.insert(c, far, np.nan) for c in columns),
    ]


def _quantity(page: _Page, seen: Beside, unit: str, title: str, note: str) -> None:
    """Record as dots (hollow where not judged, orange where outside the band), the twin as a line in its band."""
    on = page.panel(HEAD, range=_range(seen))
    page.title(title, note)
    _band(page, seen, on)
    out = seen.judged & ((seen.value < seen.low) | (seen.value > seen.high))
    idle = np.isfinite(seen.value) & ~seen.judged
    _dots(page, seen.hour[idle], seen.value[idle], "circle-open", theme.PRESENT, on)
    _dots(
        page, seen.hour[seen.judged & ~out], seen.value[seen.judged & ~out], "circle", theme.PRESENT_INK, on
    )
    _dots(page, seen.hour[out], seen.value[out], "diamond", theme.WORSE, on)
    hour, mean = broken(seen.hour, seen.mean)
    page.figure.add_scatter(
        x=page.at(hour), y=mean, mode="lines", line={"color": theme.PROPOSED, "width": 1.4, "shape": "hvh"},
        hovertemplate="twin %{y:.5~g} " + unit + "<extra></extra>", **on,
    )  # fmt: skip


def _band(page: _Page, seen: Beside, on: dict[str, str]) -> None:
    """The twin's interval, a polygon for each stretch of rows that have one."""
    hour, low, high = broken(seen.hour, seen.low, seen.high)
    ends = np.flatnonzero(np.diff(np.r_[False, np.isfinite(low), False]))
    x: list[Any] = []
    y: list[float | None] = []
    for a, b in ends.reshape(-1, 2):
        x += [*page.at(np.r_[hour[a:b], hour[a:b][::-1]]), None]
        y += [*low[a:b].tolist(), *high[a:b][::-1].tolist(), None]
    page.figure.add_scatter(
        x=x, y=y, mode="lines", line={"width": 0}, fill="toself", fillcolor=BAND, hoverinfo="skip", **on
    )


def _dots(
    page: _Page, hour: np.ndarray, value: np.ndarray, symbol: str, colour: str, on: dict[str, str]
) -> None:
    size = 4.5 if hour.size < 400 else 3.0
    look = {"symbol": symbol, "size": size, "color": colour, "line": {"width": 1, "color": colour}}
    page.figure.add_scatter(
        x=page.at(hour), y=value, mode="markers", marker=look, hovertemplate="%{y:.5~g}<extra></extra>", **on
    )


def _range(seen: Beside) -> list[float]:
    """The range of the axis: it contains the record and the twin, and of a wide band the part near them."""
    shown = np.concatenate([seen.value, seen.mean])
    shown = shown[np.isfinite(shown)]
    if not shown.size:
        return [0.0, 1.0]
    least, most = float(shown.min()), float(shown.max())
    room = 0.08 * (most - least) or 0.05 * abs(most) or 1.0
    return [least - room, most + room]


def _strip(page: _Page, seen: Beside, judged: Residual) -> None:
    """Record minus twin, and the fitted line of the drift."""
    found = page.found
    rows = seen.judged & (seen.hour >= found.judged_from_h)
    on = page.panel(GAP, nticks=4, zeroline=True, zerolinecolor=theme.QUIET)
    _dots(page, seen.hour[rows], (seen.value - seen.mean)[rows], "circle", theme.PRESENT, on)
    change = judged.drift[0]
    if change == change:
        ends = np.array([found.judged_from_h, found.to_h])
        middle = float(((seen.hour[rows] - ends[0]) / (ends[1] - ends[0])).mean())
        line = judged.bias + change * (np.array([0.0, 1.0]) - middle)
        page.figure.add_scatter(
            x=page.at(ends), y=line, mode="lines", line={"color": theme.PROPOSED, "width": 1.6, "dash": "dash"},
            hoverinfo="skip", **on,
        )  # fmt: skip


def _samples(page: _Page, b: int, name: str, title: str) -> None:
    """Samples since the start of the window, recorded and simulated."""
    found, ends = page.found, []
    on = page.panel(HEAD, rangemode="tozero")
    recorded = found.counters.get(name)
    if recorded is not None:
        hour, count = _corners(*recorded)
        _line(page, hour, count, theme.PRESENT_INK, "recorded", on)
        ends.append(f"{count[-1]:,.0f} recorded")
    if found.fact is not None:
        hour, count = found.fact.at_h, found.fact.done[:, b]
        _line(page, hour, count, theme.PROPOSED, "twin", on)
        ends.append(f"{count[-1]:,.0f} by the twin")
        if found.view is not None and found.view.never_idle[b]:
            ends.append("which is never idle, because the log does not record experiments")
    page.title(f"<b>{title}</b>  samples since the window began", ", ".join(ends).replace(",0", "\u202f0"))


def _line(
    page: _Page, hour: np.ndarray, count: np.ndarray, colour: str, name: str, on: dict[str, str]
) -> None:
    page.figure.add_scatter(
        x=page.at(hour), y=count, mode="lines", line={"color": colour, "width": 2},
        hovertemplate=f"{name} %{{y:.0f}}<extra></extra>", **on,
    )  # fmt: skip


def _corners(hour: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and last time of each value of a counter, which are enough to draw it."""
    new = np.r_[True, np.diff(count) != 0]
    keep = new | np.r_[new[1:], True]
    return hour[keep], count[keep]

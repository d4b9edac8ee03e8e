"""Colours, fonts and layout of figures: a grey base, colour only for abnormal or changed values (ISA-101)."""

from typing import Any

INK = "#1d2327"
QUIET = "#4a535a"
LINE = "#c6cbcf"
GRID = "#d8dcdf"
PANEL = "#eff1f2"
PRESENT = "#8d969d"  # present state
PRESENT_INK = "#5b646b"
PROPOSED = "#14568f"  # proposal: the only accent colour
WORSE = "#8a4b00"  # never alone: always with a symbol and a word

FONT = "Inter, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif"

LESS_IS_BETTER = (
    "failures",
    "lost",
    "no_beam",
    "low_beam",
    "low_current",
    "distort",
    "mttr",
    "mean_outage",
    "down",
)


def less_is_better(metric: str) -> bool:
    """Whether a smaller value of this metric is the good direction."""
    return metric.startswith(LESS_IS_BETTER)


def verdict_on(metric: str, low: float, high: float) -> str:
    """'better', 'worse' or 'unsure' for a 90 % interval low..high of a change."""
    if less_is_better(metric):
        low, high = -high, -low
    if low > 0:
        return "better"
    return "worse" if high < 0 else "unsure"


def colour_of(verdict: str) -> str:
    """The colour of a verdict; symbol and text show the verdict too."""
    return {"better": PROPOSED, "worse": WORSE}.get(verdict, PRESENT_INK)


def figure_layout(height: int, **more: Any) -> dict[str, Any]:
    """The layout of all figures: transparent, without legend."""
    base = {
        "template": {},
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 28},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": INK},
        "showlegend": False,
        "hoverlabel": {"bgcolor": "#ffffff", "bordercolor": LINE, "font": {"family": FONT, "color": INK}},
        "dragmode": False,
        "bargap": 0.35,
    }
    return base | more


def axis(**more: Any) -> dict[str, Any]:
    """An axis with grey ticks and a thin grid."""
    base = {
        "gridcolor": GRID,
        "linecolor": LINE,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"size": 12, "color": QUIET},
        "automargin": True,
        "fixedrange": True,
    }
    return base | more


def name_of(stem: str, number: int) -> str:
    """The name plotly gives the axis of a row: 'xaxis', 'xaxis2', ... or 'x', 'x2', ..."""
    return stem if number == 0 else f"{stem}{number + 1}"

"""Colours and type of the screen: a grey base, colour only for what matters (ISA-101)."""

from typing import Any

INK = "#1d2327"
QUIET = "#4a535a"
LINE = "#c6cbcf"
GRID = "#d8dcdf"
PANEL = "#eff1f2"
PRESENT = "#8d969d"  # what is
PRESENT_INK = "#5b646b"
PROPOSED = "#14568f"  # what could be: the one accent of the page
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
    """The colour that goes with a verdict; the symbol and the text say the same."""
    return {"better": PROPOSED, "worse": WORSE}.get(verdict, PRESENT_INK)


def figure_layout(height: int, **more: Any) -> dict[str, Any]:
    """The layout all figures share: transparent, calm, no legend box, no hover clutter."""
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
    """An axis with quiet ticks and a hairline grid."""
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

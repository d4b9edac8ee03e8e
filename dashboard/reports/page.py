"""A page of figures as one self-contained HTML file: a title, lines of text, and figures with headings."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import plotly.graph_objects as go

from dashboard.figures import theme

STYLE = f"""
body {{ margin: 0 auto; max-width: 1240px; padding: 18px 28px; background: {theme.PANEL}; color: {theme.INK};
  font: 14px/1.5 {theme.FONT}; }}
h1 {{ font-size: 20px; margin: 0; }} h2 {{ font-size: 15px; margin: 26px 0 0; }}
p {{ margin: 2px 0; color: {theme.QUIET}; max-width: 1180px; }}
.pair {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 8px 28px; }}
.pair > div {{ min-width: 0; }}
.key b {{ font-weight: 600; }} .twin {{ color: {theme.PROPOSED}; }} .out {{ color: {theme.WORSE}; }}
"""


class Section(NamedTuple):
    """Figures under a heading, side by side where there are several, with a note below the heading."""

    heading: str
    figures: Sequence[go.Figure]
    note: str = ""


def page(name: str, title: str, lines: Sequence[str], sections: Sequence[Section], key: str = "") -> str:
    """The page as HTML text with plotly.js inlined once. All texts are escaped except ``key``, which is HTML."""
    parts = [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(line)}</p>" for line in lines), key]
    drawn = 0
    for section in sections:
        if section.heading:
            parts.append(f"<h2>{escape(section.heading)}</h2>")
        if section.note:
            parts.append(f"<p>{escape(section.note)}</p>")
        figures = [_drawn(figure, first=drawn + i == 0) for i, figure in enumerate(section.figures)]
        drawn += len(figures)
        one = len(figures) == 1
        parts.append(figures[0] if one else f'<div class="pair">{"".join(map(_boxed, figures))}</div>')
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(name)}</title>'
        f"<style>{STYLE}</style></head>\n<body>{''.join(parts)}</body>\n</html>\n"
    )


def _boxed(text: str) -> str:
    return f"<div>{text}</div>"


def _drawn(figure: go.Figure, first: bool) -> str:
    config = {"displayModeBar": False, "responsive": True}
    return figure.to_html(full_html=False, include_plotlyjs=first, config=config)

"""A replay as one self-contained HTML file: twin beside record, outages, and the test of the hazard model."""

from html import escape
from typing import Any

import plotly.graph_objects as go

from dashboard.app.analyses.replay import Replayed, law_in_words
from dashboard.figures import theme
from dashboard.figures.operate import budgets
from dashboard.figures.replay import besides
from dashboard.figures.timelines import replay_timeline
from dashboard.text import words

STYLE = f"""
body {{ margin: 0 auto; max-width: 1240px; padding: 18px 28px; background: {theme.PANEL}; color: {theme.INK};
  font: 14px/1.5 {theme.FONT}; }}
h1 {{ font-size: 20px; margin: 0; }} h2 {{ font-size: 15px; margin: 26px 0 0; }}
p {{ margin: 2px 0; color: {theme.QUIET}; max-width: 1180px; }}
.key b {{ font-weight: 600; }} .twin {{ color: {theme.PROPOSED}; }} .out {{ color: {theme.WORSE}; }}
"""
KEY = (
    '<p class="key">● <b>record</b>, ○ where a setting moved or there was no steady beam (not judged) &nbsp; '
    '<span class="twin">— <b>twin</b>, shaded: its 90 % interval</span> &nbsp; '
    '<span class="out">◆ record outside it</span> &nbsp; below each: record minus twin, '
    '<span class="twin">- - drift</span></p>'
)


def document(found: Replayed) -> str:
    """The whole page as text, plotly.js inlined once."""
    facility = found.twin.facility
    span = f"{words.clock(found.start)} + {found.from_h:g} … {found.to_h:.4g} h"
    parts = [f"<h1>{escape(facility.title or facility.name)}: record and twin</h1>", f"<p>{span}</p>"]
    parts += [f"<p>{escape(law_in_words(found))}</p>", KEY, _drawn(besides(found), first=True)]
    for title, figure in _more(found):
        parts += [f"<h2>{escape(title)}</h2>", _drawn(figure)]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(facility.name)}: replay</title>'
        f"<style>{STYLE}</style></head>\n<body>{''.join(parts)}</body>\n</html>\n"
    )


def _drawn(figure: go.Figure, first: bool = False) -> str:
    return figure.to_html(full_html=False, include_plotlyjs=first, config={"displayModeBar": False})


def _more(found: Replayed) -> list[tuple[str, go.Figure]]:
    """Outages of record and twin, those of other worlds, and the recovered budgets; what there is of them."""
    if found.fact is None or not (found.faults or found.fact.outages):
        return []
    fact = found.fact
    same = f"Outages: recorded, and below by the twin ({fact.reproduced} of {fact.failures} failures at their hour)"
    figures = [(same, _outages(found, fact.outages))]
    for title, world, _ in found.worlds:
        figures.append(
            (f"Outages: recorded, and below the same luck with {title}", _outages(found, world.outages))
        )
    if fact.fit:
        rows = [{"mode": name, **fit._asdict(), "fails": fit.fails} for name, fit in fact.fit.items()]
        figures.append(("Does the hazard model fit? Recovered ageing budgets", budgets(rows)))
    return figures


def _outages(found: Replayed, other: list[dict[str, Any]]) -> go.Figure:
    titles = {name: name for name in found.twin.facility.process_names}
    timeline = {"record": found.faults, "counterfactual": other}
    return replay_timeline(
        {"from_h": found.from_h, "to_h": found.to_h, "timeline": timeline}, titles, found.start
    )

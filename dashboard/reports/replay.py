"""A replay as one self-contained HTML file: twin and record, outages, and the test of the hazard model."""

from typing import Any

import plotly.graph_objects as go

from controllers.recommendation import Timeline
from dashboard.app.analyses.replay import Replayed, law_in_words
from dashboard.figures.operate import budgets
from dashboard.figures.replay import besides
from dashboard.figures.timelines import replay_timeline
from dashboard.reports.page import Section, page
from dashboard.text import words

KEY = (
    '<p class="key">● <b>record</b>, ○ where a setting moved or there was no steady beam (not compared) &nbsp; '
    '<span class="twin">— <b>twin</b>, shaded: its 90 % interval</span> &nbsp; '
    '<span class="out">◆ record outside it</span> &nbsp; below each: record minus twin, '
    '<span class="twin">- - drift</span></p>'
)


def document(found: Replayed) -> str:
    """The whole page as text, plotly.js inlined once."""
    facility = found.twin.facility
    span = f"{words.clock(found.start)} + {found.from_h:g} … {found.to_h:.4g} h"
    sections = [Section("", [besides(found)])]
    sections += [Section(title, [figure]) for title, figure in _more(found)]
    title = f"{facility.title or facility.name}: record and twin"
    return page(f"{facility.name}: replay", title, [span, law_in_words(found)], sections, KEY)


def _more(found: Replayed) -> list[tuple[str, go.Figure]]:
    """Titles and figures of the outages, the counterfactuals and the recovered ageing budgets, where available."""
    if found.fact is None or not (found.faults or found.fact.outages):
        return []
    fact = found.fact
    counts = f"{fact.reproduced} of {fact.failures} failures at their hour"
    same = f"Outages: recorded (above) and simulated by the twin (below; {counts})"
    figures = [(same, _outages(found, fact.outages))]
    for title, changed, _ in found.counterfactuals:
        figures.append(
            (
                f"Outages: recorded (above) and with the same random events and {title} (below)",
                _outages(found, changed.outages),
            )
        )
    if fact.fit:
        rows = [{"mode": name, **fit._asdict(), "fails": fit.fails} for name, fit in fact.fit.items()]
        figures.append(("Does the hazard model fit? Recovered ageing budgets", budgets(rows)))
    return figures


def _outages(found: Replayed, other: list[dict[str, Any]]) -> go.Figure:
    titles = {name: name for name in found.twin.facility.process_names}
    timeline = Timeline.of(found.from_h, found.to_h, found.faults, other)
    return replay_timeline(timeline, titles, words.moment(found.start))

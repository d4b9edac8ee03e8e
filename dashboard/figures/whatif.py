"""Figures of a what-if: the change by each case, with intervals from runs on common random numbers."""

import plotly.graph_objects as go

from dashboard.app.analyses.whatif import Answer
from dashboard.figures import theme
from dashboard.figures.intervals import Row, ladder
from dashboard.text import words
from twin.outcome import METRICS, Metric

MAIN = ("useful_beam", "availability", "failures", "no_beam_h", "samples")


def changes(answer: Answer) -> list[tuple[Metric, go.Figure]]:
    """For each main metric that any case changes, a figure of the changes by case."""
    found = []
    for metric in [m for m in METRICS if m.name in MAIN]:
        rows = [_row(case, metric) for case in answer.cases[1:]]
        if any(row.low or row.high for row in rows):
            found.append((metric, ladder(rows, metric.unit, 0.0, "as it is", room=150)))
    return found


def _row(case, metric: Metric) -> Row:
    gain = case.changes[metric.name]
    value = words.amount(float(case.metrics[metric.name].mean()), metric.unit, metric.digits)
    change = words.number(gain.mean, metric.digits, sign=True)
    verdict = theme.verdict_on(metric.name, gain.low, gain.high)
    return Row(case.name, gain.mean, gain.low, gain.high, verdict, f"<b>{change}</b>, to {value}")

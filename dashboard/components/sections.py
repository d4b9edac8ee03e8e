"""The sections on a recommendation, for the page and the report."""

from collections.abc import Sequence
from typing import Any

from dash import html

from controllers.recommend import reasons
from controllers.recommendation import (
    Alternative,
    Knob,
    Limit,
    Predicted,
    RampStep,
    Recommendation,
    Skill,
    digest,
)
from dashboard.components import parts
from dashboard.figures import operate as figures
from dashboard.figures import timelines
from dashboard.text import words
from twin.outcome import meanings


def story(recommendation: Recommendation) -> list[html.Section]:
    """Details of the proposal: replay, lost hours, candidates, limits, when to begin, ramp."""
    made = [_replay, _lost_hours, _candidates, _limits, _when, _ramp]
    return [section for section in (make(recommendation) for make in made) if section is not None]


def effects(recommendation: Recommendation) -> html.Section | None:
    """Each metric with the present and proposed settings, and its change with the interval."""
    rows = recommendation.effects
    if not rows or recommendation.verdict != "change":
        return None
    cells = [
        [
            row.title,
            words.amount(row.present, words.unit_of(row.unit), row.digits),
            words.amount(row.proposed, words.unit_of(row.unit), row.digits),
            parts.change(row.metric, row.change, words.unit_of(row.unit), row.digits),
        ]
        for row in rows
    ]
    count = words.number(recommendation.evidence.runs, 0)
    runs = f"{count} paired runs on common random numbers; 90 % intervals."
    legend = "● surely better   ◆ surely worse   ○ the interval contains zero"
    columns = ["Over the horizon", "Present", "Proposed", "Change"]
    both = [
        parts.table("Expected effect", columns, cells, (1, 2, 3)),
        parts.graph(figures.effects(rows), "Change of each metric with its 90 % interval"),
    ]
    note = " ".join([runs, legend, *meanings(row.metric for row in rows)])
    return parts.card("Expected effect", html.Div(both, className="pair"), note=note)


def why(recommendation: Recommendation) -> html.Section:
    """The reasons as text, and the share of each setting in the gain."""
    content: list[Any] = [html.Ul([html.Li(sentence) for sentence in recommendation.why], className="why")]
    gaining = [knob for knob in recommendation.knobs if knob.gain_share]
    if gaining:
        figure = figures.gains(recommendation.knobs, parts.gain_unit(recommendation))
        content += [
            html.H3("Share of each setting in the gain"),
            parts.graph(figure, "Share of the gain of each setting"),
        ]
    return parts.card("Why", *content)


def _replay(recommendation: Recommendation) -> html.Section | None:
    replay = recommendation.replay
    if replay is None:
        return None
    names = {row.metric: (row.title, words.unit_of(row.unit)) for row in recommendation.effects}
    names |= {"lost_h": ("User time lost", "h"), "failures": ("Beam losses", "")}
    rows = []
    for row in replay.metrics:
        (title, unit), other = names.get(row.metric, (row.metric, "")), row.counterfactual
        span = f"90 %: {words.interval(other.low, other.high, 1, sign=False)}"
        recorded = words.amount(row.record, unit, 0 if row.metric == "failures" else 1)
        rows.append([title, recorded, parts.two_lines(words.amount(other.mean, unit, 1), span)])
    titles = {row.process: row.title for row in recommendation.lost_hours}
    figure = timelines.replay_timeline(
        replay.timeline, titles, words.moment(recommendation.evidence.log_start)
    )
    key = [html.Span(className="key record"), "above: the record  ", html.Span(className="key proposed")]
    content = [
        html.P(replay.summary, className="statement"),
        parts.table("Replay", ["The replayed weeks", "Record", "With the proposal"], rows, (1, 2)),
    ]
    lanes = [
        parts.graph(figure, "Outages by cause, the record and with the proposed settings"),
        html.P(
            [*key, "below: the same random events with the proposed settings, blue where the count changes"],
            className="note",
        ),
    ]
    columns = html.Div([html.Div(content), html.Div(lanes)], className="pair third")
    return parts.card("The last weeks again, with the proposed settings", columns, wide="span-12")


def _lost_hours(recommendation: Recommendation) -> html.Section | None:
    rows = recommendation.lost_hours
    if not rows:
        return None
    cells = [[row.title, words.number(row.present), words.number(row.proposed)] for row in rows]
    numbers = parts.table("Lost hours", ["Cause", "Present [h]", "Proposed [h]"], cells, (1, 2))
    return parts.card(
        "User hours lost, by cause",
        parts.graph(figures.lost_hours(rows), "Mean user hours lost by cause, present and proposed"),
        parts.as_table(numbers),
        note="Mean over the horizon. Wide: present; narrow: proposed, blue where it differs by a tenth.",
        wide="span-6",
    )


def _candidates(recommendation: Recommendation) -> html.Section | None:
    rows = recommendation.candidates
    if not rows:
        return None
    proposed = {knob.name: knob.proposed for knob in recommendation.knobs}
    unit = parts.gain_unit(recommendation)
    cells = [
        [
            row.name,
            _values(row.settings, recommendation.knobs),
            parts.gain(row.gain, unit),
            words.NONE if row.rank is None else str(row.rank),
        ]
        for row in rows
    ]
    return parts.card(
        "Candidates compared",
        parts.graph(
            figures.candidates(rows, proposed, unit), "Gain of each candidate with its 90 % interval"
        ),
        parts.as_table(parts.table("Candidates", ["Candidate", "Settings", "Gain", "Rank"], cells, (2, 3))),
        note="Gain over the present settings, 90 %. A sure small gain ranks before an unsure large one. "
        "Candidates that cannot be distinguished share a rank.",
        wide="span-6",
    )


def _values(values: dict[str, float], knobs: Sequence[Knob]) -> str:
    shown = [(knob, values[knob.name]) for knob in knobs if knob.name in values]
    return ", ".join(
        f"{knob.title} {words.amount(value, words.unit_of(knob.unit), knob.precision)}"
        for knob, value in shown
    )


def _limits(recommendation: Recommendation) -> html.Section | None:
    if not recommendation.limits:
        return None
    rows = [
        [
            row.title,
            _promise(row),
            _predicted(row.predicted, row.unit),
            _kept(row),
        ]
        for row in recommendation.limits
    ]
    numbers = parts.table("Promised limits", ["Promised", "Limit", "Predicted", "Promise"], rows, (1, 2))
    return parts.card("Promised limits", numbers, note="With the proposed settings.", wide="span-6")


def _predicted(of: Predicted | None, unit: str) -> Any:
    if of is None:
        return words.NONE
    span = "exact" if of.low is None else f"90 %: {words.interval(of.low, of.high, 2, sign=False)}"
    return parts.two_lines(words.amount(of.mean, words.unit_of(unit), 2), span)


def _promise(row: Limit) -> str:
    ends = [(sign, end) for sign, end in (("≥", row.low), ("≤", row.high)) if end is not None]
    unit = words.unit_of(row.unit)
    return " and ".join(f"{sign} {words.amount(value, unit, 2)}" for sign, value in ends)


def _kept(row: Limit) -> html.Span:
    """Kept if the whole interval is within the limit, at risk if only the mean is."""
    low, high, of = row.low, row.high, row.predicted
    if of is None:
        return parts.chip("▲ not known", "abnormal")

    def within(bottom: float, top: float) -> bool:
        return (low is None or bottom >= low) and (high is None or top <= high)

    if within(of.mean if of.low is None else of.low, of.mean if of.high is None else of.high):
        return parts.chip("● kept", "quiet")
    inside = within(of.mean, of.mean)
    return parts.chip("▲ at risk" if inside else "■ broken", "abnormal")


def _when(recommendation: Recommendation) -> html.Section | None:
    when, unit = recommendation.when, parts.gain_unit(recommendation)
    if when is None:
        return None
    rows = [_moment(row, unit, row.name == when.begin.name) for row in recommendation.moments]
    columns = ["Begin", "Gain over the horizon", "Users' time disturbed"]
    note = "Bold: recommended. Users' time is lost while a knob moves that disturbs them."
    return parts.card("When to begin", parts.table("When", columns, rows, (1, 2)), note=note, wide="span-6")


def _moment(row: Alternative, unit: str, advised: bool) -> list[Any]:
    name, disturbed = reasons.moment(row.name, row.at_h), f"{words.number(row.disturbed_h, 1)} h"
    return [html.Strong(name) if advised else name, parts.gain(row.gain, unit), disturbed]


def _ramp(recommendation: Recommendation) -> html.Section | None:
    steps = recommendation.ramp
    moved = [knob for knob in recommendation.knobs if knob.moves]
    if not steps or not moved:
        return None
    names = {row.name: row for row in recommendation.limits}
    promised = [names[name] for name in steps[0].expected if name in names]
    rows = [_step(step, moved, promised) for step in steps]
    columns = ["When", *(f"{knob.title} [{words.unit_of(knob.unit)}]" for knob in moved)]
    columns += [*(row.title for row in promised), "Failures a week", "Data"]
    numbers = parts.table("Ramp", columns, rows, tuple(range(1, len(columns) - 1)))
    note = "Steps that keep every ramp rate and interlock, each with the expected state at its end."
    return parts.card("Ramp", numbers, note=note, wide="span-12")


def _step(step: RampStep, moved: list[Knob], promised: list[Limit]) -> list[Any]:
    return [
        "now" if step.at_h == 0 else f"after {words.duration(step.at_h)}",
        *(words.number(step.settings.get(knob.name), knob.precision) for knob in moved),
        *(_predicted(step.expected[row.name], row.unit) for row in promised),
        words.number(step.failures_per_week, 1),
        step.support,
    ]


def grounds(recommendation: Recommendation) -> list[html.Section]:
    """The skill of the model, and the evidence needed to reproduce the recommendation."""
    sections = [_skill(recommendation.skill)] if recommendation.skill else []
    return [*sections, _evidence(recommendation)]


def _skill(skill: Sequence[Skill]) -> html.Section:
    rows = [
        [
            parts.two_lines(row.target, f"{row.kind}, {row.score_name}"),
            words.number(row.model, 3),
            parts.two_lines(words.number(row.baseline, 3), row.baseline_name),
            parts.chip("● better", "quiet") if row.better else parts.chip("○ not better", "plain"),
            words.number(row.n, 0),
        ]
        for row in skill
    ]
    columns = ["Predicts", "Model", "Best baseline", "", "Cases"]
    note = "Scores on later time that the model has not seen; smaller is better."
    return parts.card(
        "How good the model is", parts.table("Skill", columns, rows, (1, 2, 4)), note=note, wide="span-6"
    )


def _evidence(recommendation: Recommendation) -> html.Section:
    evidence, support = recommendation.evidence, recommendation.support
    pairs = [
        ("Log", evidence.log),
        ("Log SHA-256", html.Code(evidence.log_sha256)),
        ("Log covers", f"{words.clock(evidence.log_start)} to {words.clock(evidence.log_end)}"),
        ("Facility SHA-256", html.Code(evidence.facility_sha256)),
        ("Model", evidence.model_id),
        ("Model SHA-256", html.Code(evidence.model_sha256)),
        ("Seed, runs", f"{evidence.seed}, {evidence.runs}"),
        ("Distance to the logs", f"{support.distance:.2f} of at most {support.limit:.2f}"),
        (
            "Made, expires",
            f"{words.clock(recommendation.made_at)}, {words.clock(recommendation.expires_at)}",
        ),
        ("beamtwin", evidence.version),
        ("Recommendation", html.Code(digest(recommendation))),
    ]
    listed = [html.Div([html.Dt(label), html.Dd(value)]) for label, value in pairs]
    note = "Enough to reproduce this recommendation."
    return parts.card("Evidence", html.Dl(listed, className="evidence"), note=note, wide="span-6")

"""The top of the page: header, alerts, verdict and the table of settings."""

from datetime import datetime
from typing import Any

from dash import html

from controllers.recommendation import Effect, Knob, Recommendation
from dashboard.app import acceptance
from dashboard.components import parts
from dashboard.text import words
from surrogate import registry
from twin import UserError
from twin.types import Json

WORD = {"change": "Change", "hold": "Hold", "refuse": "No advice"}
COLUMNS = ("Setting", "Present", "Proposed", "Difference", "Limits", "Ramp", "Share of gain", "In the logs")
SUPPORT = {
    "inside": parts.chip("● inside", "quiet"),
    "edge": parts.chip("◐ edge", "plain"),
    "outside": parts.chip("▲ outside", "abnormal"),
}


def facts(recommendation: Recommendation | None, state: Json | None, now: datetime) -> list[Any]:
    """The header: mode, data and its age, model, range of the logs, expiry."""
    shown = [parts.fact("Mode", parts.chip("READ ONLY", "strong")), _data_fact(recommendation, state)]
    if recommendation is None:
        return shown
    support, left_h = recommendation.support, acceptance.expires_in_h(recommendation, now)
    side = "inside" if support.inside else "outside"
    text = f"{side} ({support.distance:.1f} of {support.limit:.1f})"
    ended = f"expired {words.duration(-left_h)} ago"
    return [
        *shown,
        _model_fact(recommendation),
        parts.fact("Range of the logs", text, not support.inside),
        parts.fact("Good for", words.duration(left_h) if left_h > 0 else ended, left_h <= 0),
    ]


def _model_fact(recommendation: Recommendation) -> html.Div:
    """The model of the recommendation, and the one in service if it differs."""
    model_id = recommendation.evidence.model_id
    try:
        in_service = registry.in_service(recommendation.facility)
    except UserError:  # the page must work with a damaged registry
        in_service = None
    return (
        parts.fact("Model", model_id)
        if in_service in (None, model_id)
        else parts.fact("Model", f"{model_id}, by now in service: {in_service}", abnormal=True)
    )


def _data_fact(recommendation: Recommendation | None, state: Json | None) -> html.Div:
    log = recommendation.evidence.log.rpartition("/")[2] if recommendation else ""
    if state is None:
        return parts.fact("Data", f"{log} · not live" if log else "not connected", abnormal=True)
    age = f"{words.duration(state['age_h'])} old" + (", stale" if state["stale"] else "")
    return parts.fact("Data", f"{log} · {age}" if log else age, state["stale"])


def alerts(recommendation: Recommendation | None, state: Json | None, now: datetime) -> list[html.Div]:
    """A banner for each abnormal state; none if all is normal."""
    if recommendation is None:
        return []
    against = acceptance.outdated(recommendation, state, now)
    if not recommendation.support.inside:
        against.append("The settings lie outside the range of the logs: the model extrapolates.")
    return [html.Div(f"▲ {reason}", className="banner") for reason in against]


def verdict(recommendation: Recommendation | None) -> html.Section:
    """The headline and the three main numbers."""
    if recommendation is None:
        return html.Section(
            [
                html.P("Waiting", className="word"),
                html.H1("No recommendation yet"),
                html.P("It appears here as soon as it is made. To make one: ", className="note"),
                html.Code("beamtwin recommend"),
            ],
            className="verdict is-none",
        )
    kind = recommendation.verdict
    made = (
        f"{recommendation.title} · made {words.clock(recommendation.made_at)} · "
        f"over the next {words.duration(recommendation.evidence.horizon_h)}"
    )
    text = [html.P(WORD[kind], className="word"), html.H1(recommendation.headline)]
    numbers = [_number(row) for row in recommendation.effects[:3]] if kind == "change" else []
    lead = html.Div([*text, html.P(made, className="note")])
    return html.Section([lead, html.Div(numbers, className="numbers")], className=f"verdict is-{kind}")


def _number(row: Effect) -> html.Div:
    unit = words.unit_of(row.unit)
    first, second = parts.change(row.metric, row.change, unit, row.digits, "90 %: ")
    return html.Div([html.P(row.title, className="label"), first, second], className="number")


def settings(recommendation: Recommendation | None, state: Json | None) -> html.Section:
    """The table of knobs: present, proposed, limits, ramp, share of the gain, support, age."""
    if recommendation is None:
        return parts.card("Settings", html.P("The proposed settings will appear here.", className="empty"))
    live = {row["name"]: row for row in (state or {}).get("rows", [])}
    unit = parts.gain_unit(recommendation)
    rows = [_setting(knob, unit, recommendation.support.place) for knob in recommendation.knobs]
    columns: list[str] = [*COLUMNS]
    if state is not None:
        columns.append("Age, alarm")
        for row, knob in zip(rows, recommendation.knobs, strict=True):
            row.append(_age(knob, live.get(knob.name)))
    key = html.P(
        [
            html.Span(className="key present"),
            "present  ",
            html.Span(className="key proposed"),
            "proposed · share of the gain in ",
            recommendation.effects[0].title.lower() if recommendation.effects else "the objective",
            " (Shapley: the shares add up), with its 90 % interval",
        ],
        className="note",
    )
    return parts.card("Settings", parts.table("Settings", columns, rows, (1, 2, 3)), key)


def _setting(knob: Knob, unit: str, place: str) -> list[Any]:
    digits, knob_unit = knob.precision, words.unit_of(knob.unit)
    step = knob.proposed - knob.present
    moved = abs(step) >= 0.5 * 10.0**-digits
    name = html.Span(knob.title, title=f"{knob.name}, shown to {digits} decimals")
    proposed = words.amount(knob.proposed, knob_unit, digits)
    rate = f"{words.number(knob.ramp_per_h, digits)} {knob_unit}/h"
    return [
        parts.two_lines(name, knob.pv, mono=True),
        words.amount(knob.present, knob_unit, digits),
        html.Strong(proposed, className="proposed") if moved else html.Span("unchanged", className="quiet"),
        words.amount(step, knob_unit, digits, sign=True) if moved else words.NONE,
        parts.limit_bar(knob.low, knob.high, knob.present, knob.proposed, digits, knob_unit),
        parts.two_lines(words.duration(knob.ramp_h), rate) if moved else parts.two_lines(words.NONE, rate),
        parts.gain(knob.gain_share, unit),
        SUPPORT[place],
    ]


def _age(knob: Knob, live: Json | None) -> list[Any]:
    """The age and the alarm state of a knob's value; a dash if it is not read."""
    if live is None:
        return [words.NONE]
    alarm = parts.severity(live["value"], knob.low, knob.high)
    return [html.Div(words.duration(live["age_h"])), alarm]

"""Figures: valid, complete, light, and honest about intervals."""

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import samples_dashboard as samples

from controllers.recommendation import Estimate, Timeline
from dashboard.figures import operate as figures
from dashboard.figures import theme, timelines

MADE = samples.recommendation()
STATE = samples.state()
BUDGETS = [
    {
        "mode": f"rf.{name}",
        "budgets": [0.2, 2.0, 0.7, 1.1, 0.4],
        "exponential": p,
        "trend": 0.9,
        "fails": p < 0.05,
    }
    for name, p in (("trip", 0.5), ("klystron", 0.001), ("cavity", 0.8), ("pump", 0.7))
]
OUTCOMES = [samples.outcome(decision=i, at="2026-11-23T21:11:00+00:00") for i in (1, 2)]
PROPOSED = {knob.name: knob.proposed for knob in MADE.knobs}


def all_figures() -> dict[str, Any]:
    titles = {row.process: row.title for row in MADE.lost_hours}
    return {
        "effects": figures.effects(MADE.effects),
        "gains": figures.gains(MADE.knobs, "%"),
        "candidates": figures.candidates(MADE.candidates, PROPOSED, "%"),
        "lost_hours": figures.lost_hours(MADE.lost_hours),
        "replay": timelines.replay_timeline(MADE.replay.timeline, titles, MADE.evidence.log_start),
        "trends": timelines.trends(STATE["trend"], {}, {}),
        "budgets": figures.budgets(BUDGETS),
        "promises": timelines.promises(OUTCOMES),
    }


FIGURES = all_figures()


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_survives_its_round_trip_as_json(name: str) -> None:
    data = json.loads(json.dumps(FIGURES[name].to_plotly_json(), default=list))
    assert json.loads(str(go.Figure(data).to_json())) == json.loads(FIGURES[name].to_json())


@pytest.mark.parametrize("name", FIGURES)
def test_no_figure_uses_webgl_or_much_ink(name: str) -> None:
    figure = FIGURES[name]
    assert {trace.type for trace in figure.data} <= {"scatter", "bar"}
    assert figure.layout.showlegend is False
    assert len(figure.to_json()) < 600_000


def test_the_figures_do_not_change_what_they_are_given() -> None:
    before = json.dumps([MADE.stored(), STATE], default=str)
    again = all_figures()
    assert json.dumps([MADE.stored(), STATE], default=str) == before
    assert all(again[name].to_json() == FIGURES[name].to_json() for name in FIGURES)


def test_each_effect_has_its_interval_ends_and_its_mean_drawn() -> None:
    traces = FIGURES["effects"].data
    assert len(traces) == 2 * len(MADE.effects)
    for row, ends, mean in zip(MADE.effects, traces[::2], traces[1::2], strict=True):
        assert list(ends.x) == [row.change.low, row.change.high]
        assert "markers" in ends.mode and ends.marker.symbol == "line-ns-open"
        assert list(mean.x) == [row.change.mean]


def test_the_zeros_of_all_effects_stand_in_one_line() -> None:
    layout = FIGURES["effects"].layout
    ranges = [axis.range for axis in FIGURES["effects"].select_xaxes()]
    assert len(ranges) == len(MADE.effects)
    assert all(low == -high for low, high in ranges)
    assert any(shape.x0 == shape.x1 == 0.5 and shape.xref == "paper" for shape in layout.shapes)


def test_an_unsure_effect_is_hollow_and_grey_a_sure_one_filled_and_blue() -> None:
    means = {
        row.metric: trace for row, trace in zip(MADE.effects, FIGURES["effects"].data[1::2], strict=True)
    }
    assert means["samples_saxs"].marker.color == theme.PANEL
    assert means["samples_saxs"].marker.line.color == theme.PRESENT_INK
    assert means["useful_beam"].marker.color == theme.PROPOSED


def test_fewer_failures_count_as_better_and_a_worse_effect_has_its_own_symbol() -> None:
    assert theme.verdict_on("failures", -3.0, -1.0) == "better"
    assert theme.verdict_on("lost_h", 0.1, 2.0) == "worse"
    assert theme.verdict_on("useful_beam", -0.1, 2.0) == "unsure"
    worse: Any = figures.effects(
        [MADE.effects[0].model_copy(update={"change": Estimate(mean=-1.0, low=-2.0, high=-0.5)})]
    )
    assert worse.data[1].marker.symbol == "diamond"


def test_a_knob_that_stays_has_no_gain_drawn() -> None:
    moved = [knob for knob in MADE.knobs if knob.gain_share]
    assert len(FIGURES["gains"].data) == 2 * len(moved)
    ticks = FIGURES["gains"].layout.yaxis.ticktext
    assert [tick.strip() for tick in reversed(ticks)] == [knob.title for knob in moved]


def test_the_recommended_candidate_is_the_one_in_bold() -> None:
    bold = [tick for tick in FIGURES["candidates"].layout.yaxis.ticktext if "<b>" in tick]
    assert bold == ["<b>recommended</b>  "]
    drawn = {(trace.x[0], trace.x[1]) for trace in FIGURES["candidates"].data if len(trace.x) == 2}
    assert drawn == {(row.gain.low, row.gain.high) for row in MADE.candidates}


def test_lost_hours_colour_only_the_causes_that_change() -> None:
    present, proposed = FIGURES["lost_hours"].data
    assert sum(present.x) == pytest.approx(sum(row.present for row in MADE.lost_hours))
    blue = [
        name
        for name, colour in zip(proposed.y, proposed.marker.color, strict=True)
        if colour == theme.PROPOSED
    ]
    assert blue == ["RF system: trip"]


def test_the_replay_draws_every_outage_once_and_units_of_one_mode_share_a_lane() -> None:
    timeline, figure = MADE.replay.timeline, FIGURES["replay"]
    record, same, differs = figure.data
    segments = [sum(value is None for value in trace.x) for trace in figure.data]
    assert segments[0] == len(timeline.record)
    assert segments[1] + segments[2] == len(timeline.counterfactual)
    assert "RF system: klystron  " in figure.layout.yaxis.ticktext
    assert differs.line.color == theme.PROPOSED and same.line.color != theme.PROPOSED
    assert len({record.name, same.name, differs.name}) == 3


def test_an_outage_without_an_end_lasts_to_the_end_of_the_replay() -> None:
    row = {"process": "rf.trip", "start_h": 8.0, "end_h": float("nan")}
    figure: Any = timelines.replay_timeline(Timeline.of(0.0, 10.0, [row], []), {}, None)
    assert list(figure.data[0].x) == [8.0, 10.0, None]


def test_long_trends_are_reduced_and_keep_their_extremes_and_gaps() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=100_000)
    values[[31_415, 92_653]] = [40.0, -50.0]
    values[50_000:50_100] = np.nan
    time_h, kept = timelines.reduced(np.arange(100_000.0).tolist(), values.tolist())
    finite = [value for value in kept if value is not None]
    assert len(finite) <= timelines.POINTS
    assert (max(finite), min(finite)) == (40.0, -50.0)
    assert None in kept and time_h == sorted(time_h)


def test_short_trends_and_empty_ones_stay_as_they_are() -> None:
    assert timelines.reduced([0.0, 1.0], [2.0, 3.0]) == ([0.0, 1.0], [2.0, 3.0])
    assert timelines.reduced([], []) == ([], [])
    assert timelines.reduced([0.0], [float("nan")]) == ([], [])
    empty: Any = timelines.trends({}, {}, {})
    assert len(empty.data) == 0


def test_the_trends_put_each_channel_on_its_own_strip() -> None:
    figure = FIGURES["trends"]
    assert len(figure.data) == len(STATE["trend"])
    assert len({trace.yaxis for trace in figure.data}) == len(STATE["trend"])


def test_a_held_channel_is_drawn_in_steps_to_the_end() -> None:
    trend = {"knob": {"time_h": [1.0], "value": [3.4]}, "other": {"time_h": [0.0, 9.0], "value": [1.0, 2.0]}}
    figure: Any = timelines.trends(trend, {}, {}, {"knob"})
    assert list(figure.data[0].x) == [-8.0, 0.0] and list(figure.data[0].y) == [3.4, 3.4]
    assert (figure.data[0].line.shape, figure.data[1].line.shape) == ("hv", "linear")


def test_the_budgets_of_a_hazard_model_that_fails_stand_out_by_colour_sign_and_word() -> None:
    figure = FIGURES["budgets"]
    points = [trace for trace in figure.data if trace.mode == "markers"]
    assert [trace.marker.symbol for trace in points] == ["circle", "diamond", "circle", "circle"]
    assert points[1].marker.color == theme.WORSE and points[0].marker.color == theme.PRESENT_INK
    assert list(points[0].y) == [0.2, 0.4, 0.7, 1.1, 2.0]
    assert "rf.klystron</b>  5 budgets, fails (p = 0.001)" in " ".join(
        a.text for a in figure.layout.annotations
    )

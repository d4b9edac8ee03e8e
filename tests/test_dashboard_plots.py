"""`--plot`: each command that offers it writes one self-contained page of figures; the figures say what was found."""

import numpy as np
import pytest

from controllers.off_policy.estimate import Evaluation, Gain, Promise
from controllers.recommend.forecast import Forecast
from dashboard.app.analyses import evaluate, train, whatif
from dashboard.app.analyses import simulate as simulating
from dashboard.cli.commands import commands
from dashboard.cli.main import main, parser
from dashboard.figures import evaluate as evaluating
from dashboard.figures import train as training
from dashboard.figures.distribution import distribution
from dashboard.figures.intervals import Row, ladder
from dashboard.figures.pareto import Cost, pareto
from dashboard.figures.simulate import causes, forecasts, spread
from dashboard.figures.whatif import changes
from dashboard.reports import evaluate as evaluate_page
from surrogate.train import Trained
from twin.intervals import Estimate
from twin.outcome import METRICS
from twin.types import silent

RING = "storage-ring"
SCENARIO = """
facility = "storage-ring"
days = 3
runs = 16

[[case]]
name = "the same"

[[case]]
name = "lower <RF> voltage"
set = { rf_voltage = 2.8 }
"""
CASES = {
    "simulate": (
        ["simulate", RING, "--years", "0.02", "--runs", "8", "--engine", "reference"],
        "User hours lost by cause",
    ),
    "whatif": (["whatif", "SCENARIO"], "Useful beam"),
    "downtime": (["downtime", RING, "LOG"], "User hours lost by cause"),
    "train": (["train", RING, "LOG"], "Skill on the last 30 % of the time"),
    "evaluate": (["evaluate", RING, "LOG", "--shift", "coupling=0.5"], "Gain over the operators"),
    "replay": (["replay", RING, "LOG", "--days", "2"], "Outages: recorded"),
}
"""Of each command that draws: a quick run, and a heading of its page."""


def drawing() -> list[str]:
    """The commands that offer ``--plot``."""
    verbs = parser()._subparsers
    assert verbs is not None
    choices = verbs._group_actions[0].choices
    assert isinstance(choices, dict) and list(choices) == list(commands())
    return [name for name, one in choices.items() if "--plot" in one.format_help()]


def test_every_command_that_draws_has_a_case_here():
    assert sorted(drawing()) == sorted(CASES)


@pytest.fixture
def places(tmp_path, monkeypatch, ring_log, ring_model) -> dict[str, str]:
    """A home with the trained ring, files that the cases name, and a training that takes no time."""
    monkeypatch.setenv("BEAMTWIN_HOME", str(tmp_path / "home"))
    (tmp_path / "cases.toml").write_text(SCENARIO)
    trained = Trained(ring_model.law, ring_model.entry.card, ring_model.facility)
    monkeypatch.setattr(train, "train", lambda *args, **more: trained)
    return {"LOG": str(ring_log), "SCENARIO": str(tmp_path / "cases.toml")}


@pytest.mark.parametrize("verb", CASES)
def test_a_page_is_whole_and_asks_for_nothing(verb, places, tmp_path):
    arguments, heading = CASES[verb]
    out = tmp_path / "page.html"
    assert main([*(places.get(word, word) for word in arguments), "--plot", str(out)]) in (0, 1)
    text = out.read_text()
    assert text.startswith("<!DOCTYPE html>") and text.rstrip().endswith("</html>") and heading in text
    words = "".join(part.partition("</script>")[2] for part in text.split("<script"))
    assert "src=" not in text.partition("<body>")[2].split("<script")[0] and "<RF>" not in words


@pytest.mark.parametrize("name", ["page.png", "page", "page.htm"])
def test_a_picture_of_another_kind_is_refused_before_any_work(name, tmp_path, capsys):
    assert main(["simulate", RING, "--plot", str(tmp_path / name)]) == 2
    assert "give a name that ends in .html" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_monitoring_a_model_has_no_plot(tmp_path, capsys):
    assert main(["train", "--monitor", "log.h5", "--plot", str(tmp_path / "page.html")]) == 2
    assert "leave --plot out" in capsys.readouterr().err


def texts(figure) -> str:
    """All that a figure says."""
    return " ".join(a.text or "" for a in figure.layout.annotations)


def test_a_distribution_shows_every_run_its_mean_and_how_many_have_none():
    metric = next(m for m in METRICS if m.name == "mtbf_h")
    values = np.array([1.0, 2.0, 3.0, np.inf])
    figure = distribution(metric, values, Estimate(2.5, 2.0, 3.0), (2.25,))
    assert sum(figure.data[0].y) == pytest.approx(75.0)
    said = texts(figure)
    assert (
        "2.5" in said
        and "2.0 … 3.0" in said
        and "published 2.2" in said
        and "1 of 4 runs have no value" in said
    )


def test_a_distribution_of_one_value_is_one_bar():
    metric = next(m for m in METRICS if m.name == "availability")
    figure = distribution(metric, np.full(8, 97.5), Estimate(97.5, 97.5, 97.5))
    assert np.asarray(figure.data[0].y).max() == pytest.approx(100.0)


def test_causes_stand_worst_first_with_what_they_make_together():
    figure = pareto([Cost("b", 2.0, 1.0, 3.0), Cost("a", 7.0, 6.0, 8.0), Cost("c", 1.0)], 10.0)
    assert figure.data[0].x == (7.0, 2.0, 1.0)
    assert (
        list(figure.data[0].marker.color[:2]) == ["#14568f"] * 2
        and figure.data[0].marker.color[2] != "#14568f"
    )
    assert [(a.text or "").replace("\u00a0", " ") for a in figure.layout.annotations] == [
        "<b>7.00 h</b>  70 %", "<b>2.00 h</b>  20 %, together 90 %", "<b>1.00 h</b>  10 %, together 100 %",
    ]  # fmt: skip


def test_an_interval_that_holds_the_line_is_hollow():
    figure = ladder([Row("sure", 1.0, 0.5, 1.5, "better"), Row("unsure", 0.1, -1.0, 1.2, "unsure")], "%")
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert [m.marker.color == m.marker.line.color for m in marks] == [False, True]  # from below
    low, high = figure.layout.xaxis.range
    assert low < -1.0 and high > 1.5


def test_simulated_years_show_the_metrics_that_differ_between_runs_and_the_causes():
    answer = simulating.run(simulating.Request(RING, years=0.05, runs=8, engine="reference"), silent)
    figures = spread(answer)
    assert 3 <= len(figures) <= 8 and "Availability" in texts(figures[1])
    lost = causes(answer)
    assert (
        lost is not None and sum(lost.data[0].x) <= sum(row["lost_h"].value for row in answer.causes) + 1e-9
    )


def test_a_case_that_changes_nothing_lies_on_the_line(tmp_path):
    path = tmp_path / "cases.toml"
    path.write_text(SCENARIO)
    drawn = changes(whatif.run(whatif.Request(str(path)), silent))
    figure = drawn[0][1]
    marks = {trace.y[0]: trace for trace in figure.data if trace.mode == "markers"}
    assert drawn[0][0].name == "useful_beam" and marks[1].x == (0.0,)
    assert "as it is" in texts(figure)


def test_skill_is_drawn_against_the_best_baseline(ring_model):
    card = ring_model.entry.card
    figure = training.skill(card)
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    first = card["skill"][0]
    assert len(marks) == len(card["skill"])
    assert marks[-1].x[0] == pytest.approx(100.0 * (first["model"] - first["baseline"]) / first["baseline"])
    covered = training.coverage(card)
    assert covered is not None and len(covered.layout.yaxis.ticktext) == len(card["coverage_by_region"])
    assert training.coverage({}) is None


def answer_of(verdict: str, gains: dict[str, Gain], promises: list[Promise], twin=None) -> evaluate.Answer:
    found = Evaluation(verdict, "why", 90.0, gains, 50, 12.0, 4.0, 0.0, 0.0, 0.5, promises)
    return evaluate.Answer("coupling +0.5", None, found, twin)


def test_an_evaluation_shows_its_estimates_the_twin_and_what_was_promised():
    twin = {"model": "m-1", "from_h": 10.0, "mean": 1.0, "low": 0.5, "high": 1.5, "reach": ""}
    answer = answer_of("better", {"weighted": Gain(2.0, -1.0, 5.0, -2.0)}, [Promise("size", 0.0, 0.2)], twin)
    figure = evaluating.gains(answer)
    assert figure is not None and list(figure.layout.yaxis.ticktext) == ["by the twin  ", "weighted  "]
    promised = evaluating.promises(answer)
    assert promised is not None and promised.data[1].x == (20.0,)
    assert promised.data[1].marker.symbol == ("diamond",), "beyond what is allowed"
    assert "it rests on model m-1" in evaluate_page.document(answer)


def test_an_evaluation_without_an_estimate_says_why_and_draws_none():
    page = evaluate_page.document(answer_of("cannot tell", {}, []))
    assert "Verdict: cannot tell: why." in page and "Plotly" not in page


def test_what_a_model_expects_shows_this_time_and_the_long_run():
    told = Forecast("availability", 98.0, 97.0, 99.0, 97.8, 98.2, 0.5, 0.1, "how often rf.trip", 0.6)
    same = Forecast("samples", 5.0, 5.0, 5.0, 5.0, 5.0, 0.0, 0.0, None, 0.0)
    (figure,) = forecasts([told, same])
    assert [trace.x for trace in figure.data] == [(97.0, 99.0), (97.8, 98.2)]
    assert "4 % of the variance is model uncertainty, mostly how often rf.trip" in texts(figure)
    low, high = figure.layout.xaxis.range
    assert low < 97.0 and high > 99.0

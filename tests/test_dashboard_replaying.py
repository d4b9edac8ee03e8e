"""Replay as a user meets it: without a model, of a tuning log, after what a model has learned; and its picture."""

import json
from pathlib import Path

import numpy as np
import pytest
import samples_surrogate

import twin
from dashboard.app.analyses import replay as replaying
from dashboard.cli.main import main
from dashboard.figures.replay import besides, broken
from dashboard.reports import replay as replay_page
from replay_data.record import Channel, Record
from replay_data.runlog import open_log, write
from surrogate.registry import Entry, Model
from twin.errors import UserError
from twin.types import silent

EXAMPLES = Path(__file__).parents[1] / "examples"
START = "2016-02-24T15:36:29Z"
TOY = samples_surrogate.FACILITY


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BEAMTWIN_HOME", str(tmp_path / "home"))
    return tmp_path


def beamline_log(hours: float = 60.0) -> Record:
    """Two and a half days like those of examples/aps8id: steps of temperature, a gap, a counter of scans."""
    stamps = np.arange(0.0, hours, 0.05)
    stamps = stamps[(stamps < 20.0) | (stamps > 26.0)]
    wanted = np.where(stamps < 30.5, 300.0, 320.0)
    current = 102.0 + 0.5 * stamps / hours
    channels = [
        Channel("temperature_set", np.array([0.0, 30.5]), np.array([300.0, 320.0]), "degC", "setpoint"),
        Channel("attenuator", np.zeros(1), np.zeros(1), "1", "setpoint"),
        Channel("sample_temperature", stamps, wanted + 1.0, "degC", "quantity"),
        Channel("ring_current", stamps, current, "mA", "quantity"),
        Channel("samples_xpcs", stamps, np.floor(stamps * 6.0) + 4.0, "1", "counter"),
    ]
    return Record("aps-8id", START, hours, {c.name: c for c in channels})


def tuning_log() -> Record:
    """An hour of evaluations like those of examples/fermi."""
    stamps = np.arange(400) / 400.0
    rng = np.random.default_rng(0)
    channels = [Channel(f"mirror_{i}", stamps, rng.uniform(size=400), "1", "setpoint") for i in range(4)]
    channels.append(Channel("intensity", stamps, np.full(400, 0.8), "1", "quantity"))
    return Record("fermi-seed", START, 1.0, {c.name: c for c in channels}, tabular=True)


def replayed(home: Path, record: Record, example: str, *more: str) -> dict:
    write(record, home / "log.h5")
    out = ["--json", str(home / "told.json"), "--plot", str(home / "page.html")]
    assert main(["replay", str(EXAMPLES / example / "facility.toml"), str(home / "log.h5"), *out, *more]) == 0
    return json.loads((home / "told.json").read_text())


def test_a_log_without_a_model_is_replayed_under_the_facility_s_own_law(home, capsys):
    told = replayed(home, beamline_log(), "aps8id")
    said = capsys.readouterr().out
    assert "No model of 'aps-8id' was trained" in said and "states no intervals" in said
    assert "The log does not record experiments" in said and "describes no failure processes" in said
    assert told["law"] == "facility file" and told["never_idle"] == [True]
    heat, current = (told["residuals"][name] for name in ("sample_temperature", "ring_current"))
    assert heat["bias"] == pytest.approx(1.0) and heat["coverage"] is None
    assert heat["rows"] == 60 - 6 - 1, "but for the gap and the hour of the step"
    assert current["drift"][0] == pytest.approx(0.5, rel=0.02)
    assert told["measured"] == [359 + 0.0]
    assert told["samples"] == [np.floor(60.0 * 60.0 / (1.8 + 10.6))]


def test_the_page_shows_every_quantity_and_the_samples_of_record_and_twin(home):
    replayed(home, beamline_log(), "aps8id")
    page = (home / "page.html").read_text()
    for text in ("Sample temperature", "Ring current", "X-ray photon correlation", "359 recorded"):
        assert text in page
    assert "the facility file" in page and "Plotly" in page and "http://" not in page.split("<script")[0]


def test_a_tuning_log_is_shown_beside_the_twin_and_nothing_is_played(home, capsys):
    told = replayed(home, tuning_log(), "fermi")
    assert "which have no running time: only quantities are compared" in capsys.readouterr().out
    assert told["residuals"]["intensity"]["rows"] == 400
    assert told["residuals"]["intensity"]["bias"] == pytest.approx(-0.2)
    assert "failures" not in told and told["counterfactuals"] == []


def test_a_tuning_log_is_not_replayed_otherwise(home, capsys):
    write(tuning_log(), home / "log.h5")
    command = ["replay", str(EXAMPLES / "fermi/facility.toml"), str(home / "log.h5"), "--set", "mirror_0=0.5"]
    assert main(command) == 2
    assert "no running time to replay with changes; leave --set out" in capsys.readouterr().err.replace(
        "\n", " "
    )


def test_other_settings_under_the_facility_s_own_law_say_what_they_rest_on(home, capsys):
    told = replayed(home, beamline_log(), "aps8id", "--set", "attenuator=3")
    (world,) = told["counterfactuals"]
    assert len(world["metrics"]["samples"]["otherwise"]) == 32
    assert "attenuator 3 against 0 ... 0 1 recorded" in world["reach"]["words"]
    assert "no intervals and no support" in capsys.readouterr().out.replace("\n", " ")


def learned(*logs: tuple[str, float]) -> replaying.Twin:
    """A twin whose model has learned from logs of these starts and hours."""
    card = {"logs": [{"start": start, "hours": hours} for start, hours in logs]}
    model = Model(Entry("toy-1", Path(), "", card), None, TOY)  # type: ignore[arg-type]
    return replaying.Twin(TOY, model)


@pytest.mark.parametrize(
    "logs, until",
    [
        ([], 0.0),
        ([(START, 20.0)], 20.0),
        ([("2016-02-23T15:36:29Z", 20.0)], 0.0),
        ([("2016-02-23T15:36:29Z", 30.0), (START, 2.0)], 6.0),
        ([(START, 500.0)], 60.0),
        ([("2026-01-01T00:00:00Z", 500.0)], 0.0),
    ],
)
def test_how_far_a_model_has_learned_from_a_log_is_read_from_its_card(logs, until):
    assert learned(*logs).learned_h(beamline_log()) == pytest.approx(max(until, 0.0))


@pytest.mark.parametrize(
    "learned_h, since", [(0.0, 10.0), (9.0, 10.0), (30.0, 30.0), (59.0, 10.0), (60.0, 10.0)]
)
def test_residuals_are_judged_on_time_the_model_has_not_seen_where_there_is_some(learned_h, since):
    assert replaying.judged_from(10.0, 60.0, learned_h) == since


def test_lines_are_broken_where_rows_are_far_apart():
    hour = np.array([0.0, 1.0, 2.0, 50.0, 51.0])
    at, value = broken(hour, np.arange(5.0))
    assert at.tolist() == [0.0, 1.0, 2.0, 26.0, 50.0, 51.0]
    assert np.isnan(value[3]) and value[4] == 3.0


def found_of(home: Path, learned_h: float) -> replaying.Replayed:
    """A replay under the facility's own law, told as one that had learned up to an hour."""
    write(beamline_log(), home / "log.h5")
    facility = twin.load(EXAMPLES / "aps8id/facility.toml")
    request = replaying.Request("aps-8id", str(home / "log.h5"))
    with open_log(home / "log.h5") as log:
        made = replaying.replayed(request, log, replaying.Twin(facility, None), silent)
    return replaying.Replayed(**{**vars(made), "learned_h": learned_h})


def test_the_picture_has_two_panels_a_quantity_and_one_a_beamline(home):
    found = found_of(home, 0.0)
    figure = besides(found)
    axes = [name for name in figure.to_plotly_json()["layout"] if name.startswith("yaxis")]
    assert len(axes) == 2 * 2 + 1
    bottoms = [figure.layout[axis].domain for axis in axes]
    assert all(low < high for low, high in bottoms)
    assert not any("learned" in (a.text or "") for a in figure.layout.annotations)
    later = besides(found_of(home, 30.0))
    assert any("trained until here" in (a.text or "") for a in later.layout.annotations)


def test_the_page_escapes_titles(home):
    found = found_of(home, 0.0)
    facility = found.twin.facility.model_copy(update={"title": "<b>&"})
    named = replaying.Replayed(**{**vars(found), "twin": replaying.Twin(facility, None)})
    assert "&lt;b&gt;&amp;: record and twin" in replay_page.document(named)


def test_an_empty_policy_file_is_a_user_s_error():
    request = replaying.Request("aps-8id", "log.h5", policy="gone.py:careful")
    with pytest.raises(UserError, match="is not a file"):
        replaying.counterfactuals(request, None)  # type: ignore[arg-type]

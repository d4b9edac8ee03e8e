"""`beamtwin evaluate`: verdicts with reasons, exit statuses, mistakes in words, the twin where a log cannot tell."""

import json

import pytest

from dashboard.cli.main import main
from surrogate import registry
from twin import Space

RING = "storage-ring"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BEAMTWIN_HOME", str(tmp_path / "home"))
    return tmp_path


def run(home, log, *options, facility=RING):
    """Exit status and what the command wrote as JSON."""
    out = home / "out.json"
    status = main(["evaluate", facility, str(log), *options, "--json", str(out)])
    return status, json.loads(out.read_text()) if status < 2 else None


def test_a_shift_that_costs_much_is_worse(home, ring_log, capsys):
    status, found = run(home, ring_log, "--shift", "coupling=0.5")
    assert (status, found["verdict"]) == (1, "worse")
    assert found["gains"]["doubly robust"]["high"] < 0 and found["effective"] > 10
    (promise,) = found["promises"]
    assert (promise["name"], promise["before"], promise["broken"]) == ("lifetime", 0.0, False)
    said = capsys.readouterr().out
    assert "as operators chose, coupling +0.5" in said and "doubly robust" in said
    assert "Verdict: worse: the whole interval lies below zero." in said


def test_a_shift_that_gains_much_is_better(home, ring_log):
    status, found = run(home, ring_log, "--shift", "coupling=-0.3")
    assert (status, found["verdict"]) == (0, "better") and found["gains"]["doubly robust"]["least"] > 0
    assert found["by_the_twin"] is None


def test_where_no_operator_went_the_log_cannot_tell_and_without_a_model_nobody_can(home, ring_log, capsys):
    status, found = run(home, ring_log, "--set", "current=480", "--set", "coupling=2.8")
    assert (status, found["verdict"]) == (1, "cannot tell") and "hardly ever chose so" in found["why"]
    assert found["by_the_twin"] is None
    assert "current = 480, coupling = 2.8, each within about 5 % of its range" in capsys.readouterr().out


def test_where_the_log_cannot_tell_the_twin_is_asked_and_said_to_be(home, ring_log, ring_model, capsys):
    made = registry.save(ring_model.law, ring_model.entry.card, ring_model.facility)
    status, found = run(home, ring_log, "--set", "rf_voltage=2.3")
    assert (status, found["verdict"]) == (1, "cannot tell")
    twin = found["by_the_twin"]
    assert twin["model"] == made.id and twin["low"] <= twin["mean"] <= twin["high"]
    assert "This rests on the model, not on what operators tried." in capsys.readouterr().out


def test_a_policy_from_a_file_is_a_region_about_its_settings(home, ring_log, ring):
    file = home / "mine.py"
    file.write_text("def held(hour, settings, conditions):\n    settings[1] = 3.4\n    return settings\n")
    options = ("--width", "0.1")
    _, mine = run(home, ring_log, "--policy", f"{file}:held", *options)
    _, same = run(home, ring_log, "--set", "rf_voltage=3.4", *options)
    assert mine["gains"]["direct"] == pytest.approx(same["gains"]["direct"], abs=0.05)
    assert Space.of(ring).names[1] == "rf_voltage"


def test_mistakes_are_told_in_one_line(home, ring_log, capsys):
    file = home / "short.py"
    file.write_text("def few(hour, settings, conditions):\n    return settings[:2]\n")
    for options, words in (
        (("--set", "voltage=3"), "unknown knob 'voltage'"),
        (("--set", "rf_voltage=9"), "rf_voltage = 9 MV lies outside 2 ... 4 MV"),
        (("--shift", "rf_voltage"), "write it like --shift rf_voltage=2.8"),
        (("--policy", f"{file}:few"), "it returned 2 settings, the facility has 4"),
        (("--shift", "current=5", "--outcome", "glow"), "outcome 'glow' is no quantity"),
        (("--shift", "current=5", "--every", "7d"), "40 are needed"),
    ):
        status, _ = run(home, ring_log, *options)
        assert status == 2 and words in capsys.readouterr().err

"""Scenarios as text: a good file, every mistake in words, and cases that share their draws."""

import re

import numpy as np
import pytest

from twin import Space, UserError, load, reference, whatif
from twin.draws import draw
from twin.facility import BUILT_IN
from twin.nominal import nominal
from twin.plant import build
from twin.scenario import ahead

GOOD = """
facility = "storage-ring"
days = 3.5
runs = 32
seed = 4

[[case]]
name = "lower voltage"
set = { rf_voltage = 3.0 }

[[case]]
name = "another shift and better klystrons"
crew = { rf = 2 }
[case.mode."rf.klystron"]
mtbf_h = 20000.0
repair_median_h = 1.5
"""


def written(tmp_path, text: str):
    path = tmp_path / "case.toml"
    path.write_text(text)
    return path


def refused(tmp_path, old: str, new: str) -> str:
    """The complaint about the good file after one change, from reading it or from applying its cases."""
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(UserError) as caught:
        scenario = whatif.read(path)
        facility = whatif.facility_of(scenario, path)
        for case in scenario.case:
            whatif.changed(facility, case)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_good_file_is_read_as_it_stands(tmp_path):
    path = written(tmp_path, GOOD)
    scenario = whatif.read(path)
    assert (scenario.days, scenario.runs, scenario.seed) == (3.5, 32, 4)
    assert [case.name for case in scenario.case] == ["lower voltage", "another shift and better klystrons"]
    assert whatif.facility_of(scenario, path) == load("storage-ring")


def test_a_case_changes_what_it_names_and_nothing_else(ring, tmp_path):
    first, second = whatif.read(written(tmp_path, GOOD)).case
    same, settings = whatif.changed(ring, first)
    assert same == ring
    assert settings.tolist() == [430.0, 3.0, 1.0, 5.0]
    other, settings = whatif.changed(ring, second)
    assert settings.tolist() == Space.of(ring).present.tolist()
    data, was = other.model_dump(), ring.model_dump()
    assert data["crew"][0] == was["crew"][0] | {"size": 2}
    klystron = data["subsystem"][0]["mode"][1]
    assert klystron["mtbf_h"] == 20000.0
    assert klystron["repair"] == was["subsystem"][0]["mode"][1]["repair"] | {"median_h": 1.5}
    data["crew"], data["subsystem"][0]["mode"][1] = was["crew"], was["subsystem"][0]["mode"][1]
    assert data == was


def test_a_case_may_change_any_key_of_the_file_by_its_path(ring):
    change = {"schedule.block.0.hours": 24, "crew.rf.shift": {"from_h": 8, "to_h": 20, "days": 7}}
    case = whatif.CaseTable(name="more", change=change | {"subsystem.rf.mode.klystron.shape": 3.0})
    other, _ = whatif.changed(ring, case)
    assert other.schedule.block[0].hours == 24
    assert other.crew[0].shift is not None and other.crew[0].shift.days == 7
    assert other.subsystem[0].mode[1].shape == 3.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"crew.xx.size": 1}, "unknown key of crew 'xx'; known are: rf, general"),
        ({"crew.rf.size": 0}, "crew.0.size = 0: Input should be greater than or equal to 1"),
        ({"crew.rf.siz": 2}, "crew.0.siz = 2"),
        ({"subsystem.rf.mode.trip.crew": "night"}, "unknown skill 'night'"),
    ],
)
def test_a_change_that_names_nothing_or_breaks_the_file_is_an_error_in_words(ring, change, words):
    with pytest.raises(UserError, match=re.escape(words)):
        whatif.changed(ring, whatif.CaseTable(name="bad", change=change))


def test_a_facility_file_is_found_beside_the_scenario(ring, tmp_path):
    own = (BUILT_IN / "storage-ring.toml").read_text()
    (tmp_path / "mine.toml").write_text(own.replace('"storage-ring"', '"my-ring"'))
    path = written(tmp_path, GOOD.replace('"storage-ring"', '"mine.toml"'))
    assert whatif.facility_of(whatif.read(path), path).name == "my-ring"


MISTAKES = {
    "a facility that is not there": ('"storage-ring"', '"storage-rong"', ["'storage-rong'", "built in are"]),
    "no time at all": ("days = 3.5", "days = 0", ["days = 0", "greater than 0"]),
    "too few runs": ("runs = 32", "runs = 3", ["runs = 3", "16"]),
    "a key nobody knows": ("seed = 4", "sead = 4", ["sead = 4"]),
    "a case without a name": ('name = "lower voltage"', 'name = ""', ["case.0.name", "at least 1"]),
    "a number that is text": ("rf_voltage = 3.0", 'rf_voltage = "low"', ["case.0.set.rf_voltage = 'low'"]),
    "an unknown knob": ("rf_voltage = 3.0", "rf_volts = 3.0", ["'lower voltage'", "'rf_volts'", "known"]),
    "a value beyond its limits": ("rf_voltage = 3.0", "rf_voltage = 9", ["rf_voltage = 9 MV", "2 ... 4 MV"]),
    "a value that is no number": ("rf_voltage = 3.0", "rf_voltage = nan", ["rf_voltage = nan"]),
    "an unknown crew": ("{ rf = 2 }", "{ plumbers = 2 }", ["crew 'plumbers'", "rf, general"]),
    "a crew of nobody": ("{ rf = 2 }", "{ rf = 0 }", ["crew rf = 0", "below 1"]),
    "an unknown mode": ('"rf.klystron"', '"rf.klyston"', ["mode 'rf.klyston'", "rf.klystron"]),
    "a mean life below zero": ("mtbf_h = 20000.0", "mtbf_h = -1.0", ["mtbf_h = -1.0", "greater than 0"]),
    "no TOML": ("[[case]]", "[[case", ["not TOML"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_named_with_its_place_and_value(mistake, tmp_path):
    old, new, words = MISTAKES[mistake]
    message = refused(tmp_path, old, new)
    assert all(word in message for word in words), message


def test_a_file_without_cases_is_refused(tmp_path):
    with pytest.raises(UserError, match="case: Field required"):
        whatif.read(written(tmp_path, 'facility = "storage-ring"\n'))


def test_a_missing_file_and_a_file_that_is_no_text_are_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.toml' is not a file"):
        whatif.read(tmp_path / "nothing.toml")
    picture = tmp_path / "picture.toml"
    picture.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UserError, match=r"picture\.toml: not TOML"):
        whatif.read(picture)


def test_cases_share_their_draws_whatever_they_change(ring, tmp_path):
    _, second = whatif.read(written(tmp_path, GOOD)).case
    other, _ = whatif.changed(ring, second)
    few, many = draw(ring, 2, 16, 8, seed=4), draw(other, 2, 32, 16, seed=4)
    for mine, theirs in zip(few, many, strict=True):
        assert np.array_equal(mine, theirs[..., : mine.shape[-1]])


def test_an_identical_case_brings_no_change_at_all(ring):
    scenario = ahead(ring, 96.0)
    draws = draw(ring, 2, 64, 16, seed=4)
    case = whatif.CaseTable(name="the same", set={"rf_voltage": 3.4}, crew={"rf": 1})
    same, settings = whatif.changed(ring, case)
    assert same == ring and settings.tolist() == Space.of(ring).present.tolist()
    tallies = [reference.simulate(build(f), nominal(f), draws, scenario) for f in (ring, same)]
    for before, after in zip(*tallies, strict=True):
        assert np.array_equal(before, after)

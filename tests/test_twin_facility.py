"""A facility file: what it says once read, and one clear error for each mistake in it."""

import math
from pathlib import Path

import numpy as np
import pytest

import twin
from twin import nominal, plant
from twin.facility import BUILT_IN, parse

RING, LINAC = ((BUILT_IN / f"{name}.toml").read_text() for name in ("storage-ring", "xfel-linac"))

# what is mistaken: (file, text as it should be, text as the user wrote it, words that the error must hold)
MISTAKES = {
    "a key misspelt": (
        RING,
        'unit = "mA"',
        'unit = "mA"\nunits = "mA"',
        ["knob.0.units = 'mA'", "correct its name or remove it"],
    ),
    "a table misspelt": (RING, "[metrics]", "[metric]", ["metric", "correct its name or remove it"]),
    "a key left out": (RING, "restart_h = 0.30\n", "", ["beam.restart_h", "required"]),
    "a word for a number": (
        RING,
        "restart_h = 0.30",
        'restart_h = "soon"',
        ["beam.restart_h = 'soon'", "number"],
    ),
    "a value beyond its limits": (
        RING,
        "value = 430.0",
        "value = 600.0",
        ["knob.0", "value = 600.0 mA", "350.0 ... 500.0 mA"],
    ),
    "limits crossed": (
        RING,
        "low = 350.0",
        "low = 500.0",
        ["knob.0", "low = 500.0 mA", "not below high = 500.0 mA"],
    ),
    "a limit that is no number": (RING, "low = 350.0", "low = nan", ["knob.0", "low = nan"]),
    "a negative mean life": (
        RING,
        "mtbf_h = 9000.0",
        "mtbf_h = -1",
        ["mode.1.mtbf_h = -1", "greater than 0"],
    ),
    "an infinite mean life": (RING, "mtbf_h = 9000.0", "mtbf_h = inf", ["mode.1.mtbf_h = inf", "finite"]),
    "a crew of none": (RING, "size = 2", "size = 0", ["crew.1.size = 0", "greater than or equal to 1"]),
    "nothing but Touschek loss": (
        RING,
        "touschek_share = 0.8",
        "touschek_share = 1.0",
        ["touschek_share = 1.0", "less than or equal to 0.95"],
    ),
    "an effect unheard of": (
        RING,
        'effect = "dump"',
        'effect = "boom"',
        ["effect = 'boom'", "'dump', 'injection'"],
    ),
    "a phase unheard of": (RING, 'phase = "study"', 'phase = "rest"', ["phase = 'rest'", "'user', 'study'"]),
    "a name with blanks": (
        RING,
        'name = "coupling"',
        'name = "My knob"',
        ["knob.2.name = 'My knob'", "pattern"],
    ),
    "two knobs of one name": (
        RING,
        'name = "topup_interval"',
        'name = "coupling"',
        ["'coupling' is given twice", "rename one"],
    ),
    "a crew unknown": (
        RING,
        'crew = "rf"',
        'crew = "night"',
        ["subsystem 'rf' mode 'klystron'.crew = 'night'", "rf, general"],
    ),
    "a knob unknown to a law": (
        RING,
        "{ current = -0.8",
        "{ curent = -0.8",
        ["quantity 'lifetime'", "'curent'", "known are: current"],
    ),
    "a knob unknown to a hazard": (
        RING,
        "{ current = 2.5",
        "{ amps = 2.5",
        ["subsystem 'vacuum' mode 'interlock'", "'amps'", "known are: current"],
    ),
    "a flux unknown": (
        RING,
        'flux = "flux_mx"',
        'flux = "flux"',
        ["beamline 'mx'.flux = 'flux'", "flux_saxs"],
    ),
    "a beamline unknown": (
        RING,
        'beamline = "mx"',
        'beamline = "bl9"',
        ["subsystem 'bl1' mode 'robot'", "'bl9'", "mx, saxs"],
    ),
    "a beamline fault without beamline": (
        RING,
        'beamline = "mx"\n',
        "",
        ["subsystem 'bl1' mode 'robot'", "need each other"],
    ),
    "a calendar with an unknown beamline": (
        LINAC,
        'beamlines = ["sfx"]',
        'beamlines = ["sf"]',
        ["schedule.block[2]", "'sf'", "sfx, pump_probe"],
    ),
    "a ring without lifetime": (
        RING,
        'lifetime = "lifetime"\n',
        "",
        ["beam: a ring needs current_knob", "lifetime"],
    ),
    "a current knob unknown": (
        RING,
        'knob = "current"',
        'knob = "amps"',
        ["current_knob = 'amps'", "rf_voltage"],
    ),
    "a Touschek law without voltage": (
        RING,
        'voltage = "rf_voltage"\n',
        "",
        ["quantity 'lifetime'", "needs voltage", "MV"],
    ),
    "an injector on a linac": (
        LINAC,
        'effect = "dump"',
        'effect = "injection"',
        ["subsystem 'section_1' mode 'trip'", "needs a ring"],
    ),
    "an infinite restart": (RING, "restart_h = 0.30", "restart_h = inf", ["beam.restart_h = inf", "finite"]),
    "a slope that is no number": (
        RING,
        "ooling_water = 0.15",
        "ooling_water = nan",
        ["cooling_water = nan", "finite"],
    ),
    "a flux of nothing": (
        RING,
        "value = 2.0e12",
        "value = 0.0",
        ["quantity 'flux_mx'", "value = 0", "above 0"],
    ),
    "a current down to zero": (RING, "low = 350.0", "low = 0.0", ["knob 'current'", "low = 0 mA", "above 0"]),
    "no user time": (RING, 'phase = "user"', 'phase = "study"', ["schedule: no block has phase = 'user'"]),
    "no TOML": (RING, "[beam]", "[beam", ["not TOML", "line"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_gives_one_error_that_names_file_place_value_and_bound(mistake):
    text, right, wrong, words = MISTAKES[mistake]
    assert right in text, "the mistake must change the file"
    with pytest.raises(twin.UserError) as caught:
        parse(text.replace(right, wrong, 1), Path("my.toml"))
    message = str(caught.value)
    assert message.startswith("my.toml: ")
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message and "pydantic" not in message


def test_a_power_of_a_condition_that_is_zero_is_refused_with_the_way_out():
    text = RING.replace("value = 26.0", "value = 0.0").replace("slope = { hall_temp", "power = { hall_temp")
    with pytest.raises(
        twin.UserError, match=r"'hall_temperature' has no positive reference value.*use slope"
    ):
        parse(text, Path("my.toml"))


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "log.h5").write_bytes(b"\x89HDF\xff")
    with pytest.raises(twin.UserError, match=r"log\.h5: not text in UTF-8"):
        twin.load(tmp_path / "log.h5")


def test_all_mistakes_are_told_at_once():
    text = RING.replace("mtbf_h = 9000.0", "mtbf_h = -1").replace('crew = "rf"', 'crwe = "rf"', 1)
    with pytest.raises(twin.UserError, match=r"mtbf_h = -1.*crwe = 'rf'"):
        parse(text)


def test_a_missing_file_is_told_with_what_is_built_in(tmp_path):
    with pytest.raises(twin.UserError, match=r"nowhere\.toml.*built in are: storage-ring, xfel-linac"):
        twin.load(tmp_path / "nowhere.toml")


def test_a_users_file_is_read_and_named_in_errors(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(LINAC)
    assert twin.load(path) == twin.load("xfel-linac")
    path.write_text("kind = 3")
    with pytest.raises(twin.UserError, match=r"mine\.toml: .*kind = 3"):
        twin.load(path)


@pytest.mark.parametrize("name", twin.built_in())
def test_each_built_in_facility_says_where_its_numbers_come_from(name):
    facility = twin.load(name)
    assert facility.name == name
    assert facility.published and all(len(p.source) > 10 for p in facility.published)
    rows = [q.source for q in facility.quantity] + [m.source for _, m, _ in facility.processes]
    assert all(rows) and facility.beam.source


@pytest.mark.parametrize("name", twin.built_in())
def test_at_the_reference_the_nominal_law_gives_back_the_file(name):
    facility = twin.load(name)
    law, built = nominal.nominal(facility), plant.build(facility)
    point = nominal.at(
        law, np.array([k.value for k in facility.knob]), np.array([c.value for c in facility.condition])
    )
    np.testing.assert_allclose(point.quantity, [q.value for q in facility.quantity], rtol=1e-12)
    life_h = [math.gamma(1 + 1 / k) * h ** (-1 / k) for h, k in zip(point.hazard, built.shape, strict=True)]
    np.testing.assert_allclose(life_h, [m.mtbf_h / n for _, m, n in facility.processes], rtol=1e-12)


def test_memoryless_units_are_one_process_and_ageing_units_one_each():
    facility = twin.load("storage-ring")
    klystrons = [f"rf.klystron.{i}" for i in (1, 2, 3, 4)]
    assert facility.process_names[:5] == ["rf.trip", *klystrons]
    assert [n for _, _, n in facility.processes][:5] == [4, 1, 1, 1, 1]


def test_a_power_a_slope_and_a_sum_act_as_the_file_says():
    ring, linac = twin.load("storage-ring"), twin.load("xfel-linac")
    held, conditions = np.array([k.value for k in ring.knob]), np.array([26.0, 31.0])
    held[1] *= 1.1
    hazard = nominal.at(nominal.nominal(ring), held, conditions).hazard[0]
    assert hazard == pytest.approx(4 / ring.subsystem[0].mode[0].mtbf_h * 1.1**3 * math.exp(0.15), rel=1e-12)
    sections = np.array([7.4, 7.9, 7.4, 200.0])
    energy = nominal.at(nominal.nominal(linac), sections, np.array([27.0])).quantity[0]
    assert energy == pytest.approx(799.2 + 36.0 * 0.5, rel=1e-12)

"""The examples: files that load, real logs with the rows their READMEs name, and one whole way to advice."""

import json
import os
import subprocess
from pathlib import Path

import h5py
import pytest

import twin
from controllers.recommendation import read
from dashboard.cli.main import main
from replay_data.mapping import load_map
from surrogate import registry
from twin import batched, reference, whatif
from twin.draws import draw, enough
from twin.nominal import nominal
from twin.plant import build
from twin.scenario import ahead

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("BEAMTWIN_DATA", ROOT / "../shared/data"))
EXAMPLES = sorted(p.parent.name for p in ROOT.glob("examples/*/map.toml"))

SOURCES = {
    "facet": ("slac_tuning_2026/slac_tuning_2026.h5", "facet_quadscan_points", 1845, 1845),
    "lcls": ("slac_tuning_2026/slac_tuning_2026.h5", "lcls_tuning", 1060, 972),
    "fermi": ("fermi_rl_2020/fermi_rl_2020.h5", "transitions", 3797, 3797),
    "awa": ("awa_emittance_2021/awa_emittance_2021.h5", "bayes_exploration_4d", 335, 258),
    "cryo": ("lcls2_cryo_q0/lcls2_cryo_q0.h5", "runs", 1654, 63),
    "aps8id": ("aps_8id_scans_2016/aps_8id_scans_2016.h5", "points", 158_704, 158_704),
}
"""Source, table, its rows by the README of the data, and the rows used by the README of the examples."""


def source(name):
    path = DATA / SOURCES[name][0]
    if not path.is_file():
        pytest.skip(f"{SOURCES[name][0]} is not at hand: set BEAMTWIN_DATA to the folder of the real logs")
    return path


def folder(name):
    return ROOT / "examples" / name


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BEAMTWIN_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_loads_and_is_described(name):
    facility, layout = twin.load(folder(name) / "facility.toml"), load_map(folder(name) / "map.toml")
    assert layout.facility == facility.name
    assert layout.table == SOURCES[name][1]
    assert f"| `{name}` |" in (ROOT / "examples/README.md").read_text()
    assert f"source={SOURCES[name][0]}\n" in (folder(name) / "run.sh").read_text()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_script_without_data_says_so_and_is_no_failure(name, tmp_path):
    script = folder(name) / "run.sh"
    env = {
        "PATH": os.environ["PATH"],
        "BEAMTWIN_DATA": str(tmp_path),
        "BEAMTWIN_HOME": str(tmp_path / "home"),
    }
    done = subprocess.run(
        ["sh", str(script)], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and done.stdout.startswith(f"{name}: skipped, ")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_real_log_has_the_rows_that_the_readmes_name(name, home, capsys):
    path, (_, table, rows, used) = source(name), SOURCES[name]
    with h5py.File(path, "r") as file:
        assert int(file[table].attrs["n_rows"]) == rows
    told = home / "told.json"
    log = ["-o", str(home / "log.h5"), "--map", str(folder(name) / "map.toml"), "--json", str(told)]
    assert main(["import", str(path), *log]) == 0
    found = json.loads(told.read_text())
    assert (found["rows_read"], found["rows_used"]) == (rows, used)
    assert main(["check", str(home / "log.h5"), "--facility", str(folder(name) / "facility.toml")]) == 0
    assert f"{used:,} of {rows:,} rows used" in capsys.readouterr().out


def test_a_facility_without_ways_to_fail_runs_alike_on_both_engines():
    facility = twin.load(folder("fermi") / "facility.toml")
    plant, law, world = build(facility), nominal(facility), ahead(facility, 168.0)
    draws = draw(facility, 8, *enough(facility, 168.0), seed=1)
    plain, fast = (engine.simulate(plant, law, draws, world) for engine in (reference, batched))
    assert facility.process_names == [] and not plain.exhausted.any()
    for a, b in zip(plain, fast, strict=True):
        assert a == pytest.approx(b, rel=1e-9, abs=1e-9)
    assert plain.delivered_h == pytest.approx(plain.user_h) and (plain.samples > 0).all()


def replayed(name, home) -> dict:
    """What a replay under the facility file's own law tells of a real log, drawn as a page too."""
    path, facility, log = source(name), str(folder(name) / "facility.toml"), str(home / f"{name}.h5")
    assert main(["import", str(path), "-o", log, "--map", str(folder(name) / "map.toml")]) == 0
    out = ["--json", str(home / "told.json"), "--plot", str(home / "page.html")]
    assert main(["replay", facility, log, *out]) == 0
    assert "record and twin" in (home / "page.html").read_text()
    return json.loads((home / "told.json").read_text())


def test_five_real_days_of_a_beamline_are_replayed_with_the_figures_that_the_docs_tell(home):
    told = replayed("aps8id", home)
    assert (told["measured"], told["samples"], told["never_idle"]) == ([877], [572], [True])
    heat, current = (told["residuals"][name] for name in ("sample_temperature", "ring_current"))
    assert heat["rows"] == current["rows"] == 68
    assert (heat["bias"], current["bias"]) == pytest.approx((0.0855, 0.0170), abs=5e-4)
    assert current["mae"] == pytest.approx(0.0384, abs=5e-4) and current["coverage"] is None


def test_a_real_night_of_tuning_is_shown_beside_the_twin_row_by_row(home):
    told = replayed("lcls", home)
    assert told["residuals"]["pulse_energy"]["rows"] == 972
    assert told["residuals"]["pulse_energy"]["bias"] == pytest.approx(-0.225, abs=1e-3)


@pytest.mark.slow
def test_a_new_user_goes_from_the_fermi_log_to_a_recommendation(home, capsys):
    path, facility, log = source("fermi"), str(folder("fermi") / "facility.toml"), str(home / "fermi.h5")
    assert main(["import", str(path), "-o", log, "--map", str(folder("fermi") / "map.toml")]) == 0
    assert main(["train", facility, log]) == 0
    card = registry.load(None, "fermi-seed").entry.card
    (skill,) = card["skill"]
    assert card["usable"] and skill["high"] < 0 and skill["n"] == 1139
    assert main(["recommend", facility, log, "--json", str(home / "made.json")]) == 0
    made = read(home / "made.json")
    assert made.verdict in ("change", "hold") and made.confirmed.largest_difference < 1e-6
    assert made.support.inside and all(k.low <= k.proposed <= k.high for k in made.knobs)
    assert made.headline in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.slow
def test_a_model_that_loses_is_refused_in_words(home, capsys):
    path, facility, log = source("lcls"), str(folder("lcls") / "facility.toml"), str(home / "lcls.h5")
    assert main(["import", str(path), "-o", log, "--map", str(folder("lcls") / "map.toml")]) == 0
    assert main(["train", facility, log]) == 1
    assert main(["recommend", facility, log]) == 1
    assert "does not beat the best baseline" in capsys.readouterr().out.replace("\n", " ")


def test_a_log_too_short_to_learn_from_is_refused_with_its_number_of_rows(home, capsys):
    path, facility, log = source("cryo"), str(folder("cryo") / "facility.toml"), str(home / "cryo.h5")
    assert main(["import", str(path), "-o", log, "--map", str(folder("cryo") / "map.toml")]) == 0
    assert main(["train", facility, log]) == 2
    assert "63 usable rows of 63" in capsys.readouterr().err


def test_the_scenario_names_real_settings_crews_and_modes(capsys):
    path = ROOT / "examples/whatif.toml"
    scenario = whatif.read(path)
    assert [case.name for case in scenario.case] == [
        "lower RF voltage", "second RF crew", "faster klystron repair", "spare magnet supply",
    ]  # fmt: skip
    assert main(["check", str(path)]) == 0
    assert "4 case(s); nothing is wrong" in capsys.readouterr().out.replace("\n", " ")

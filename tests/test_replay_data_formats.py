"""Every importer with a sample of its format: values, clocks, units, names and severities, all counted."""

import hashlib
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_data import formats
from replay_data.export import export
from replay_data.formats import FORMATS, find
from replay_data.formats.names import channel_names
from replay_data.formats.protocol import always
from replay_data.importers import import_log
from replay_data.mapping import load_map
from replay_data.runlog import open_log
from replay_data.samples import make
from twin.errors import UserError

SAMPLES = Path(make.__file__).parent


@dataclass(frozen=True)
class Case:
    """A sample, how it is imported, and what must come of it."""

    source: str
    read: int
    used: int
    start: str
    span_s: float
    channels: dict[str, tuple]  # name: (pv, role, unit, title, samples)
    skipped: dict[tuple[str, str], int] = field(default_factory=dict)
    layout: str | None = None
    tabular: bool = False


ROWS = {
    "gradient": ("LINAC:GRAD", "setpoint", "MV/m", "", 3),
    "pulse_energy": ("FEL:PULSE", "quantity", "mJ", "", 19),
}
NOT_OK = {("rows", "not ok = 1"): 4}
DAY = "2026-02-01T00:00:00Z"
XGM = "sa1_xtd2_xgm_xgm_doocs"

CASES = {
    "csv": Case(
        "rows.csv", 25, 20, DAY, 115.0, ROWS, {**NOT_OK, ("rows", "wrong number of fields"): 1}, "rows.toml"
    ),
    "Parquet": Case("rows.parquet", 24, 20, DAY, 115.0, ROWS, NOT_OK, "rows-parquet.toml"),
    "columnar HDF5": Case("rows.h5", 24, 20, DAY, 115.0, ROWS, NOT_OK, "rows-h5.toml"),
    "SDDS": Case(
        "ring.sdds", 50, 50, DAY, 800.125,
        {"s35dcct_currentcc": ("S35DCCT:currentCC", "readback", "mA", "Stored current", 50),
         "lifetime": ("Lifetime", "readback", "h", "", 50)},
    ),
    "Badger/Xopt": Case(
        "badger.yaml", 12, 11, DAY, 42.0625,
        {"quad_li21_201_bctrl": ("QUAD:LI21:201:BCTRL", "setpoint", "", "", 11),
         "quad_li21_211_bctrl": ("QUAD:LI21:211:BCTRL", "setpoint", "", "", 11),
         "gdet_fee1_241_enrc": ("GDET:FEE1:241:ENRC", "quantity", "", "", 11),
         "charge": ("charge", "quantity", "", "", 11)},
        {("rows", "not xopt_error = 0"): 1}, tabular=True,
    ),
    "bluesky documents": Case(
        "scans.jsonl", 13, 13, "2026-02-01T03:03:21Z", 1006.5,
        {"mono_energy": ("PV:XF:MONO", "setpoint", "eV", "", 13), "i0": ("PV:XF:I0", "quantity", "nA", "", 13)},
        tabular=True,
    ),
    "EPICS Archiver Appliance": Case(
        "archiver.json", 69, 68, "2026-01-31T22:53:20Z", 4260.5701,
        {"stored_current": ("SR:DCCT:CURRENT", "quantity", "mA", "Stored beam current", 60),
         "rf_voltage": ("SR:RF:VOLTAGE:SET", "setpoint", "MV", "", 2),
         "orbit": ("SR:BPM01:WF", "readback", "mm", "", 6)},
        {("stored_current", "stamp before 1990-01-01"): 1}, "archiver.toml",
    ),
    "European XFEL HDF5": Case(
        "RAW-R0001-DA01-S00000.h5", 100, 61, DAY, 2.9,
        {f"control_{XGM}_pulseenergy_photonflux":
            ("SA1_XTD2_XGM/XGM/DOOCS/pulseEnergy/photonFlux", "readback", "uJ", "Photon flux", 28),
         f"instrument_{XGM}_output_data_width":
            ("SA1_XTD2_XGM/XGM/DOOCS:output/data/width", "readback", "", "", 33)},
        {(f"control_{XGM}_pulseenergy_photonflux", "train's timing not safe"): 2,
         (f"instrument_{XGM}_output_data_width", "train's timing not safe"): 2,
         (f"instrument_{XGM}_output_data_intensitytd", "train's timing not safe"): 2,
         (f"instrument_{XGM}_output_data_intensitytd", "a waveform: name one element like PV[3]"): 33},
    ),
    "NeXus NXlog": Case(
        "daslogs.nxs", 68, 65, "2026-02-01T05:00:00Z", 18.0,
        {"entry_daslogs_motor": ("entry/DASlogs/motor", "readback", "mm", "", 8),
         "entry_daslogs_proton_charge": ("entry/DASlogs/proton_charge", "readback", "pC", "", 40),
         "entry_daslogs_raw_only": ("entry/DASlogs/raw_only", "readback", "", "Counts before calibration", 5),
         "entry_daslogs_speed": ("entry/DASlogs/speed", "readback", "Hz", "", 12)},
        {("entry_daslogs_state", "text, not a number"): 3},
    ),
    "FLASH HDF5": Case(
        "flash.h5", 105, 104, DAY, 5.0,
        {"pulse_energy": ("FL1/Photon Diagnostic/GMD/Average energy/energy tunnel", "quantity", "uJ", "", 45),
         "orbit_x": ("FL1/Electron Diagnostic/BPM/14FL1BPM/position horizontal", "readback", "um", "", 50),
         "gas_pressure": ("FL1/Beamlines/Attenuator/pressure", "condition", "mbar", "", 9)},
        {("gas_pressure", "no train number"): 1}, "flash.toml",
    ),
    "beamtwin's own export": Case(
        "exported", 68, 68, "2026-01-31T22:53:20Z", 4260.5701,
        {"stored_current": ("SR:DCCT:CURRENT", "quantity", "mA", "Stored beam current", 60),
         "rf_voltage": ("SR:RF:VOLTAGE:SET", "setpoint", "MV", "", 2),
         "orbit": ("SR:BPM01:WF", "readback", "mm", "", 6)},
    ),
}  # fmt: skip
"""One case for every importer."""


@pytest.fixture
def samples(tmp_path):
    """The samples, and an export of one of them."""
    import_log(SAMPLES / "archiver.json", tmp_path / "a.h5", SAMPLES / "archiver.toml")
    with open_log(tmp_path / "a.h5") as log:
        export(log, tmp_path / "exported", "csv")
    return lambda name: tmp_path / name if name == "exported" else SAMPLES / name


def imported(samples, tmp_path, name):
    case = CASES[name]
    layout = SAMPLES / case.layout if case.layout else None
    named = None if layout or name == "beamtwin's own export" else "somewhere"
    result = import_log(samples(case.source), tmp_path / "log.h5", layout, facility=named)
    return case, result, open_log(tmp_path / "log.h5")


NEW = '''"""Lines of time and value."""

from datetime import UTC, datetime

import numpy as np

from replay_data.formats.protocol import Channels
from replay_data.sources import Signal, Signals


def read(path, wanted, layout):
    time_s, value = np.loadtxt(path).T
    return Signals([Signal("x", datetime(2026, 2, 2, tzinfo=UTC), time_s, value, "mA")])


LINES = Channels("lines", (".lines",), read)
'''


def test_a_new_file_in_the_package_is_a_new_importer(tmp_path, monkeypatch):
    (tmp_path / "a_new_one.py").write_text(NEW)
    (tmp_path / "x.lines").write_text("0.0 1.0\n60.0 2.0\n")
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    monkeypatch.setattr(formats, "FORMATS", formats.discovered())
    assert {one.name for one in formats.FORMATS} == {*CASES, "lines"}
    import_log(tmp_path / "x.lines", tmp_path / "log.h5", facility="somewhere")
    with open_log(tmp_path / "log.h5") as log:
        assert log.channel("x").value.tolist() == [1.0, 2.0]
    sys.modules.pop("replay_data.formats.a_new_one")


@pytest.mark.parametrize("name", CASES)
def test_of_the_importers_that_inspect_the_content_one_at_most_accepts_a_sample(name, samples):
    path = samples(CASES[name].source)
    fits = [one for one in FORMATS if path.name.lower().endswith(one.suffixes) and one.accepts is not always]
    assert sum(one.accepts(path) for one in fits if path.is_dir() == one.folder) <= 1


def test_every_importer_has_its_case():
    assert set(CASES) == {one.name for one in FORMATS}


@pytest.mark.parametrize("name", CASES)
def test_a_sample_comes_in_with_its_clock_names_units_and_every_sample_counted(name, samples, tmp_path):
    case, result, log = imported(samples, tmp_path, name)
    with log:
        channels = [log.channel(n) for n in log.names]
        found = {c.name: (c.pv, c.role, c.unit, c.title, c.value.size) for c in channels}
        assert found == case.channels
        assert (log.start, log.tabular) == (case.start, case.tabular)
        assert log.hours * 3600 == pytest.approx(case.span_s, abs=1e-4)
        assert all(np.all(np.diff(c.time_h) >= 0) and c.time_h[0] >= 0 for c in channels)
        assert log.table("import")["rows_read"][0] == case.read
    skipped = {(d.where, d.what): d.samples for d in result.defects if d.action == "dropped"}
    assert skipped == case.skipped and not [d for d in result.defects if d.action == "repaired"]
    assert (result.rows_read, result.rows_used) == (case.read, case.used)
    assert result.rows_read == result.rows_used + sum(skipped.values())
    if result.counted == "rows":
        assert all(c.samples + c.missing + c.repeats == result.rows_used for c in result.channels)
    else:
        assert result.rows_used == sum(c.samples for c in result.channels)
        assert result.rows_read - result.rows_used == sum(c.missing for c in result.channels)


@pytest.mark.parametrize("name", CASES)
def test_two_imports_of_one_sample_are_equal_byte_for_byte(name, samples, tmp_path):
    for log in ("one", "two"):
        (tmp_path / log).mkdir()
        imported(samples, tmp_path / log, name)[2].close()
    assert (tmp_path / "one/log.h5").read_bytes() == (tmp_path / "two/log.h5").read_bytes()


@pytest.mark.parametrize("one", FORMATS, ids=lambda f: f.name)
def test_every_importer_finds_its_sample_and_refuses_garbage_in_words(one, samples, tmp_path):
    case = CASES[one.name]
    layout = load_map(SAMPLES / case.layout) if case.layout else None
    assert find(samples(case.source), layout.table if layout else None) is one
    for suffix in one.suffixes:
        path = tmp_path / f"x{suffix}"
        path.write_bytes(b"\0garbage \xff\n")
        with pytest.raises(UserError, match=f"x{suffix}: "):
            import_log(
                path,
                tmp_path / "out.h5",
                SAMPLES / case.layout if case.layout else None,
                facility=None if case.layout else "f",
            )
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.source not in ("exported", "rows.csv")]
)
def test_a_sample_cut_short_is_refused_in_words(name, tmp_path):
    case = CASES[name]
    whole = (SAMPLES / case.source).read_bytes()
    (tmp_path / case.source).write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(UserError, match=case.source):
        import_log(tmp_path / case.source, tmp_path / "out.h5", SAMPLES / case.layout if case.layout else None,
                   facility=None if case.layout else "f")  # fmt: skip
    assert list(tmp_path.iterdir()) == [tmp_path / case.source]


def test_the_samples_are_small_have_their_checksums_and_are_made_again_alike(tmp_path):
    listed = dict(reversed(line.split()) for line in (SAMPLES / "SHA256SUMS").read_text().splitlines())
    assert set(listed) == set(make.MAKERS)
    make.main(tmp_path)
    for name, digest in listed.items():
        data = (SAMPLES / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest and len(data) < 1_000_000
        assert f"`{name}`" in (SAMPLES / "README.md").read_text()
        if not name.endswith(".parquet"):  # it holds the version of the library that wrote it
            assert (tmp_path / name).read_bytes() == data


def channel_of(tmp_path, source, name, **how):
    import_log(source, tmp_path / "log.h5", **how)
    with open_log(tmp_path / "log.h5") as log:
        return log.channel(name)


def test_the_numbers_of_the_archiver_come_in_to_the_nanosecond_with_their_severities(tmp_path):
    current = channel_of(
        tmp_path, SAMPLES / "archiver.json", "stored_current", map_path=SAMPLES / "archiver.toml"
    )
    nanos = np.random.default_rng(4).integers(1e9, size=60)
    np.testing.assert_allclose(
        current.time_h * 3600, 3960 + 5.0 * np.arange(60) + nanos / 1e9, rtol=0, atol=2e-9
    )
    np.testing.assert_array_equal(np.flatnonzero(current.severity == 2), [19, 20, 21, 22])
    assert current.severity[29] == 3 and np.isnan(current.value[29]) and np.isnan(current.value).sum() == 1
    orbit = channel_of(tmp_path, SAMPLES / "archiver.json", "orbit", map_path=SAMPLES / "archiver.toml")
    np.testing.assert_array_equal(orbit.value, -0.002)


def test_the_clocks_of_nexus_logs_are_read_in_their_units_with_start_zone_and_factor(tmp_path):
    def of(name):
        return channel_of(tmp_path, SAMPLES / "daslogs.nxs", f"entry_daslogs_{name}", facility="sns")

    np.testing.assert_allclose(of("proton_charge").time_h * 3600, 0.5 + np.arange(40) / 60, rtol=1e-12)
    np.testing.assert_allclose(of("speed").time_h * 3600, 1.5 * np.arange(12), rtol=1e-12)
    motor = of("motor")
    np.testing.assert_allclose(motor.time_h * 3600, 0.250000001 * np.arange(8), rtol=1e-15, atol=1e-15)
    np.testing.assert_array_equal(motor.severity, [0, 0, 1, 1, 1, 0, 0, 0])
    assert motor.value.dtype == np.int32 and of("speed").value.dtype == np.float32


def test_rows_of_a_train_go_to_its_time_and_control_keys_to_every_train(tmp_path):
    width = channel_of(
        tmp_path, SAMPLES / "RAW-R0001-DA01-S00000.h5", f"instrument_{XGM}_output_data_width", facility="x"
    )
    trains = np.r_[np.arange(5, 20), np.repeat(np.arange(20, 29), 2)]
    np.testing.assert_allclose(width.time_h * 3600, 0.1 * trains + 7e-9, atol=2e-10)
    np.testing.assert_array_equal(width.value, np.arange(33))


def test_files_of_a_folder_are_joined_and_what_two_of_them_hold_counts_once(tmp_path):
    (tmp_path / "run").mkdir()
    text = (SAMPLES / "archiver.json").read_text()
    for name in ("a.json", "b.json"):
        (tmp_path / "run" / name).write_text(text)
    result = import_log(tmp_path / "run", tmp_path / "log.h5", SAMPLES / "archiver.toml")
    whole = import_log(SAMPLES / "archiver.json", tmp_path / "whole.h5", SAMPLES / "archiver.toml")
    assert result.rows_read == 2 * whole.rows_read
    again = {d.where: d.samples for d in result.defects if d.what == "in two files"}
    assert again == {
        "stored_current": 60 - 1 + 1,
        "rf_voltage": 2,
        "orbit": 6,
    }  # NaN differs from itself, 1990 is equal
    assert result.rows_read == result.rows_used + sum(
        d.samples for d in result.defects if d.action == "dropped"
    )


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "a folder without a file to import"),
        (
            {"a.sdds": "ring.sdds", "b.csv": "rows.csv"},
            r"files of several formats \(a.sdds: SDDS, b.csv: csv\)",
        ),
        ({"a.csv": "rows.csv", "b.csv": "rows.csv"}, "2 files with rows; join them"),
    ],
)
def test_a_folder_that_cannot_be_imported_is_refused_in_words(files, words, tmp_path):
    (tmp_path / "run").mkdir()
    for name, sample in files.items():
        (tmp_path / "run" / name).write_bytes((SAMPLES / sample).read_bytes())
    with pytest.raises(UserError, match=words):
        import_log(tmp_path / "run", tmp_path / "log.h5", facility="f")


@pytest.mark.parametrize(
    ("source", "before", "after", "words"),
    [
        ("archiver", 'role = "quantity"', 'role = "quantity"\nfill = "both"', "map: channel stored_current: fill"),
        ("archiver", "[[channel]]", '[[where]]\ncolumn = "x"\npresent = true\n[[channel]]', r"map: \[\[where\]\]"),
        ("archiver", "[[channel]]", '[time]\nunit = "unix_s"\ncolumn = "t"\n[[channel]]', r"map: \[time\]"),
        ("archiver", '"SR:BPM01:WF[1]"', '["SR:BPM01:WF[1]", "SR:MODE"]', "channel orbit: several columns"),
        ("archiver", "SR:DCCT:CURRENT", "SR:DCCT:CURRANT", "lacks PV 'SR:DCCT:CURRANT'; it has: SR:DCCT:CURRENT"),
        ("archiver", "SR:DCCT:CURRENT", "SR:MODE", "channel stored_current: the file gives no unit"),
        ("flash", '"trains"', '"rows"', "but no clock; write"),
        ("rows", 'unit = "MV/m"\n', "", "channel gradient: the file gives no unit"),
        ("rows", '[time]\ncolumn = "time"\nunit = "unix_s"\n', "", "rows need a clock other than train numbers"),
    ],
)  # fmt: skip
def test_a_map_that_does_not_fit_its_file_is_refused_in_words(source, before, after, words, tmp_path):
    text = (SAMPLES / f"{source}.toml").read_text()
    assert before in text
    (tmp_path / "map.toml").write_text(text.replace(before, after, 1))
    path = {"archiver": "archiver.json", "flash": "flash.h5", "rows": "rows.csv"}[source]
    with pytest.raises(UserError, match=words):
        import_log(SAMPLES / path, tmp_path / "log.h5", tmp_path / "map.toml")
    assert not (tmp_path / "log.h5").exists()


def test_an_element_that_a_waveform_lacks_is_named(tmp_path):
    text = (SAMPLES / "flash.toml").read_text().replace("horizontal[1]", "horizontal[9]")
    (tmp_path / "map.toml").write_text(text)
    result = import_log(SAMPLES / "flash.h5", tmp_path / "log.h5", tmp_path / "map.toml")
    assert {(d.what, d.samples) for d in result.defects if d.where == "orbit_x"} == {("no element 9", 50)}


def test_a_unit_that_map_and_file_give_differently_is_named(tmp_path):
    text = (SAMPLES / "archiver.toml").read_text().replace('CURRENT"\n', 'CURRENT"\nunit = "A"\n', 1)
    (tmp_path / "map.toml").write_text(text)
    result = import_log(SAMPLES / "archiver.json", tmp_path / "log.h5", tmp_path / "map.toml")
    (found,) = [d for d in result.defects if d.where == "stored_current" and d.action == "kept"]
    assert found.detail == "'mA' in the file, 'A' in the map, and no scale"


def test_a_log_without_a_name_for_its_facility_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not name its facility; give --facility NAME, or a map"):
        import_log(SAMPLES / "daslogs.nxs", tmp_path / "log.h5")
    with pytest.raises(UserError, match=r"SDDS needs a map of its columns, --map MAP, or --facility NAME"):
        import_log(SAMPLES / "ring.sdds", tmp_path / "log.h5")
    with pytest.raises(UserError, match="leave out --facility"):
        import_log(SAMPLES / "archiver.json", tmp_path / "log.h5", SAMPLES / "archiver.toml", facility="x")


def test_the_oldest_train_file_without_clock_takes_it_from_the_map(tmp_path):
    source = tmp_path / "old.h5"
    source.write_bytes((SAMPLES / "RAW-R0001-DA01-S00000.h5").read_bytes())
    with h5py.File(source, "r+") as file:
        del file["INDEX/timestamp"], file["INDEX/flag"], file["METADATA/dataFormatVersion"]
        file.move("METADATA/dataSources/root", "METADATA/root")
        file.move("METADATA/dataSources/deviceId", "METADATA/deviceId")
        del file["METADATA/dataSources"]
    with pytest.raises(UserError, match="has train numbers but no clock"):
        import_log(source, tmp_path / "log.h5", facility="x")
    text = (SAMPLES / "flash.toml").read_text().split("[[channel]]")[0]
    key = "INSTRUMENT/SA1_XTD2_XGM/XGM/DOOCS:output/data/intensityTD[2]"
    (tmp_path / "map.toml").write_text(
        f'{text}[[channel]]\nname = "x"\ncolumn = "{key}"\nunit = "1"\nrole = "readback"\n'
    )
    import_log(source, tmp_path / "log.h5", tmp_path / "map.toml")
    with open_log(tmp_path / "log.h5") as log:
        x = log.channel("x")
    with h5py.File(SAMPLES / "RAW-R0001-DA01-S00000.h5") as file:
        raw = np.asarray(file["INSTRUMENT/SA1_XTD2_XGM/XGM/DOOCS:output/data/intensityTD"])
    np.testing.assert_array_equal(x.value, raw[:33, 2])
    np.testing.assert_allclose(x.time_h[-1] * 3600, 2.8)


@given(st.lists(st.text(max_size=6) | st.sampled_from(["A", "a", "a:2", "a_2", "A 2"]), max_size=20))
def test_names_made_of_pvs_are_names_and_none_stands_twice(pvs):
    names = channel_names(pvs)
    assert len(set(names)) == len(names) == len(pvs)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)

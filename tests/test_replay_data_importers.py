"""Imports: CSV and columnar HDF5 become run-logs, every row is accounted for, mistakes are in words."""

import os
import tomllib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import twin
from replay_data.check import check
from replay_data.formats import SUFFIXES
from replay_data.importers import import_log
from replay_data.mapping import load_map
from replay_data.runlog import open_log
from replay_data.view import LogView
from twin.errors import UserError

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("BEAMTWIN_DATA", ROOT / "../shared/data"))

CSV = """time, gradient ,pulse,ok
2026-02-01T00:00:10Z,7.0,500,yes
2026-02-01T00:00:00+00:00,,501,yes
1980-01-01T00:00:00Z,7.0,502,yes
whenever,7.0,503,yes
2026-02-01T00:00:20,7.0,oops,yes
2026-02-01T00:00:30,7.5,505,no
2026-02-01T00:00:40,7.5,,yes

2026-02-01T00:00:50,7.5
2026-02-01 01:01:00+01:00,8.0,509,yes
2026-02-01T00:01:10,,,yes
"""
MAP = """
facility = "small"
[time]
column = "time"
unit = "iso8601"
[[where]]
column = "ok"
equals = "yes"
[[channel]]
name = "gradient"
column = "gradient"
unit = "MV/m"
role = "setpoint"
[[channel]]
name = "pulse"
column = "pulse"
unit = "mJ"
role = "quantity"
scale = 1e-3
offset = 1.0
title = "Pulse energy"
"""
TABULAR = """
facility = "small"
table = "scans/points"
tabular = true
[time]
column = "t"
unit = "unix_s"
step_s = 0.5
[[where]]
column = "size"
low = 1.0
high = 100.0
[[channel]]
name = "quad"
column = "q"
unit = "A"
role = "setpoint"
fill = "both"
[[channel]]
name = "density"
column = ["size", "height"]
unit = "1/mm2"
role = "quantity"
power = -0.5
scale = 2.0
"""


def put(path, text):
    path.write_text(text)
    return path


def scan(path):
    """Three scans with one stamp each, out of order; quad written only where it changed."""
    with h5py.File(path, "w") as file:
        group = file.create_group("scans/points")
        group["t"] = 1.7e9 + np.repeat([10, 0, 20], 2)
        group["q"] = [np.nan, 5.0, np.nan, 4.0, 6.0, np.nan]
        group["size"] = np.array([4, 4, 16, 1000, 4, 0.5], np.float32)
        group["height"] = [4, 1, 1, 1, 0, 1]
        group["name"] = np.array(["a", "b", "c", "d", "e", "f"], dtype=h5py.string_dtype())
        group["image"] = np.zeros((6, 2))
    return path


def imported(tmp_path, source, layout):
    result = import_log(source, tmp_path / "log.h5", put(tmp_path / "map.toml", layout))
    return result, open_log(tmp_path / "log.h5")


def counts(result):
    return {(d.where, d.what): (d.samples, d.action) for d in result.defects}


def test_a_csv_becomes_a_run_log_and_every_row_is_accounted_for(tmp_path):
    result, log = imported(tmp_path, put(tmp_path / "x.csv", CSV), MAP)
    assert counts(result) == {
        ("rows", "wrong number of fields"): (1, "dropped"),
        ("rows", "no time stamp"): (1, "dropped"),
        ("rows", "stamp before 1990-01-01"): (1, "dropped"),
        ("rows", "out of time order: sorted"): (2, "repaired"),
        ("rows", "not ok = yes"): (1, "dropped"),
        ("rows", "no recorded value in any channel"): (1, "dropped"),
        ("column pulse", "not a number"): (1, "dropped"),
    }
    skipped = sum(d.samples for d in result.defects if d.where == "rows" and d.action == "dropped")
    assert (result.rows_read, result.rows_used) == (10, 5) == (result.rows_used + skipped, 10 - skipped)
    with log:
        assert (log.facility, log.start, log.tabular) == ("small", "2026-02-01T00:00:00Z", False)
        gradient, pulse = log.channel("gradient"), log.channel("pulse")
        np.testing.assert_allclose(gradient.time_h * 3600, [10, 40, 60])
        np.testing.assert_array_equal(gradient.value, [7.0, 7.5, 8.0])
        np.testing.assert_allclose(pulse.time_h * 3600, [0, 10, 60])
        np.testing.assert_allclose(pulse.value, [1.501, 1.5, 1.509])
        assert (pulse.unit, pulse.role, pulse.pv, pulse.title) == ("mJ", "quantity", "pulse", "Pulse energy")
    for channel in result.channels:
        assert channel.samples + channel.missing + channel.repeats == result.rows_used


def test_columnar_hdf5_becomes_a_tabular_log_with_fill_formula_and_spread_stamps(tmp_path):
    result, log = imported(tmp_path, scan(tmp_path / "x.h5"), TABULAR)
    assert counts(result) == {
        ("rows", "out of time order: sorted"): (4, "repaired"),
        ("rows", "not size >= 1 and size <= 100"): (2, "dropped"),
    }
    with log:
        quad, density = log.channel("quad"), log.channel("density")
        assert log.tabular and log.start == "2023-11-14T22:13:20Z"
        np.testing.assert_allclose(quad.time_h * 3600, [0, 10, 10.5, 20])
        np.testing.assert_array_equal(quad.value, [4.0, 4.0, 5.0, 6.0])
        np.testing.assert_allclose(density.value, [0.5, 0.5, 1.0])
        np.testing.assert_allclose(density.time_h * 3600, [0, 10, 10.5])
        table = log.table("import")
        assert table["source"][0] == "x.h5" and (table["rows_read"][0], table["rows_used"][0]) == (6, 4)
    by_name = {c.name: (c.samples, c.missing, c.filled, c.repeats) for c in result.channels}
    assert by_name == {"quad": (4, 0, 2, 0), "density": (3, 1, 0, 0)}


def test_two_imports_of_one_file_are_equal_byte_for_byte(tmp_path):
    source, layout = scan(tmp_path / "x.h5"), put(tmp_path / "map.toml", TABULAR)
    import_log(source, tmp_path / "a.h5", layout)
    import_log(source, tmp_path / "b.h5", layout)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize(
    ("time", "stamps_s", "start"),
    [
        ('unit = "rows"\nevery_s = 2.0\nstart = "2026-01-01"', [0, 2, 4], "2026-01-01T00:00:00Z"),
        ('unit = "hours"\ncolumn = "h"\nstart = "2026-01-01"', [3600, 5400, 9000], "2026-01-01T00:00:00Z"),
        ('unit = "unix_s"\ncolumn = "u"', [0.25, 1, 2], "2023-11-14T22:13:20Z"),
        ('unit = "iso8601"\nformat = "%d.%m.%y %H:%M"\ncolumn = "d"', [0, 60, 120], "2026-02-01T08:00:00Z"),
    ],
)
def test_every_kind_of_clock_is_read(tmp_path, time, stamps_s, start):
    rows = (
        "1,1700000000.25,01.02.26 08:00,1\n1.5,1700000001,01.02.26 08:01,2\n2.5,1700000002,01.02.26 08:02,3\n"
    )
    rows, channel = f"h,u,d,x\n{rows}", 'name = "x"\ncolumn = "x"\nunit = ""\nrole = "quantity"'
    layout = f'facility = "f"\n[time]\n{time}\n[[channel]]\n{channel}\n'
    result, log = imported(tmp_path, put(tmp_path / "x.csv", rows), layout)
    with log:
        assert result.start == log.start == start
        np.testing.assert_allclose(log.channel("x").time_h * 3600, stamps_s, atol=1e-6)
        assert log.hours * 3600 == pytest.approx(stamps_s[-1] + np.median(np.diff(stamps_s)))


def test_shared_stamps_are_named_and_too_long_a_step_is_refused(tmp_path):
    source = scan(tmp_path / "x.h5")
    result, _ = imported(tmp_path, source, TABULAR.replace("step_s = 0.5", ""))
    assert counts(result)["rows", "stamp shared with another row"] == (1, "kept")
    with pytest.raises(UserError, match=r"step_s = 15 s .* shorten it"):
        imported(tmp_path, source, TABULAR.replace("0.5", "15.0", 1))


def test_progress_is_reports_from_start_to_end(tmp_path):
    reports = []
    layout = put(tmp_path / "map.toml", TABULAR)
    import_log(
        scan(tmp_path / "x.h5"), tmp_path / "log.h5", layout, lambda text, part: reports.append((text, part))
    )
    assert reports[0] == ("reading x.h5", 0.0) and reports[-1] == ("done", 1.0)
    assert [part for _, part in reports] == sorted(part for _, part in reports)


def test_a_source_that_cannot_be_imported_is_refused_in_words(tmp_path):
    scan(tmp_path / "x.h5")
    imported(tmp_path, tmp_path / "x.h5", TABULAR)[1].close()
    put(tmp_path / "fake.h5", "text")
    put(tmp_path / "x.csv", CSV)
    put(tmp_path / "x.xls", "")
    put(tmp_path / "empty.csv", "")
    (tmp_path / "latin.csv").write_bytes(b"time,gradient,pulse,ok\n\xe9\xff,1,2,3\n")
    for source, layout, words in [
        ("absent.csv", MAP, "no such file"),
        ("log.h5", TABULAR, "already a beamtwin run-log"),
        ("fake.h5", TABULAR, "not an HDF5 file"),
        ("x.xls", MAP, r"no importer for .xls; known suffixes: .*\.csv, \.parquet"),
        ("empty.csv", MAP, r"lacks column 'time', 'ok', 'gradient', 'pulse'; it has: \(none\)"),
        ("latin.csv", MAP, "not a CSV in UTF-8"),
        ("x.csv", MAP.replace('"ok"', '"fine"'), r"lacks column 'fine'; it has: time, gradient, pulse, ok"),
        ("x.csv", MAP.replace('"yes"', '"maybe"'), r"none of 10 rows can be used \(.*not ok = maybe: 7"),
        ("x.csv", TABULAR, "a CSV has no tables"),
        ("x.h5", MAP, r"names no table; give table = one of: scans/points"),
        (
            "x.h5",
            TABULAR.replace("points", "lines"),
            r"no table 'scans/lines'; give table = one of: scans/points",
        ),
        ("x.h5", TABULAR.replace('"q"', '"image"'), r"lacks column 'image'"),
    ]:
        with pytest.raises(UserError, match=words):
            import_log(tmp_path / source, tmp_path / "out.h5", put(tmp_path / "map.toml", layout))
    assert not (tmp_path / "out.h5").exists()


def test_an_import_without_map_says_so_and_names_an_example(tmp_path):
    with pytest.raises(UserError, match=r"needs a map.*docs/importers.md.*examples/fermi/map.toml"):
        import_log(put(tmp_path / "x.csv", CSV), tmp_path / "log.h5")
    assert (ROOT / "examples/fermi/map.toml").is_file() and (ROOT / "docs/importers.md").is_file()


def test_the_output_never_replaces_the_source(tmp_path):
    source = put(tmp_path / "x.csv", CSV)
    with pytest.raises(UserError, match="would replace the source"):
        import_log(source, source, put(tmp_path / "map.toml", MAP))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("[time]", "[time", "not TOML"),
        ('unit = "iso8601"', 'unit = "rows"', r"time: unit = 'rows' needs every_s, start"),
        ('unit = "iso8601"', 'unit = "iso8601"\nevery_s = 1.0', r"unit = 'iso8601' does not take every_s"),
        ('equals = "yes"', "", r"where.0: give equals, low and/or high, or present = true"),
        ('role = "setpoint"', 'role = "knob"', r"channel.0.role = 'knob'"),
        ('title = "Pulse energy"', "titel = 1", r"channel.1.titel = 1: Extra inputs"),
        ('name = "pulse"', 'name = "gradient"', r"channel gradient is defined twice"),
    ],
)
def test_a_defective_map_is_refused_with_its_key(tmp_path, before, after, words):
    with pytest.raises(UserError, match=words):
        load_map(put(tmp_path / "map.toml", MAP.replace(before, after, 1)))


SOURCES = {
    "facet": ("slac_tuning_2026/slac_tuning_2026.h5", 1845, {"x_rms": 1825, "y_rms": 1831}),
    "lcls": ("slac_tuning_2026/slac_tuning_2026.h5", 972, {"pulse_energy": 972}),
    "fermi": ("fermi_rl_2020/fermi_rl_2020.h5", 3797, {"intensity": 3797}),
    "awa": ("awa_emittance_2021/awa_emittance_2021.h5", 258, {"emittance": 258}),
    "cryo": ("lcls2_cryo_q0/lcls2_cryo_q0.h5", 63, {"boil_off": 63}),
    "aps8id": ("aps_8id_scans_2016/aps_8id_scans_2016.h5", 118, {"ring_current": 108}),
}
"""Each example's source, rows of its frame, and how many of them hold each quantity."""


@pytest.mark.parametrize("name", sorted(p.parent.name for p in ROOT.glob("examples/*/map.toml")))
def test_every_example_imports_to_the_rows_that_its_data_has(name, tmp_path):
    source, rows, present = SOURCES[name]
    if not (DATA / source).is_file():
        pytest.skip(f"{source} is not at hand: set BEAMTWIN_DATA to the folder of the real logs")
    facility = twin.load(ROOT / "examples" / name / "facility.toml")
    result = import_log(DATA / source, tmp_path / "log.h5", ROOT / "examples" / name / "map.toml")
    dropped = sum(d.samples for d in result.defects if d.where == "rows" and d.action == "dropped")
    assert result.rows_read == result.rows_used + dropped
    with open_log(tmp_path / "log.h5") as log:
        report, table = check(log, facility), LogView(log, facility).frame
    assert not report.fatal and not [d for d in report.defects if d.severity == "error"]
    assert not [d for d in report.defects if d.what == "outside the limits"]
    assert table.sizes["time"] == rows
    assert {q: int(table[q].notnull().sum()) for q in present} == present
    assert all(table[knob.name].notnull().all() for knob in facility.knob)


def test_the_last_thirty_percent_of_facet_are_its_last_scans(tmp_path):
    source = DATA / SOURCES["facet"][0]
    if not source.is_file():
        pytest.skip("slac_tuning_2026 is not at hand: set BEAMTWIN_DATA to the folder of the real logs")
    import_log(source, tmp_path / "log.h5", ROOT / "examples/facet/map.toml")
    facility = twin.load(ROOT / "examples/facet/facility.toml")
    with open_log(tmp_path / "log.h5") as log:
        table = LogView(log, facility).frame
    with h5py.File(source) as file:
        points: Any = file["facet_quadscan_points"]
        order = np.argsort(points["scan_ts"][()], kind="stable")
        size = np.sqrt(points["x_rms_micron_sq"][()])[order]
    np.testing.assert_allclose(table["x_rms"].values, size, rtol=1e-12)
    split = round(0.7 * table.sizes["time"])
    assert (split, table.sizes["time"] - split) == (1292, 553)


@pytest.mark.parametrize("name", sorted(p.parent.name for p in ROOT.glob("examples/*/map.toml")))
def test_every_example_is_a_facility_whose_map_agrees_with_it(name):
    facility, layout = (
        twin.load(ROOT / "examples" / name / "facility.toml"),
        load_map(ROOT / "examples" / name / "map.toml"),
    )
    assert layout.facility == facility.name and facility.process_names == []
    units = {i.name: i.unit for i in (*facility.knob, *facility.condition, *facility.quantity)}
    assert units == {
        c.name: c.unit for c in layout.channel if c.role in ("setpoint", "condition", "quantity")
    }
    assert name in (ROOT / "examples/README.md").read_text()


def test_the_documented_maps_are_maps(tmp_path):
    blocks = (ROOT / "docs/importers.md").read_text().split("```toml\n")[1:]
    assert blocks
    for block in blocks:
        text = block.split("```")[0]
        assert tomllib.loads(text) and load_map(put(tmp_path / "map.toml", text))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_reader_refuses_a_run_log_or_garbage_in_words(suffix, tmp_path):
    with pytest.raises(UserError, match=f"x{suffix}: "):
        import_log(
            put(tmp_path / f"x{suffix}", "\0garbage"),
            tmp_path / "log.h5",
            put(tmp_path / "map.toml", TABULAR),
        )

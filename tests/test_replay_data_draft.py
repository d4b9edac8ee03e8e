"""Drafts: a facility file and an import map from a table or log, valid at once, with every guess marked."""

import csv
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h5py
import numpy as np
import pytest

from replay_data.check import check
from replay_data.draft import draft
from replay_data.draft.facility import limits
from replay_data.draft.headers import unit_in
from replay_data.importers import import_log
from replay_data.mapping import load_map
from replay_data.record import instant
from replay_data.runlog import open_log
from twin import UserError, load
from twin.facility import parse

SAMPLES = Path(__file__).parent.parent / "replay_data" / "samples"
SOURCES = [
    "rows.csv", "rows.parquet", "rows.h5", "archiver.json", "daslogs.nxs", "ring.sdds", "badger.yaml", "scans.jsonl",
    "flash.h5", "RAW-R0001-DA01-S00000.h5",
]  # fmt: skip
START = datetime(2026, 3, 2, 6, tzinfo=UTC)
ROWS = 400


def machine() -> dict[str, list]:
    """A table every ten minutes: one column of each role, in the ways in which people head their columns."""
    rng = np.random.default_rng(5)
    steps = np.repeat(rng.uniform(390.0, 440.0, 10), ROWS // 10)
    hours = np.arange(ROWS) / 6.0
    columns = {
        "current_set [mA]": np.round(steps, 1),
        "current (mA)": np.round(steps + 0.2 * rng.normal(size=ROWS), 3),
        "HallTemp_degC": np.round(
            26.0 + 0.5 * np.sin(2 * np.pi * hours / 24.0) + 0.01 * rng.normal(size=ROWS), 3
        ),
        "lifetime / h": np.round(30.0 * (400.0 / steps) ** 0.8 + 0.1 * rng.normal(size=ROWS), 4),
        "shutter": rng.integers(0, 2, ROWS),
        "pulses": np.cumsum(rng.integers(1, 9, ROWS)),
        "operator": ["night crew"] * ROWS,
        "gain": [3.5] * ROWS,
    }
    return {name: list(cells) for name, cells in columns.items()}


def table(path: Path, columns: dict[str, list]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(columns)
        out.writerows(zip(*columns.values(), strict=True))
    return path


def stamps(form: str = "%Y-%m-%dT%H:%M:%SZ", every_s: float = 600.0, rows: int = ROWS) -> list[str]:
    return [(START + timedelta(seconds=every_s * i)).strftime(form) for i in range(rows)]


def drafted(source: Path, folder: Path, **options):
    """The draft of a source, the facility and the map that it loads as, and the log that the map imports."""
    made = draft(source, **options)
    (folder / "facility.toml").write_text(made.facility, encoding="utf-8")
    (folder / "map.toml").write_text(made.map, encoding="utf-8")
    facility, layout = load(folder / "facility.toml"), load_map(folder / "map.toml")
    account = import_log(source, folder / "log.h5", folder / "map.toml")
    return made, facility, layout, account


@pytest.mark.parametrize("name", SOURCES)
def test_the_draft_of_every_kind_of_source_loads_and_imports_at_once(name, tmp_path):
    made, facility, layout, account = drafted(SAMPLES / name, tmp_path)
    assert account.rows_used > 0 and account.facility == facility.name == layout.facility == made.name
    assert [c.name for c in layout.channel] == [c.name for c in account.channels]
    described = {*facility.inputs, *(q.name for q in facility.quantity)}
    by_role = {c.name for c in layout.channel if c.role in ("setpoint", "condition", "quantity")}
    assert by_role <= described and described - by_role <= {"setting", "reading"}  # placeholders
    assert made.guesses > 5


@pytest.fixture
def found(tmp_path):
    source = table(tmp_path / "My Ring.csv", {"Time": stamps()} | machine())
    return drafted(source, tmp_path)


def test_roles_names_and_units_are_those_that_a_person_would_write(found):
    _, facility, layout, _ = found
    roles = {c.name: (c.role, c.unit) for c in layout.channel}
    assert roles == {
        "current_set": ("setpoint", "mA"), "current": ("readback", "mA"), "halltemp": ("condition", "degC"),
        "lifetime": ("quantity", "h"), "shutter": ("state", "1"), "pulses": ("counter", "1"), "gain": ("readback", "1"),
    }  # fmt: skip
    assert facility.name == "my-ring"
    assert [k.name for k in facility.knob] == ["current_set"] and facility.knob[0].pv == "current_set [mA]"
    assert [c.name for c in facility.condition] == ["halltemp"]
    assert [q.name for q in facility.quantity] == ["lifetime"] and facility.beamline[0].flux == "lifetime"


def test_limits_are_the_range_seen_with_a_margin_and_the_swing_is_the_one_seen(found):
    _, facility, _, _ = found
    seen = np.array(machine()["current_set [mA]"])
    (knob,) = facility.knob
    width = np.ptp(seen)
    assert knob.low == pytest.approx(seen.min() - 0.05 * width, abs=0.1) and knob.low < seen.min()
    assert knob.high == pytest.approx(seen.max() + 0.05 * width, abs=0.1) and knob.high > seen.max()
    assert knob.value == seen[-1]
    assert facility.condition[0].daily == pytest.approx(0.5, abs=0.01)
    assert facility.condition[0].value == pytest.approx(26.0, abs=0.1)


def test_a_log_that_the_drafted_map_imports_has_nothing_wrong_for_the_drafted_facility(found, tmp_path):
    _, facility, _, account = found
    assert (account.rows_read, account.rows_used) == (ROWS, ROWS)
    with open_log(tmp_path / "log.h5") as log:
        report = check(log, facility)
        assert not report.fatal and [d for d in report.defects if d.severity == "error"] == []
        assert instant(log.start) == START


def test_every_guess_is_marked_with_its_reason_and_every_column_is_accounted_for(found):
    made, *_ = found
    facts = ("name", "pv", "hours = 168", "phase", "title", 'unit = "mA"', "column")
    for line in (made.facility + made.map).splitlines():
        key = line.split(" = ")[0]
        if " = " in line and not line.startswith("#") and key not in facts and line not in facts:
            known = key == "facility" or key == "unit" or (key == "title" and "guessed" not in line)
            assert "# guessed: " in line or known, line
    assert made.guesses == (made.facility + made.map).count("# guessed: ") > 20
    assert "#   operator: text" in made.map
    assert "role = \"readback\"  # guessed: it follows 'current_set [mA]', within" in made.map


CLOCKS = {
    "iso with a zone": (stamps(), {"unit": "iso8601"}, START),
    "iso without": (stamps("%Y-%m-%d %H:%M:%S"), {"unit": "iso8601"}, START),
    "german": (stamps("%d.%m.%Y %H:%M:%S"), {"unit": "iso8601", "format": "%d.%m.%Y %H:%M:%S"}, START),
    "japanese": (stamps("%Y/%m/%d %H:%M:%S"), {"unit": "iso8601", "format": "%Y/%m/%d %H:%M:%S"}, START),
    "unix": ([START.timestamp() + 600.0 * i for i in range(ROWS)], {"unit": "unix_s"}, START),
    "milliseconds": (
        [int(1e3 * (START.timestamp() + 600.0 * i)) for i in range(ROWS)], {"unit": "rows", "every_s": 600.0}, START,
    ),
    "seconds since somewhen": ([600.0 * i for i in range(ROWS)], {"unit": "rows", "every_s": 600.0}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOCKS)
def test_the_clock_is_found_however_it_is_written(name, tmp_path):
    cells, keys, start = CLOCKS[name]
    made, _, layout, account = drafted(table(tmp_path / "t.csv", machine() | {"time": cells}), tmp_path)
    assert layout.time is not None and keys.items() <= layout.time.model_dump().items()
    assert "time" not in [c.name for c in layout.channel] and not layout.tabular
    assert account.hours == pytest.approx(ROWS / 6.0)
    assert start is None or instant(account.start) == start
    zone = "read as UTC" in made.map
    assert zone == (name in ("iso without", "german", "japanese"))


def test_hours_since_a_start_are_read_as_such_and_the_start_is_marked(tmp_path):
    cells = [i / 6.0 for i in range(ROWS)]
    made, _, layout, account = drafted(table(tmp_path / "t.csv", {"time_h": cells} | machine()), tmp_path)
    assert layout.time is not None and (layout.time.unit, layout.time.column) == ("hours", "time_h")
    assert 'start = "2026-01-01T00:00:00Z"  # guessed: not in the data' in made.map
    assert account.hours == pytest.approx(ROWS / 6.0)


def test_an_uneven_clock_that_cannot_be_imported_is_doubted_in_words(tmp_path):
    cells = [i**2 for i in range(ROWS)]
    made, *_ = drafted(table(tmp_path / "t.csv", {"time": cells} | machine()), tmp_path)
    assert "though not all are: convert 'time' to seconds since 1970" in made.map


def test_a_table_without_a_clock_is_one_of_evaluations(tmp_path):
    columns = {name: cells for name, cells in machine().items() if name != "pulses"}
    made, _, layout, _ = drafted(table(tmp_path / "t.csv", columns), tmp_path)
    assert layout.tabular and layout.time is not None and layout.time.unit == "rows"
    assert "# guessed: no column holds times" in made.map


def test_rows_that_share_a_stamp_are_placed_apart_and_in_order(tmp_path):
    cells = [START.timestamp() + 600.0 * (i // 4) for i in range(ROWS)]
    _, _, layout, _ = drafted(table(tmp_path / "t.csv", {"epoch": cells} | machine()), tmp_path)
    assert layout.time is not None and layout.time.step_s is not None and 0 < 4 * layout.time.step_s < 600.0
    with open_log(tmp_path / "log.h5") as log:
        assert (np.diff(log.channel("lifetime").time_h) > 0).all()


def test_names_that_toml_must_escape_come_through(tmp_path):
    odd = {
        'say "hi" \\ there': [1.0, 2.0, 3.0],
        "two\nlines": [5.0, 5.5, 6.0],
        "strömung 流": [0.1, 0.2, 0.4],
    }
    _, facility, layout, _ = drafted(table(tmp_path / "t.csv", {"t": [0, 1, 2]} | odd), tmp_path)
    assert {c.column for c in layout.channel} == set(odd)
    assert len({*facility.inputs, *(q.name for q in facility.quantity)}) == 3


def test_a_flux_is_above_zero_and_placeholders_take_no_name_that_is_taken(tmp_path):
    """One reading, below zero, called as a placeholder would be: both placeholders are named otherwise."""
    columns = {"t": list(range(20)), "setting": [-1.0 - 0.1 * i**2 for i in range(20)]}
    _, facility, layout, _ = drafted(table(tmp_path / "t.csv", columns), tmp_path)
    assert [c.name for c in layout.channel] == ["setting"]
    assert [k.name for k in facility.knob] == ["setting_2"]
    assert [q.name for q in facility.quantity] == ["setting", "reading"] and facility.beamline[
        0
    ].flux == "reading"


def test_of_several_tables_the_longest_is_taken_unless_another_is_named(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for name, rows in (("short", 30), ("a/long", 90)):
            file[f"{name}/x"], file[f"{name}/y"] = np.arange(rows) % 3 * 1.5, np.linspace(0.0, 1.3, rows) ** 2
            file[f"{name}/y"].attrs["units"] = "uJ"
        file["a/long/corner"] = np.zeros(4)
    made, _, layout, account = drafted(tmp_path / "t.h5", tmp_path)
    assert (layout.table, account.rows_read) == ("a/long", 90) and "others are short" in made.map
    assert {c.column: c.unit for c in layout.channel} == {"x": "1", "y": "uJ"}
    _, _, layout, account = drafted(tmp_path / "t.h5", tmp_path, table="short")
    assert (layout.table, account.rows_read) == ("short", 30)
    with pytest.raises(UserError, match="no table 'c'; give --table one of: a/long, short"):
        draft(tmp_path / "t.h5", table="c")


def test_of_a_run_log_the_facility_alone_is_drafted_with_what_its_faults_say(ring_log, ring):
    made = draft(ring_log)
    facility = parse(made.facility)
    assert made.map is None and facility.name == "my-storage-ring"
    assert [k.name for k in facility.knob] == [k.name for k in ring.knob]
    assert [k.unit for k in facility.knob] == [k.unit for k in ring.knob]
    assert {q.name for q in facility.quantity} == {q.name for q in ring.quantity}
    with open_log(ring_log) as log:
        faults, hours = log.table("faults"), log.hours
    (rf,) = [s for s in facility.subsystem if s.name == "rf"]
    (trip,) = [m for m in rf.mode if m.name == "trip"]
    count = int((faults["process"] == "rf.trip").sum())
    assert trip.mtbf_h == pytest.approx(hours / count, rel=1e-3)
    lasted = (faults["end_h"] - faults["start_h"])[faults["process"] == "rf.trip"]
    assert trip.repair.median_h == pytest.approx(np.nanmedian(lasted), rel=0.01)


MISTAKES = {
    "time;cur\n1;2\n": "its header is one column, 'time;cur'; save it with commas",
    "1767225600,1.5\n1767225601,1.6\n": "its first line holds numbers, not names; write a header line",
    "t,v,t,v\n1,2,3,4\n": "column 't', 'v' appears twice in the header; rename one",
    "a,b\nx,y\n": "none of its columns holds numbers",
    "a,b\n": "holds no rows",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_what_cannot_be_drafted_is_refused_in_one_line(text, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        draft(path)
    assert MISTAKES[text] in str(refused.value) and "\n" not in str(refused.value)


def test_an_archiver_and_a_file_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(UserError, match="draft reads files"):
        draft("http://archiver:17668/retrieval")
    with pytest.raises(UserError, match="no such file"):
        draft(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("name", "bare", "unit"),
    [("current [mA]", "current", "mA"), ("current (mA)", "current", "mA"), ("temp / degC", "temp", "degC"),
     ("cav1_MV", "cav1", "MV"), ("level_pct", "level", "%"), ("x [anything]", "x", "anything"),
     ("mean (new)", "mean (new)", ""), ("x_min", "x_min", ""), ("beam_size", "beam_size", "")],
)  # fmt: skip
def test_units_are_read_off_names(name, bare, unit):
    assert unit_in(name) == (bare, unit)


@pytest.mark.parametrize(
    "seen", [(0.0, 1.0), (-3e-7, 2e-7), (1e9, 1.1e9), (0.002, 5.0), (-7.0, -7.0), (0.0, 0.0)]
)
def test_limits_hold_all_that_was_seen_and_rise(seen):
    low, high, digits = limits(np.array(seen))
    assert low <= min(seen) and max(seen) < high and 0 <= digits <= 9
    assert min(seen) < 0 or low >= 0
    assert high - low < 1.2 * max(np.ptp(seen), abs(max(seen)), 1.0 if seen == (0.0, 0.0) else 0.0) + 1e-300


def test_both_texts_are_toml_whose_tables_are_in_the_order_of_the_built_in_files(found):
    made, *_ = found
    order = ["name", "title", "kind", "beam", "knob", "condition", "quantity", "schedule", "beamline"]
    assert list(tomllib.loads(made.facility)) == order
    assert next(iter(tomllib.loads(made.map))) == "facility"

"""The run-log: what is written is read, errors are in words, frames equal a plain slow loop."""

import hashlib
from dataclasses import replace
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_data import clean as cleaning
from replay_data import record as records
from replay_data.clean import clean
from replay_data.record import TABLES
from replay_data.runlog import Channel, Record, open_log, write
from replay_data.view import LogView
from twin.errors import UserError
from twin.facility import parse

FACILITY = parse(
    """
name = "small"
title = "Small machine"
kind = "linac"
beam = { restart_h = 0.1 }
schedule = { user_h_per_year = 4000, block = [{ phase = "user", hours = 24 }] }
[[knob]]
name = "gradient"
title = "Gradient"
pv = "L:GRAD"
unit = "MV/m"
low = 5.0
high = 9.0
value = 7.0
ramp_per_h = 1.0
[[knob]]
name = "charge"
title = "Charge"
pv = "G:Q"
unit = "pC"
low = 100.0
high = 300.0
value = 200.0
ramp_per_h = 60.0
[[condition]]
name = "water"
title = "Water temperature"
pv = "W:T"
unit = "degC"
value = 30.0
[[quantity]]
name = "pulse"
title = "Pulse energy"
pv = "FEL:E"
unit = "uJ"
value = 500.0
[[beamline]]
name = "line"
title = "Beamline"
flux = "pulse"
exchange_min = 5
exposure_min = 5
experiments_per_week = 5
samples_per_experiment = 10
"""
)


def channel(name, time_h, value, unit="", role="quantity"):
    return Channel(
        name, np.array(time_h, float), np.array(value, float), unit, role, f"PV:{name}", name.title()
    )


def record(channels, hours=8.0, tables=None, tabular=False):
    return Record(
        "small", "2026-01-31T08:00:00Z", hours, {c.name: c for c in channels}, tables or {}, tabular
    )


def shift(seed=0, hours=8.0):
    """A plain log: two knobs, a condition, a quantity, the beam's state."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0, hours, 200))
    return record(
        [
            channel("gradient", [0, 2.5, 5.0], [7.0, 7.5, 6.5], "MV/m", "setpoint"),
            channel("charge", [0], [200.0], "pC", "setpoint"),
            channel("water", [0.1, 3.3, 7.2], [29.0, 30.0, 31.0], "degC", "condition"),
            channel("pulse", t, 500 + rng.normal(0, 5, t.size), "uJ"),
            channel("beam_state", [0, 3.2, 3.4, 3.5], [2, 0, 1, 2], role="state"),
        ],
        hours,
        {
            "faults": {
                "process": np.array(["gun.trip", "gun.träge"]),
                "start_h": np.array([3.2, 7.0]),
                "repair_start_h": np.array([3.2, 7.0]),
                "end_h": np.array([3.4, np.nan]),
                "cause": np.array(["", "arc"]),
                "comment": np.array(["", "µ-wave"]),
            },
            "notes": {"text": np.array([], str), "number": np.array([], int)},
        },
    )


def test_what_is_written_is_read_again(tmp_path):
    before = shift()
    write(before, tmp_path / "log.h5")
    with open_log(tmp_path / "log.h5") as log:
        assert (log.facility, log.start, log.hours, log.tabular) == ("small", before.start, 8.0, False)
        assert log.names == before.names
        for name in log.names:
            old, new = before.channel(name), log.channel(name)
            np.testing.assert_allclose(new.time_h, old.time_h, rtol=1e-15)
            np.testing.assert_array_equal(new.value, old.value)
            assert (new.unit, new.role, new.pv, new.title) == (old.unit, old.role, old.pv, old.title)
        assert log.table_names == ["faults", "notes"]
        for name in before.tables:
            for column, values in before.tables[name].items():
                np.testing.assert_array_equal(log.table(name)[column], values)


def test_equal_records_give_equal_files_and_the_hash_is_that_of_the_bytes(tmp_path):
    write(shift(), tmp_path / "a.h5")
    write(shift(), tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    with open_log(tmp_path / "a.h5") as log:
        assert log.sha256 == hashlib.sha256((tmp_path / "a.h5").read_bytes()).hexdigest()


def test_the_file_is_nexus_as_a_viewer_expects_it(tmp_path):
    write(shift(), tmp_path / "log.h5")
    with h5py.File(tmp_path / "log.h5") as file:
        assert file.attrs["default"] == "entry"
        assert file["entry"].attrs["NX_class"] == "NXentry"
        log: Any = file["entry/channels/pulse"]
        assert (log.attrs["NX_class"], log.attrs["role"], log.attrs["pv"]) == (
            "NXlog",
            "quantity",
            "PV:pulse",
        )
        assert log["time"].attrs["start"] == "2026-01-31T08:00:00Z"
        assert (log["time"].attrs["units"], log["value"].attrs["units"]) == ("s", "uJ")
        assert log["time"].dtype == np.float64
        assert "severity" not in log


def test_a_generic_nexus_reader_finds_every_log_with_its_values_and_units(tmp_path):
    nexus = pytest.importorskip("nexusformat.nexus")
    write(shift(), tmp_path / "log.h5")
    root = nexus.nxload(str(tmp_path / "log.h5"))
    channels = root["entry/channels"]
    assert {type(channels[name]).__name__ for name in channels} == {"NXlog"} and len(channels) == 5
    pulse = channels["pulse"]
    plotted = nexus.NXdata(pulse["value"], pulse["time"])  # as the reader's own plot of an NXlog does
    assert plotted.nxsignal.shape == plotted.nxaxes[0].shape == (200,)
    np.testing.assert_array_equal(pulse["value"].nxvalue, shift().channel("pulse").value)
    assert pulse["value"].attrs["units"] == "uJ"


def test_alarm_severities_come_back_where_they_are_known(tmp_path):
    before = shift()
    severity = (np.arange(200) % 4).astype(np.int8)
    before.channels["pulse"] = replace(before.channels["pulse"], severity=severity)
    write(before, tmp_path / "log.h5")
    with open_log(tmp_path / "log.h5") as log:
        np.testing.assert_array_equal(log.channel("pulse").severity, severity)
        assert log.channel("water").severity is None and log.bare("pulse").severity.size == 0
    before.channels["pulse"] = replace(before.channels["pulse"], severity=severity[1:])
    with pytest.raises(ValueError, match="199 severities for 200 values"):
        write(before, tmp_path / "log.h5")


def test_a_log_of_the_first_format_is_still_read(tmp_path):
    write(shift(), tmp_path / "log.h5")
    with h5py.File(tmp_path / "log.h5", "a") as file:
        assert file["entry"].attrs["beamtwin_format"] == 2
        file["entry"].attrs["beamtwin_format"] = 1
    with open_log(tmp_path / "log.h5") as log:
        assert LogView(log, FACILITY).frame.equals(LogView(shift(), FACILITY).frame)


def test_a_log_written_from_a_log_is_the_same_file(tmp_path):
    write(shift(), tmp_path / "a.h5")
    with open_log(tmp_path / "a.h5") as log:
        write(log, tmp_path / "b.h5")
    with open_log(tmp_path / "b.h5") as log:
        for name in log.names:
            np.testing.assert_allclose(log.channel(name).time_h, shift().channel(name).time_h, rtol=1e-15)
            np.testing.assert_array_equal(log.channel(name).value, shift().channel(name).value)
        assert log.table("faults")["comment"].tolist() == shift().table("faults")["comment"].tolist()


def test_stamps_and_values_of_unlike_length_are_named(tmp_path):
    write(shift(), tmp_path / "log.h5")
    with h5py.File(tmp_path / "log.h5", "a") as file:
        del file["entry/channels/pulse/value"]
        file["entry/channels/pulse/value"] = [1.0]
    with (
        open_log(tmp_path / "log.h5") as log,
        pytest.raises(UserError, match=r"'pulse' cannot be read.*\[1, 200\]"),
    ):
        log.channel("pulse")


def test_a_frame_read_in_blocks_is_the_same(monkeypatch):
    whole = LogView(shift(), FACILITY).frame_of(0.5)
    monkeypatch.setattr(records, "BLOCK", 70)
    monkeypatch.setattr(cleaning, "TAIL", 12)
    for name in whole:
        np.testing.assert_allclose(LogView(shift(), FACILITY).frame_of(0.5)[name], whole[name], rtol=1e-12)


def test_a_writer_that_fails_leaves_the_old_log_and_no_debris(tmp_path):
    write(shift(), tmp_path / "log.h5")
    before = (tmp_path / "log.h5").read_bytes()
    bad = record([channel("pulse", [0, 1], [1, 2])], tables={"odd": {"x": np.array([1j])}})
    with pytest.raises(TypeError):
        write(bad, tmp_path / "log.h5")
    assert (tmp_path / "log.h5").read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["log.h5"]


def test_a_record_that_contradicts_itself_is_not_written(tmp_path):
    bad = Record("small", "2026-01-31", 1.0, {"a": channel("b", [0, 1], [1], role="guess")})
    with pytest.raises(ValueError, match=r"(?s)its own name is 'b'.*role 'guess'.*2 stamps for 1 values"):
        write(bad, tmp_path / "log.h5")
    with pytest.raises(UserError, match="'yesterday' is not ISO 8601"):
        write(Record("small", "yesterday", 1.0, {}), tmp_path / "log.h5")


def test_files_that_are_no_run_logs_are_refused_in_words(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        open_log(tmp_path / "absent.h5")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"not an HDF5 file.*beamtwin import"):
        open_log(tmp_path / "table.csv")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1.0]
    with pytest.raises(UserError, match=r"not a beamtwin run-log.*beamtwin import"):
        open_log(tmp_path / "other.h5")
    write(shift(), tmp_path / "newer.h5")
    with h5py.File(tmp_path / "newer.h5", "a") as file:
        file["entry"].attrs["beamtwin_format"] = 99
    with pytest.raises(UserError, match="beamtwin_format = 99"):
        open_log(tmp_path / "newer.h5")
    (tmp_path / "cut.h5").write_bytes((tmp_path / "newer.h5").read_bytes()[:700])
    with pytest.raises(UserError, match="cannot open it"):
        open_log(tmp_path / "cut.h5")


def test_an_unknown_channel_is_named_with_the_known_ones(tmp_path):
    write(shift(), tmp_path / "log.h5")
    with open_log(tmp_path / "log.h5") as log, pytest.raises(UserError, match=r"'pulze'.*gradient, charge"):
        log.channel("pulze")


def test_a_known_table_always_has_its_columns_and_another_is_empty(tmp_path):
    write(shift(), tmp_path / "log.h5")
    with open_log(tmp_path / "log.h5") as log:
        assert {c: v.size for c, v in log.table("schedule").items()} == dict.fromkeys(TABLES["schedule"], 0)
        assert log.table("channels") == log.table("recipes") == {}
    partly = record([], tables={"faults": {"process": np.array(["gun.trip"]), "start_h": np.array([1.0])}})
    assert list(partly.table("faults")) == ["process", "start_h", *list(TABLES["faults"])[2:]]
    assert np.isnan(partly.table("faults")["end_h"][0]) and partly.table("faults")["cause"][0] == ""


def slow_frame(log, facility, every_h):
    """The definition of ``frame``, one bin and one sample at a time."""
    channels = {name: clean(log.channel(name), log.start, log.hours)[0] for name in log.names}
    rows = []
    for i in range(int(np.floor(log.hours / every_h + 1e-9))):
        start, end = i * every_h, (i + 1) * every_h
        row = {"time": (start + end) / 2, "steady": True}
        for knob in facility.knob:
            row[knob.name], before = np.nan, None
            for t, v in zip(channels[knob.name].time_h, channels[knob.name].value, strict=True):
                if t <= row["time"]:
                    row[knob.name] = v
                if start < t < end and v != before:
                    row["steady"] = False
                before = v
        for item in (*facility.condition, *facility.quantity):
            c = channels[item.name]
            inside = [v for t, v in zip(c.time_h, c.value, strict=True) if start <= t < end]
            row[item.name] = np.mean(inside) if inside else np.nan
            if not inside and item in facility.condition and c.value.size:
                row[item.name] = np.interp(row["time"], c.time_h, c.value)
        states = [
            (t, v) for t, v in zip(channels["beam_state"].time_h, channels["beam_state"].value, strict=True)
        ]
        held = [v for t, v in states if t <= start][-1:] + [v for t, v in states if start < t < end]
        row["steady"] = row["steady"] and all(v == 2 for v in held)
        rows.append(row)
    return rows


@given(st.integers(0, 10**6), st.sampled_from([0.25, 0.5, 1.0, 3.0]))
@settings(max_examples=25, deadline=None)
def test_a_frame_equals_a_plain_slow_loop(seed, every_h):
    rng = np.random.default_rng(seed)

    def stamps(n):
        """Some at edges and centres of bins, some in none, some stamps outside the log."""
        return np.unique(np.append(np.round(rng.uniform(-0.2, 10.2, n) * 8) / 8, rng.uniform(0, 10, n)))

    def changes(n, values):
        t = np.append(0.0, stamps(n))
        return np.unique(t[t >= 0]), lambda t: rng.choice(values, t.size)

    t_knob, knob = changes(rng.integers(1, 6), [6.0, 7.0, 8.0])
    t_charge, charge = changes(1, [150.0, 200.0])
    t_state, state = changes(3, [0, 1, 2, 2, 2])
    t_water, t_pulse = stamps(rng.integers(0, 6)), stamps(rng.integers(0, 60))
    log = record(
        [
            channel("gradient", t_knob, knob(t_knob), "MV/m", "setpoint"),
            channel("charge", t_charge, charge(t_charge), "pC", "setpoint"),
            channel("water", t_water, rng.normal(30, 1, t_water.size), "degC", "condition"),
            channel("pulse", t_pulse, rng.normal(500, 9, t_pulse.size), "uJ"),
            channel("beam_state", t_state, state(t_state), role="state"),
        ],
        hours=10.0,
    )
    fast, slow = LogView(log, FACILITY).frame_of(every_h), slow_frame(log, FACILITY, every_h)
    for name in ("time", "gradient", "charge", "water", "pulse", "steady"):
        np.testing.assert_allclose(fast[name].values, [row[name] for row in slow], rtol=1e-12, err_msg=name)


def test_a_frame_of_the_file_is_that_of_the_record_and_carries_units(tmp_path):
    write(shift(), tmp_path / "log.h5")
    with open_log(tmp_path / "log.h5") as log:
        table = LogView(log, FACILITY).frame
    assert table.equals(LogView(shift(), FACILITY).frame)
    assert dict(table.sizes) == {"time": 8}
    assert table["pulse"].attrs == {"units": "uJ", "title": "Pulse energy"}
    assert table["time"].attrs["units"] == "h" and table["steady"].dtype == bool
    assert table["steady"].values.tolist() == [True, True, False, False, True, True, True, True]


def test_a_frame_is_made_of_cleaned_channels():
    t = np.arange(0, 8, 0.01)
    value = 500 + np.random.default_rng(0).normal(0, 1, t.size)
    worse = value.copy()
    worse[50], worse[250] = np.nan, 1e9
    spoilt = record([channel("pulse", t, worse, "uJ")])
    without = record([channel("pulse", np.delete(t, [50, 250]), np.delete(value, [50, 250]), "uJ")])
    np.testing.assert_array_equal(
        LogView(spoilt, FACILITY).frame["pulse"], LogView(without, FACILITY).frame["pulse"]
    )


def test_channels_that_are_not_recorded_become_nan_columns():
    log = record([channel("gradient", [1.5], [7.0], "MV/m", "setpoint")], hours=4.0)
    table = LogView(log, FACILITY).frame
    assert (
        np.isnan(table["charge"]).all() and np.isnan(table["water"]).all() and np.isnan(table["pulse"]).all()
    )
    np.testing.assert_array_equal(table["gradient"], [np.nan, 7.0, 7.0, 7.0])
    np.testing.assert_array_equal(table["steady"], [False, False, True, True])


def test_a_tabular_log_gives_one_row_a_stamp():
    stamps = [0.0, 0.1, 0.25, 7.0]
    log = record(
        [
            channel("gradient", stamps, [6, 7, 8, 7], "MV/m", "setpoint"),
            channel("charge", stamps[:1], [200], "pC", "setpoint"),
            channel("pulse", stamps[:2] + stamps[3:], [400, 9000, 480], "uJ"),
        ],
        tabular=True,
    )
    table = LogView(log, FACILITY).frame
    np.testing.assert_array_equal(table["time"], stamps)
    np.testing.assert_array_equal(table["charge"], [200.0] * 4)
    np.testing.assert_array_equal(table["pulse"], [400, 9000, np.nan, 480])
    assert table["steady"].all() and table.attrs["tabular"] == 1


def test_a_log_shorter_than_a_bin_and_a_wrong_unit_are_refused():
    with pytest.raises(UserError, match=r"lasts 0.5 h, less than a bin of 1 h"):
        LogView(shift(hours=0.5), FACILITY).frame_of(1.0)
    with pytest.raises(UserError, match=r"'pulse' is in 'mJ', the facility has 'uJ'"):
        LogView(record([channel("pulse", [0, 1], [1, 2], "mJ")]), FACILITY).frame_of(1.0)

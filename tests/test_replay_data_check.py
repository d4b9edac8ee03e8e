"""Checks of a run-log: each inserted defect is found and counted exactly, all at once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_data import clean as cleaning
from replay_data import record as records
from replay_data.check import check, clean, clean_faults
from replay_data.clean import stretches
from replay_data.record import Channel, Record
from replay_data.sensors import saturated
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
[[subsystem]]
name = "gun"
title = "Gun"
mode = [{ name = "trip", effect = "dump", mtbf_h = 50, repair = { median_h = 0.3, sigma = 0.5 } }]
[[subsystem]]
name = "rf"
title = "RF"
mode = [{ name = "trip", effect = "dump", mtbf_h = 20, repair = { median_h = 0.1, sigma = 0.5 } }]
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
START = "2026-01-31T08:00:00Z"
HOURS = 20.0
SCHEDULE = {
    "start_h": np.array([0.0]),
    "end_h": np.array([HOURS]),
    "phase": np.array(["user"]),
    "beamlines": np.array(["line"]),
}


def sensor(name="pulse", n=1200, unit="uJ", role="quantity", level=500.0, seed=1):
    """A healthy sensor: noise of 1 %, a sample a minute."""
    rng = np.random.default_rng(seed)
    return Channel(name, np.arange(n) * HOURS / n, level * (1 + 0.01 * rng.normal(size=n)), unit, role)


def healthy():
    return {
        "gradient": Channel("gradient", np.array([0.0, 5.0]), np.array([7.0, 7.5]), "MV/m", "setpoint"),
        "water": sensor("water", unit="degC", role="condition", level=30.0),
        "pulse": sensor(),
        "beam_state": Channel("beam_state", np.array([0.0]), np.array([2.0]), "", "state"),
    }


def log(channels=None, tables=None, tabular=False, facility="small", hours=HOURS):
    tables = {"schedule": SCHEDULE} if tables is None else tables
    return Record(facility, START, hours, healthy() if channels is None else channels, tables, tabular)


def faults(*rows):
    process, start, end = zip(*rows, strict=True)
    return {"process": np.array(process), "start_h": np.array(start, float), "end_h": np.array(end, float)}


def found(defects):
    return {(d.where, d.what): (d.samples, d.action) for d in defects}


def test_a_healthy_log_has_no_defects():
    report = check(log(), FACILITY)
    assert report.defects == [] and not report.fatal
    assert (report.read, report.dropped) == (2402 + 1, 0)


def test_each_seeded_defect_of_a_sensor_is_found_and_counted_exactly():
    good = sensor()
    t, v = good.time_h.copy(), good.value.copy()
    v[[10, 11]], v[12], t[13] = np.nan, np.inf, np.nan
    t[14], t[15] = -4e5, -3.7e5  # 1980: the EPICS epoch
    t[1199] = 1e6
    t[101] = t[100]
    t[200:205] = t[190:195] + 1e-4  # the clock falls back by ten samples, for five
    v[300:400] = v[300]
    v[[500, 600, 601, 700]] = [900.0, 0.5, 20.0, -3e4]
    kept, defects = clean(Channel("pulse", t, v, "uJ", "quantity"), START, HOURS)
    assert found(defects) == {
        ("pulse", "value not finite"): (4, "dropped"),
        ("pulse", "stamp of the EPICS epoch"): (2, "dropped"),
        ("pulse", "stamp after the end of the log"): (1, "dropped"),
        ("pulse", "stamp twice"): (1, "dropped"),
        ("pulse", "clock set back"): (5, "dropped"),
        ("pulse", "stuck sensor"): (99, "dropped"),
        ("pulse", "spike"): (4, "dropped"),
    }
    assert t.size == kept.value.size + sum(d.samples for d in defects)
    assert np.all(np.diff(kept.time_h) > 0) and np.isfinite(kept.value).all()


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_every_sample_is_kept_or_counted_once_and_what_is_kept_is_clean_again(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 300))
    t = np.round(np.sort(rng.uniform(-1, HOURS + 1, n)), int(rng.integers(1, 5)))
    v = np.round(rng.normal(5, 1, n), int(rng.integers(0, 4)))
    swap = rng.integers(0, max(n, 1), n // 10)
    t[swap], v[rng.integers(0, max(n, 1), n // 20)] = rng.choice([np.nan, -5e5, 3.0], swap.size), np.nan
    channel = Channel("pulse", t, v, "uJ", rng.choice(["quantity", "setpoint", "condition"]))
    kept, defects = clean(channel, START, HOURS)
    assert n == kept.value.size + sum(d.samples for d in defects)
    assert np.all(np.diff(kept.time_h) > 0) and np.isfinite(kept.value).all()


def test_a_clean_channel_comes_back_as_it_is():
    channel = sensor()
    assert clean(channel, START, HOURS) == (channel, [])


def test_one_stamp_in_the_future_costs_one_sample_not_all_that_follow():
    channel = sensor(n=100)
    channel.time_h[40] = 19.99
    kept, defects = clean(channel)
    assert found(defects) == {("pulse", "stamp not rising"): (1, "dropped")} and kept.value.size == 99


def test_of_two_setpoints_at_one_stamp_the_later_holds_and_of_two_samples_the_first():
    t, v = np.array([0.0, 1.0, 1.0, 2.0]), np.array([5.0, 6.0, 7.0, 8.0])
    assert clean(Channel("gradient", t, v, "", "setpoint"))[0].value.tolist() == [5.0, 7.0, 8.0]
    assert clean(Channel("pulse", t, v, "", "quantity"))[0].value.tolist() == [5.0, 6.0, 8.0]


@pytest.mark.parametrize(
    "value",
    [
        np.full(2000, 30.0),  # never moves: its noise is unknown
        np.repeat(np.random.default_rng(0).normal(size=40), 50),  # always holds for 50 samples
        np.round(np.random.default_rng(0).normal(size=2000)),  # rounded coarsely
        np.sin(np.arange(2000) / 200),  # smooth, without noise
        np.random.default_rng(0).normal(size=2000) + 50.0 * (np.arange(2000) > 900),  # a step that lasts
        np.where(
            np.arange(2000) // 100 % 5 == 2, 0.0, np.random.default_rng(0).normal(9, 1, 2000)
        ),  # beam off
        np.cumsum(np.random.default_rng(0).normal(size=2000)),  # a drift
        np.random.default_rng(0).normal(size=2000)
        * np.where(np.arange(2000) % 400 < 40, 1.0, 0.01),  # noisy at times
        np.round(np.cumsum(np.random.default_rng(0).normal(0, 0.1, 2000))),  # slow and rounded
    ],
)
def test_healthy_signals_of_many_kinds_are_left_alone(value):
    channel = Channel("pulse", np.arange(2000) / 100.0, value, "uJ", "quantity")
    assert clean(channel, START, HOURS)[1] == [] and not saturated(channel).any()


def test_sensors_are_judged_only_where_noise_is_normal():
    value = sensor().value
    value[300:400], value[600] = value[300], 9e9
    channels = {
        role: Channel(role, sensor().time_h, value, "", role)
        for role in ("setpoint", "readback", "counter", "state")
    }
    assert all(clean(channel, START, HOURS)[1] == [] for channel in channels.values())
    quantity = Channel("pulse", sensor().time_h, value, "uJ", "quantity")
    assert clean(quantity, START, HOURS, tabular=True)[1] == []


def test_gaps_are_counted_with_the_longest_and_include_the_ends_of_the_log():
    whole = sensor()
    cut = whole.keep((whole.time_h > 1) & (whole.time_h < 6) | (whole.time_h >= 9) & (whole.time_h < 12.5))
    report = check(log({**healthy(), "pulse": cut}), FACILITY)
    count = next(c for c in report.channels if c.name == "pulse")
    assert (count.gaps, count.read, count.kept) == (3, cut.value.size, cut.value.size)
    assert count.longest_gap_h == pytest.approx(HOURS - 12.5, abs=0.02)
    assert found(report.defects) == {("pulse", "gaps"): (3, "kept")}


def test_names_units_and_limits_are_checked_with_the_facility_all_at_once():
    channels = healthy()
    channels["gradient"] = Channel("gradient", np.arange(4.0), np.array([7, 9.5, 4, 9.0]), "MV/m", "setpoint")
    channels["pulse"] = sensor(unit="mJ")
    channels["water"] = sensor("water", unit="", role="condition", level=30.0)
    channels["mystery"] = sensor("mystery", n=50)
    report = check(log(channels, tables={}, facility="other"), FACILITY)
    assert found(report.defects) == {
        ("pulse", "wrong unit"): (1200, "stop"),
        ("log", "another facility"): (0, "kept"),
        ("gradient", "outside the limits"): (2, "kept"),
        ("water", "no unit"): (1200, "kept"),
        ("schedule", "no schedule"): (0, "kept"),
        ("mystery", "unknown channel"): (50, "kept"),
    }
    assert report.fatal and report.defects[0].what == "wrong unit"


def test_missing_channels_are_listed_and_a_log_without_knobs_or_results_is_fatal():
    report = check(log({"beam_state": healthy()["beam_state"]}), FACILITY)
    assert report.fatal
    assert set(found(report.defects)) == {
        ("log", "no usable knob"),
        ("log", "nothing to learn from"),
        ("gradient", "knob not recorded"),
        ("water", "condition not recorded"),
        ("pulse", "quantity not recorded"),
    }


def test_a_channel_of_which_nothing_is_left_and_a_log_without_duration_are_fatal():
    dead = Channel("pulse", np.arange(3.0), np.full(3, np.nan), "uJ", "quantity")
    rows = found(check(log({**healthy(), "pulse": dead}), FACILITY).defects)
    assert rows["pulse", "no usable sample"] == (0, "kept") and rows["pulse", "value not finite"] == (
        3,
        "dropped",
    )
    assert rows["log", "nothing to learn from"] == (0, "stop")
    assert check(log(hours=0.0), FACILITY).fatal


def test_faults_alone_are_enough_to_learn_from():
    channels = healthy()
    del channels["pulse"]
    tables = {"schedule": SCHEDULE, "faults": faults(("gun.trip", 1.0, 1.5))}
    assert not check(log(channels, tables), FACILITY).fatal


def test_every_kind_of_bad_fault_is_found_and_counted():
    table = faults(
        ("gun.trip", 1.0, 2.0),
        ("gun.trip", 1.5, 1.8),  # overlaps
        ("gun.trip", 1.9, 5.0),  # overlaps
        ("gun.trip", 6.0, 5.0),  # ends before it starts
        ("gun.trip", 7.0, np.nan),  # no end, yet another follows
        ("gun.trip", 8.0, np.nan),  # still open
        ("rf.trip", 25.0, 26.0),  # after the log
        ("rf.trip", np.nan, 26.0),
        ("rf.trip", 3.0, 3.0),  # at once over: fine
        ("rf.klystron", 3.0, 4.0),  # unknown
    )
    kept, defects = clean_faults(
        Record("small", START, HOURS, {}, {"faults": table}).table("faults"), FACILITY, HOURS
    )
    assert found(defects) == {
        ("faults gun.trip", "fault overlaps an earlier one of its process"): (2, "dropped"),
        ("faults gun.trip", "fault ends before it starts"): (1, "dropped"),
        ("faults gun.trip", "no end before the next fault"): (1, "dropped"),
        ("faults gun.trip", "fault without end"): (1, "kept"),
        ("faults rf.trip", "fault starts outside the log"): (2, "dropped"),
        ("faults rf.klystron", "unknown process"): (1, "dropped"),
    }
    assert list(zip(kept["process"], kept["start_h"], strict=True)) == [
        ("gun.trip", 1.0),
        ("gun.trip", 8.0),
        ("rf.trip", 3.0),
    ]
    report = check(log(tables={"schedule": SCHEDULE, "faults": table}), FACILITY)
    assert set(found(defects)) == set(found(report.defects))


def test_a_repair_outside_its_fault_is_moved_to_the_faults_start():
    table = {**faults(("gun.trip", 1.0, 2.0), ("rf.trip", 1.0, 2.0)), "repair_start_h": np.array([2.5, 1.5])}
    kept, defects = clean_faults(table, FACILITY)
    assert kept["repair_start_h"].tolist() == [1.0, 1.5]
    assert found(defects) == {("faults gun.trip", "repair starts outside its fault"): (1, "repaired")}


def only(defects):
    """{what: (samples, action)} of defects of one channel."""
    return {d.what: (d.samples, d.action) for d in defects}


def regular(stamps):
    """A sensor with noise at the given stamps."""
    value = 500 + np.random.default_rng(2).normal(0, 5, stamps.size)
    return Channel("pulse", stamps, value, "uJ", "quantity")


def test_the_hour_that_comes_twice_when_daylight_saving_ends_is_distinguished_from_a_clock_that_was_corrected():
    minute = 1 / 60
    before, after = np.arange(0, 10, minute), np.arange(9 + minute / 3, 19, minute)
    assert only(clean(regular(np.concatenate([before, after])), START, HOURS)[1]) == {
        "an hour repeated: daylight saving": (59, "dropped")
    }
    before, after = np.arange(0, 10, minute), np.arange(9.4 + minute / 3, 19, minute)
    assert only(clean(regular(np.concatenate([before, after])), START, HOURS)[1]) == {
        "clock set back": (35, "dropped")
    }


def test_a_missing_hour_on_a_sunday_night_in_spring_is_distinguished_from_another_gap():
    stamps = np.arange(0, 10, 1 / 60)

    def defects(start, first):
        cut = regular(stamps[(stamps < first) | (stamps >= first + 1)])
        log_of = Record("small", start, 10.0, healthy() | {"pulse": cut}, {"schedule": SCHEDULE})
        return only(d for d in check(log_of, FACILITY).defects if d.where == "pulse")

    summer = {"an hour missing: daylight saving": (1, "kept")}
    assert defects("2026-03-28T22:00:00Z", 4.0) == summer  # Sunday 02:00 ... 03:00
    assert defects("2026-03-27T22:00:00Z", 4.0) == {"gaps": (1, "kept")}  # a Saturday
    assert defects("2026-01-31T22:00:00Z", 4.0) == {"gaps": (1, "kept")}  # a Sunday in winter


def test_stamps_at_the_epics_epoch_itself_are_dropped_and_epics_seconds_read_as_unix_are_repaired():
    good = sensor()
    stamps = good.time_h.copy()
    stamps[7] = -316424.0  # 1990-01-01T00:00:00Z
    assert only(clean(regular(stamps), START, HOURS)[1]) == {"stamp of the EPICS epoch": (1, "dropped")}
    kept, defects = clean(regular(good.time_h - 631152000 / 3600), START, HOURS)
    assert only(defects) == {"EPICS seconds read as Unix: 20 years early": (1200, "repaired")}
    np.testing.assert_allclose(kept.time_h, good.time_h, atol=1e-9)
    report = check(log({**healthy(), "pulse": regular(good.time_h - 631152000 / 3600)}), FACILITY)
    assert (report.repaired, report.dropped) == (1200, 0)


def test_samples_that_their_source_marked_invalid_are_dropped_and_minor_alarms_kept():
    severity = np.zeros(1200, np.int8)
    severity[[3, 4]], severity[9], severity[10] = 3, 2, 1
    kept, defects = clean(replace(sensor(), severity=severity), START, HOURS)
    assert only(defects) == {"marked invalid by its source": (2, "dropped")}
    assert kept.severity is not None and sorted(kept.severity)[-2:] == [1, 2]


def test_a_sensor_that_comes_back_to_its_rail_is_saturated_one_that_stays_there_once_is_stuck():
    rng = np.random.default_rng(4)
    wave = 500 + 50 * np.sin(np.arange(1200) / 40) + rng.normal(0, 1, 1200)
    clipped = Channel("pulse", sensor().time_h, np.minimum(wave, 530.0), "uJ", "quantity")
    report = check(log({**healthy(), "pulse": clipped}), FACILITY)
    rows = only(d for d in report.defects if d.where == "pulse")
    assert rows["saturated sensor"] == (int(np.sum(wave >= 530.0)), "kept")
    assert "saturated sensor" not in only(check(log(), FACILITY).defects)
    once = Channel("pulse", sensor().time_h, sensor().value, "uJ", "quantity")
    once.value[400:500] = 600.0
    assert "saturated sensor" not in only(check(log({**healthy(), "pulse": once}), FACILITY).defects)


def test_units_that_are_none_are_named_and_other_spellings_of_the_right_one_pass():
    channels = healthy()
    channels["pulse"] = replace(sensor(), unit="µJ")
    channels["vacuum"] = replace(sensor("vacuum"), unit="nanotorrs", role="readback")
    channels["gas"] = replace(sensor("gas"), unit="mbar l/s", role="readback")
    rows = found(check(log(channels), FACILITY).defects)
    assert rows["vacuum", "unknown unit"] == (1200, "kept")
    assert not {("pulse", "wrong unit"), ("gas", "unknown unit")} & set(rows)
    report = check(log({**healthy(), "pulse": replace(sensor(), unit="mJ")}), FACILITY)
    assert "import with scale = 1000" in report.defects[0].detail


def test_every_kind_of_bad_row_in_the_other_tables_is_found_all_at_once():
    schedule = {
        "start_h": np.array([0.0, 5.0, 9.0, 12.0]),
        "end_h": np.array([6.0, 8.0, 8.5, np.nan]),
        "phase": np.array(["user", "nap", "study", "user"]),
        "beamlines": np.array(["line", "", "", "line,moon"]),
    }
    experiments = {
        "beamline": np.array(["line", "mars", "line"]),
        "arrive_h": np.array([1.0, 2.0, 30.0]),
        "samples": np.array([5.0, 5.0, np.nan]),
    }
    actions = {"time_h": np.array([1.0, np.nan]), "knob": np.array(["gradient", "volume"])}
    tables = {"schedule": schedule, "experiments": experiments, "actions": actions}
    assert found(check(log(tables=tables), FACILITY).defects) == {
        ("schedule", "block without end"): (1, "repaired"),
        ("schedule", "block ends before it starts"): (1, "dropped"),
        ("schedule", "block overlaps an earlier one"): (1, "repaired"),
        ("schedule", "unknown phase"): (1, "kept"),
        ("schedule", "unknown beamline"): (1, "kept"),
        ("experiments", "unknown beamline"): (1, "dropped"),
        ("experiments", "arrives outside the log"): (1, "dropped"),
        ("experiments", "no number of samples"): (1, "dropped"),
        ("actions", "unknown knob"): (1, "kept"),
        ("actions", "outside the log"): (1, "kept"),
    }


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_a_channel_cleaned_in_blocks_keeps_rising_stamps_and_counts_every_sample_once(seed):
    rng = np.random.default_rng(seed)
    t = np.arange(900) * HOURS / 900
    for _ in range(int(rng.integers(0, 4))):
        first, back = int(rng.integers(50, 850)), int(rng.integers(1, 40))
        t[first:] -= back * HOURS / 900 * rng.choice([1.0, 0.9])
    t[rng.integers(0, 900, 8)] = rng.choice([np.nan, 19.9, -5e5, 3.0], 8)
    whole = Record("small", START, HOURS, {"pulse": regular(t)})
    expected, defects = clean(whole.channel("pulse"), START, HOURS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "BLOCK", 128)
        patch.setattr(cleaning, "TAIL", 64)
        parts = list(stretches(whole, "pulse"))
    stamps = np.concatenate([part.time_h for part, _ in parts])
    lost = sum(d.samples for _, found_in in parts for d in found_in)
    assert np.all(np.diff(stamps) > 0)
    assert stamps.size + lost == 900 == expected.time_h.size + sum(d.samples for d in defects)
    assert np.isin(stamps, t).all() and len(parts) == 8


def test_a_stamp_in_the_future_costs_one_sample_even_at_the_end_of_a_block(monkeypatch):
    monkeypatch.setattr(records, "BLOCK", 128)
    monkeypatch.setattr(cleaning, "TAIL", 16)
    for place in (110, 127, 128, 140):
        channel = sensor(n=400)
        channel.time_h[place] = 19.0
        parts = list(stretches(Record("small", START, HOURS, {"pulse": channel}), "pulse"))
        assert sum(part.value.size for part, _ in parts) == 399

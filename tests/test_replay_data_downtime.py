"""Downtime from channels: known events in synthetic currents are found, noise gives none, gaps are unknown."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_data import clean as cleaning
from replay_data import record as records
from replay_data.compare import compare
from replay_data.downtime import find_downtime
from replay_data.record import Channel, Record
from twin.errors import UserError
from twin.facility import parse

TEXT = """
name = "small"
title = "Small ring"
kind = "ring"
beam = { restart_h = 0.1, current_knob = "current", lifetime = "lifetime", low_share = 0.9, fill_per_h = 4000.0 }
metrics = { merge_h = 0.0 }
schedule = { user_h_per_year = 4000, block = [{ phase = "user", hours = 24 }] }
[[knob]]
name = "current"
title = "Current"
pv = "SR:I"
unit = "mA"
low = 100.0
high = 500.0
value = 400.0
ramp_per_h = 60.0
[[quantity]]
name = "size"
title = "Beam size"
pv = "SR:SIZE"
unit = "um"
value = 10.0
high = 12.0
[[quantity]]
name = "lifetime"
title = "Lifetime"
pv = "SR:TAU"
unit = "h"
value = 20.0
[[subsystem]]
name = "rf"
title = "RF"
mode = [
  { name = "trip", effect = "dump", mtbf_h = 20, repair = { median_h = 0.1, sigma = 0.5 } },
  { name = "wobble", effect = "distort", mtbf_h = 20, repair = { median_h = 0.1, sigma = 0.5 } },
]
[[beamline]]
name = "line"
title = "Beamline"
flux = "size"
exchange_min = 5
exposure_min = 5
experiments_per_week = 5
samples_per_experiment = 10
"""
FACILITY = parse(TEXT)
MERGING = parse(TEXT.replace("merge_h = 0.0", "merge_h = 1.0"))
HOURS, MINUTE = 48.0, 1.0 / 60.0
STAMPS = np.arange(0.0, HOURS, MINUTE)


def beam_log(current, stamps=STAMPS, tables=None, extra=(), hours=HOURS):
    """A log with the knob at 400 mA and a current at the given stamps."""
    channels = {
        "current": Channel("current", np.zeros(1), np.array([400.0]), "mA", "setpoint"),
        "stored_current": Channel("stored_current", stamps, current, "mA", "readback"),
    }
    channels |= {channel.name: channel for channel in extra}
    return Record("small", "2026-01-31T08:00:00Z", hours, channels, tables or {})


def steady(noise=0.2, seed=0):
    return 400.0 + np.random.default_rng(seed).normal(0, noise, STAMPS.size)


def between(start, end, stamps=STAMPS):
    return (stamps >= start - 1e-9) & (stamps < end - 1e-9)


def kinds(found):
    return [(event.kind, event.sudden) for event in found.events]


def test_a_beam_that_stays_has_no_downtime():
    found = find_downtime(beam_log(steady()), FACILITY)
    assert (found.events, found.refills.size, found.unknown.size) == ([], 0, 0)
    assert found.availability == 1.0 and found.user_h == pytest.approx(HOURS)
    assert found.usual_h == pytest.approx(MINUTE)


def test_a_dump_low_current_and_a_slow_loss_are_distinguished_with_their_times():
    current = steady()
    current[between(5, 7)] = 0.0
    current[between(12, 13)] = 340.0
    fading = between(20, 21)
    current[fading] = np.linspace(400, 0, fading.sum())
    current[between(21, 22)] = 0.0
    current[between(40, 48)] = 0.0
    found = find_downtime(beam_log(current), FACILITY)
    assert kinds(found) == [("no beam", True), ("low current", False), ("no beam", False), ("no beam", True)]
    times = [(event.start_h, event.end_h) for event in found.events]
    np.testing.assert_allclose(times[:2], [(5, 7), (12, 13)], atol=1e-9)
    assert times[2][0] == pytest.approx(20.1, abs=2 * MINUTE) and times[2][1] == pytest.approx(22)
    assert times[3][0] == pytest.approx(40) and np.isnan(times[3][1])
    assert found.events[3].down_h == pytest.approx(8)


def test_the_wanted_current_is_what_the_knob_was_set_to_then():
    current = steady()
    current[STAMPS >= 24] -= 150.0
    log = beam_log(current)
    assert kinds(find_downtime(log, FACILITY)) == [("low current", False)]
    log.channels["current"] = Channel(
        "current", np.array([0.0, 24.0]), np.array([0.4, 0.25]), "A", "setpoint"
    )
    assert find_downtime(log, FACILITY).events == []


def test_without_a_knob_the_usual_level_is_wanted_so_a_linacs_charge_will_do():
    charge = 250.0 + np.random.default_rng(1).normal(0, 2.0, STAMPS.size)
    charge[between(0, 30)] = 0.0
    log = beam_log(steady(), extra=[Channel("charge", STAMPS, charge, "pC", "quantity")])
    del log.channels["current"]
    found = find_downtime(log, FACILITY, "charge")
    assert kinds(found) == [("no beam", False)] and found.events[0].end_h == pytest.approx(30)


def test_outages_closer_than_the_facility_counts_are_one_and_the_time_between_is_lost():
    current = steady()
    current[between(5, 6)] = 0.0
    current[between(6.5, 7)] = 350.0
    assert len(find_downtime(beam_log(current), FACILITY).events) == 2
    merged = find_downtime(beam_log(current), MERGING).events
    assert [(e.kind, e.start_h, e.end_h) for e in merged] == [("no beam", pytest.approx(5), pytest.approx(7))]
    assert merged[0].down_h == pytest.approx(2)


def test_a_gap_is_unknown_not_down_and_does_not_part_an_outage():
    current = steady()
    current[between(20, 30)] = 0.0
    seen = ~between(5, 8) & ~between(24, 26) & (STAMPS < 45)
    found = find_downtime(beam_log(current[seen], STAMPS[seen]), FACILITY)
    np.testing.assert_allclose(found.unknown, [(5, 8), (24, 26), (45, 48)], atol=1e-6)
    assert len(found.events) == 1
    assert found.events[0].end_h == pytest.approx(30) and found.events[0].down_h == pytest.approx(8)
    assert found.user_h == pytest.approx(HOURS - 8)
    assert found.availability == pytest.approx(1 - 8 / 40)


def test_an_outage_of_which_the_end_lies_in_a_gap_ends_where_it_was_last_seen():
    current = steady()
    current[between(20, 24)] = 0.0
    seen = ~between(23, 30)
    event = find_downtime(beam_log(current[seen], STAMPS[seen]), FACILITY).events[0]
    assert event.down_h == pytest.approx(3) and event.end_h == pytest.approx(23)


def test_only_scheduled_user_time_counts():
    current = steady()
    current[between(10, 14)] = 0.0
    current[between(30, 31)] = 0.0
    plan = {"start_h": np.array([0.0, 12.0, 24.0]), "end_h": np.array([12.0, 24.0, 48.0])}
    plan["phase"] = np.array(["user", "maintenance", "user"])
    found = find_downtime(beam_log(current, tables={"schedule": plan}), FACILITY)
    assert [event.user_h for event in found.events] == [pytest.approx(2), pytest.approx(1)]
    assert (found.failures, found.user_h) == (2, pytest.approx(36))
    assert found.availability == pytest.approx(1 - 3 / 36)


def test_beam_outside_a_promise_is_distorted_only_while_it_is_stored():
    size = 10.0 + np.random.default_rng(3).normal(0, 0.05, STAMPS.size)
    size[between(8, 9)] += 3.0
    size[between(20, 22)] += 20.0
    current = steady()
    current[between(20, 22)] = 0.0
    log = beam_log(current, extra=[Channel("size", STAMPS, size, "um", "quantity")])
    assert kinds(find_downtime(log, FACILITY)) == [("distorted", False), ("no beam", True)]


def test_refills_are_found_in_decaying_beam_and_after_a_dump():
    current = 400.0 * np.exp(-(STAMPS % 6.0) / 30.0)
    current[between(13, 14)] = 0.0
    found = find_downtime(beam_log(current + steady(0.1) - 400.0), FACILITY)
    np.testing.assert_allclose(found.refills[:, 1], [6, 12, 14, 18, 24, 30, 36, 42], atol=3 * MINUTE)
    assert np.all(np.diff(found.refills, axis=1) < 6 * MINUTE)


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.1, 1.0, 3.0]))
@settings(max_examples=40, deadline=None)
def test_known_outages_are_found_with_any_noise_gaps_and_blocks(seed, noise):
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.choice(np.arange(20, STAMPS.size - 20, 15), 8, replace=False))
    current = steady(noise, seed)
    levels = rng.choice([0.0, 200.0, 300.0], 4)
    for level, first, last in zip(levels, edges[::2], edges[1::2], strict=True):
        current[first:last] = level + (noise * rng.normal(size=last - first) if level else 0.0)
    seen = np.ones(STAMPS.size, bool)
    hole = int(rng.integers(0, STAMPS.size - 200))
    near = np.abs(edges - hole).min() < 200
    seen[hole : hole + (0 if near else 100)] = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "BLOCK", int(rng.choice([200, 10**6])))
        patch.setattr(cleaning, "TAIL", 20)
        found = find_downtime(beam_log(current[seen], STAMPS[seen]), FACILITY)
    times = np.array([(event.start_h, event.end_h) for event in found.events])
    np.testing.assert_allclose(times, STAMPS[edges].reshape(-1, 2), atol=1e-9)
    assert kinds(found) == [("low current" if level else "no beam", level == 0) for level in levels]
    assert len(found.unknown) == (not near)


def test_current_that_hovers_at_the_threshold_is_not_many_outages():
    rng = np.random.default_rng(5)
    current = 360.0 + rng.normal(0, 0.5, STAMPS.size)  # low_share of 400 mA, exactly
    current[:600] += 40.0
    assert np.sum(np.diff(current < 360.0)) > 500
    assert len(find_downtime(beam_log(current), FACILITY).events) <= 2


def test_a_fault_table_is_compared_fault_by_fault():
    current = steady()
    for start, end in [(5, 6), (15, 16.5), (25, 26)]:
        current[between(start, end)] = 0.0
    seen = ~between(34, 36)
    rows = [
        ("rf.trip", 4.995, 5.8),  # begins the first outage
        ("rf.trip", 5.5, 5.9),  # while it lasts
        ("rf.trip", 14.99, 16.0),
        ("rf.trip", 30.0, 30.5),  # the beam stayed
        ("rf.trip", 35.0, 35.5),  # nothing is known then
        ("rf.wobble", 31.0, 31.5),  # takes no beam away
        ("other.trip", 40.0, 41.0),  # of no process
    ]
    process, start, end = (np.array(column) for column in zip(*rows, strict=True))
    log = beam_log(
        current[seen], STAMPS[seen], {"faults": {"process": process, "start_h": start, "end_h": end}}
    )
    found = find_downtime(log, FACILITY)
    result = compare(found, log, FACILITY)
    assert [m.process for m in result.matched] == ["rf.trip", "rf.trip"]
    np.testing.assert_allclose(result.start_later_h, [0.005, 0.01], atol=1e-9)
    np.testing.assert_allclose([m.end_later_h for m in result.matched], [0.2, 0.5], atol=1e-9)
    assert (result.during, result.unseen) == (["rf.trip"], ["rf.trip"])
    assert result.missed == [("rf.trip", 30.0)] and result.brief == []
    assert [event.start_h for event in result.spurious] == [pytest.approx(25)]


def test_a_log_without_the_channel_says_which_it_has():
    with pytest.raises(UserError, match=r"no channel 'charge'.*like --channel stored_current"):
        find_downtime(beam_log(steady()), FACILITY, "charge")


def without_current(*extra) -> Record:
    log = beam_log(steady(), extra=extra)
    return Record(
        log.facility, log.start, log.hours, {n: c for n, c in log.channels.items() if n != "stored_current"}
    )


def test_of_a_log_without_a_current_the_error_names_the_channel_to_give():
    size = Channel("size", STAMPS, np.full(STAMPS.size, 10.0), "um", "quantity")
    hall = Channel("hall", STAMPS, np.full(STAMPS.size, 25.0), "degC", "condition")
    charge = Channel("charge", STAMPS, np.full(STAMPS.size, 200.0), "pC", "readback")
    with pytest.raises(UserError) as error:
        find_downtime(without_current(size, hall, charge), FACILITY)
    assert str(error.value) == (
        "log of small: it has no channel 'stored_current' that measures the beam; name a stored current with "
        "--channel, like --channel size (or one of: charge)"
    )
    with pytest.raises(UserError, match="import a stored current into the log and name it with --channel"):
        find_downtime(without_current(), FACILITY)


def test_of_a_linac_s_log_the_error_asks_for_its_charge_or_energy(linac_record, linac):
    with pytest.raises(
        UserError, match="name a beam current, charge or pulse energy with --channel, like --channel"
    ):
        find_downtime(linac_record, linac)


def test_a_channel_that_does_not_measure_the_beam_is_refused_with_the_reason():
    log = beam_log(steady())
    with pytest.raises(
        UserError, match="channel 'current' is a setpoint, which is no measurement of the beam"
    ):
        find_downtime(log, FACILITY, "current")
    tabular = Record(log.facility, log.start, log.hours, log.channels, tabular=True)
    with pytest.raises(UserError, match="rows of a tuning log have no running time"):
        find_downtime(tabular, FACILITY)
    empty = beam_log(np.full(STAMPS.size, np.nan))
    with pytest.raises(UserError, match="2880 samples, none of them usable, so it cannot show the beam"):
        find_downtime(empty, FACILITY)
    dark = {"stored_current": Channel("stored_current", STAMPS, np.zeros(STAMPS.size), "mA", "readback")}
    with pytest.raises(UserError, match="none of them usable and above 0"):
        find_downtime(Record("small", log.start, log.hours, dark), FACILITY)


def test_a_current_that_stays_at_zero_is_an_outage_where_a_setting_wanted_beam():
    found = find_downtime(beam_log(np.zeros(STAMPS.size)), FACILITY)
    assert kinds(found) == [("no beam", False)] and found.availability == pytest.approx(0.0)


def test_the_dumps_of_a_made_log_are_found_in_its_current(ring_record, ring):
    found = find_downtime(ring_record, ring)
    result = compare(found, ring_record, ring)
    assert len(result.matched) >= 50 and result.missed == []
    assert result.start_later_h.min() >= 0 and result.start_later_h.max() <= found.usual_h + 1e-9
    assert len(result.spurious) <= 0.05 * len(found.events)

"""Edges of bins: every reader counts each sample once, in the bin of its exact decimal time."""

import numpy as np
import pytest
import samples_surrogate
from hypothesis import example, given, settings
from hypothesis import strategies as st

from replay_data.bins import SLACK_H, snapped
from replay_data.record import Channel, Record
from replay_data.resample import resample
from replay_data.resampled import Resampled
from replay_data.runlog import open_log, write
from replay_data.view import LogView

TOY = samples_surrogate.FACILITY
KNOB, QUANTITY = TOY.knob[0], TOY.quantity[0]
START = "2026-01-31T08:00:00Z"
US_PER_H = 3_600_000_000

widths = st.sampled_from([1_000, 33_000, 100_000, 200_000, 1_000_000, 60_000_000, 700_000])  # microseconds
places = st.lists(st.tuples(st.integers(0, 29), st.sampled_from([0, 0, 1, -1, 7, 500])), max_size=40)


def log_of(stamps_us, bins: int, width_us: int, first_us: int = 0) -> Record:
    """A log of a sensor and a setting recorded at exact microseconds, each with the number of its sample."""
    hours = np.array([us / 1e6 for us in stamps_us]) / 3600.0  # as a reader makes hours of seconds
    number = np.arange(hours.size, dtype=float)
    channels = [
        Channel(QUANTITY.name, hours, number, QUANTITY.unit, "quantity"),
        Channel(KNOB.name, hours, number, KNOB.unit, "setpoint"),
    ]
    return Record("toy-ring", START, bins * width_us / US_PER_H, {c.name: c for c in channels})


def stamps_of(pairs, width_us: int) -> list[int]:
    """Rising microseconds at or next to the edges of bins."""
    return sorted({us for i, off in pairs if (us := i * width_us + off) >= 0})


@given(widths, places)
@example(100_000, [(i, 0) for i in range(30)])
@settings(max_examples=60, deadline=None)
def test_every_sample_is_counted_once_in_the_bin_of_its_exact_time(width_us, pairs):
    stamps, bins = stamps_of(pairs, width_us), 30
    record = log_of(stamps, bins, width_us)
    wanted = np.bincount([us // width_us for us in stamps], minlength=bins)[:bins]
    every_h = width_us / US_PER_H
    found = resample(record, every_h)
    for name in record.names:
        assert found[name].sel(statistic="count").values.tolist() == wanted.tolist()
    last = [
        max((k for k, us in enumerate(stamps) if us < (i + 1) * width_us), default=np.nan)
        for i in range(bins)
    ]
    for name in record.names:
        assert found[name].sel(statistic="last").values == pytest.approx(last, nan_ok=True)
    thin = Resampled(record, every_h, "max")
    values = thin.values(QUANTITY.name)
    assert thin.accounts[QUANTITY.name].used == len(stamps)
    assert np.isfinite(values).tolist() == (wanted > 0).tolist()


@given(widths, places)
@settings(max_examples=40, deadline=None)
def test_a_frame_has_each_sample_in_its_bin_and_a_knob_that_moves_on_an_edge_leaves_both_bins_steady(
    width_us, pairs
):
    stamps, bins = stamps_of(pairs, width_us), 30
    found = LogView(log_of(stamps, bins, width_us), TOY).frame_of(width_us / US_PER_H)
    inside = [[k for k, us in enumerate(stamps) if us // width_us == i] for i in range(bins)]
    means = [np.mean(part) if part else np.nan for part in inside]
    assert found[QUANTITY.name].values == pytest.approx(means, nan_ok=True)
    moves = [any(i * width_us < us < (i + 1) * width_us for us in stamps) for i in range(bins)]
    known = [bool(stamps) and stamps[0] <= i * width_us for i in range(bins)]
    assert found["steady"].values.tolist() == [k and not m for k, m in zip(known, moves, strict=True)]


@given(widths, places)
@settings(max_examples=20, deadline=None)
def test_a_setting_has_no_share_in_the_bin_after_the_edge_it_was_changed_on(width_us, pairs):
    stamps, bins = stamps_of(pairs, width_us), 30
    found = resample(log_of(stamps, bins, width_us), width_us / US_PER_H)[KNOB.name]
    for i in range(bins):
        held = [k for k, us in enumerate(stamps) if i * width_us < us < (i + 1) * width_us]
        held += [k for k, us in enumerate(stamps) if us <= i * width_us][-1:]
        values = found.values[[2, 3], i]  # min, max
        assert values == pytest.approx([min(held), max(held)] if held else [np.nan] * 2, nan_ok=True)


def test_after_ten_years_in_a_file_samples_are_still_in_their_hours(tmp_path):
    """Every sixth hour, a sample on the edge, one a microsecond before and one after."""
    edges = range(6, 87_600, 6)
    stamps = sorted(us for i in edges for us in (i * US_PER_H - 1, i * US_PER_H, i * US_PER_H + 1))
    write(log_of(stamps, 87_600, US_PER_H), tmp_path / "log.h5")
    with open_log(tmp_path / "log.h5") as log:
        found = resample(log, 1.0, [QUANTITY.name])[QUANTITY.name].sel(statistic="count").values
    wanted = np.zeros(87_600)
    wanted[5::6], wanted[6::6] = 1, 2
    wanted[-1] = 0
    assert np.array_equal(found, wanted)


def test_a_stamp_is_snapped_to_an_edge_it_misses_by_rounding_and_to_no_other():
    edges = np.arange(5.0)
    near = np.array([-1.0, 1.0 - SLACK_H / 2, 1.0 + SLACK_H / 2, 2.0 + 3 * SLACK_H, 4.0 + SLACK_H / 2, 9.0])
    assert snapped(near, edges).tolist() == [-1.0, 1.0, 1.0, 2.0 + 3 * SLACK_H, 4.0, 9.0]
    assert snapped(np.zeros(0), edges).size == 0

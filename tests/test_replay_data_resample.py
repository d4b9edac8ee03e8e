"""Reading at any size: lazy arrays, blocks, and bins that equal a plain slow loop in bounded memory."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_data import clean as cleaning
from replay_data import record as records
from replay_data import runlog
from replay_data.record import Channel, Record
from replay_data.resample import STATISTICS, covered, resample
from replay_data.runlog import open_log, write

START = "2026-01-31T08:00:00Z"


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 100 samples, of which the last 10 are judged with the next."""
    monkeypatch.setattr(records, "BLOCK", 100)
    monkeypatch.setattr(runlog, "BLOCK", 100)
    monkeypatch.setattr(cleaning, "TAIL", 10)


def channel(name, time_h, value, role="quantity"):
    return Channel(name, np.asarray(time_h, float), np.asarray(value, float), "uJ", role)


def slow(c, hours, every_h):
    """The definition of ``resample``, one bin and one sample at a time."""
    rows = {name: [] for name in STATISTICS}
    pairs = list(zip(c.time_h, c.value, strict=True))
    for i in range(int(np.floor(hours / every_h + 1e-9))):
        start, end = i * every_h, (i + 1) * every_h
        inside = [v for t, v in pairs if start <= t < end]
        before = [v for t, v in pairs if t < end][-1:]
        weight = [1.0] * len(inside)
        rows["count"].append(len(inside))
        if c.held:
            edges = [t for t, _ in pairs] + [np.inf]
            spans = [(max(t, start), min(edges[k + 1], end), v) for k, (t, v) in enumerate(pairs)]
            spans = [(a, b, v) for a, b, v in spans if b > a]
            inside, weight = [v for *_, v in spans], [b - a for a, b, _ in spans]
        rows["last"].append(before[0] if before else np.nan)
        rows["mean"].append(np.average(inside, weights=weight) if inside else np.nan)
        rows["min"].append(min(inside, default=np.nan))
        rows["max"].append(max(inside, default=np.nan))
    return np.array([rows[name] for name in STATISTICS], float)


@given(st.integers(0, 10**6), st.sampled_from([0.25, 1.0, 3.0]), st.sampled_from(["quantity", "setpoint"]))
@settings(max_examples=40, deadline=None)
def test_statistics_read_in_blocks_equal_a_plain_slow_loop(seed, every_h, role):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 200))
    stamps = np.unique(np.append(np.round(rng.uniform(-0.5, 10, n) * 8) / 8, rng.uniform(0, 9, n // 2)))
    c = channel("pulse", stamps, rng.choice([1.0, 2.0, 5.0, 9.5], stamps.size), role)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "BLOCK", int(rng.choice([30, 64, 10**6])))
        patch.setattr(cleaning, "TAIL", 7)
        table = resample(Record("small", START, 10.0, {"pulse": c}), every_h)
    np.testing.assert_allclose(table["pulse"], slow(c, 10.0, every_h), rtol=1e-12)


def test_a_log_in_a_file_is_resampled_as_the_record_and_carries_units(tmp_path, small_blocks):
    rng = np.random.default_rng(0)
    t = np.arange(1000) / 100
    channels = {
        "pulse": channel("pulse", t, rng.normal(size=1000)),
        "gap": channel("gap", [0, 3], [5, 6], "setpoint"),
    }
    record = Record("small", START, 10.0, channels)
    write(record, tmp_path / "log.h5")
    with open_log(tmp_path / "log.h5") as log:
        table = resample(log, 0.5)
        assert [block.value.size for block in log.blocks("pulse")] == [100] * 10
        only = resample(log, 0.5, ["gap"])
    np.testing.assert_allclose(table["pulse"], resample(record, 0.5)["pulse"], rtol=1e-12)
    assert table["pulse"].attrs["units"] == "uJ" and table["gap"].attrs["role"] == "setpoint"
    assert dict(table.sizes) == {"statistic": 5, "time": 20, "process": 0} and "pulse" not in only
    assert only["gap"].sel(statistic="mean").values.tolist() == [5.0] * 6 + [6.0] * 14


def test_unusable_samples_never_count_and_spikes_only_if_not_judged():
    t = np.arange(0, 8, 0.01)
    value = 500 + np.random.default_rng(0).normal(0, 1, t.size)
    value[50], value[250] = np.nan, 1e9
    log = Record("small", START, 8.0, {"pulse": channel("pulse", t, value)})
    raw, judged = (
        resample(log, 1.0, judged=j)["pulse"].sel(statistic=["max", "count"]).values for j in (False, True)
    )
    assert raw[1, 0] == 99 and raw[0, 2] == 1e9
    assert judged[1].sum() == 798 and judged[0].max() < 510


def test_hours_of_fault_are_joined_and_overlapping_rows_count_once():
    faults = {
        "process": np.array(["gun.trip", "gun.trip", "rf.trip", "rf.trip"]),
        "start_h": np.array([0.5, 0.8, 2.9, 5.5]),
        "end_h": np.array([1.2, 1.0, 3.2, np.nan]),
    }
    table = resample(Record("small", START, 7.0, {}, {"faults": faults}), 1.0)["fault_h"]
    np.testing.assert_allclose(table.sel(process="gun.trip"), [0.5, 0.2, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(table.sel(process="rf.trip"), [0, 0, 0.1, 0.2, 0, 0.5, 1.0])


def test_a_fault_without_end_counts_for_nothing_once_another_of_its_process_follows():
    faults = {
        "process": np.array(["gun", "gun", "rf", "rf"]),
        "start_h": np.array([1.0, 4.0, 2.0, 5.0]),
        "end_h": np.array([np.nan, 4.5, 3.0, np.nan]),
    }
    table = resample(Record("small", START, 7.0, {}, {"faults": faults}), 1.0)["fault_h"]
    assert table.sel(process="gun").values.tolist() == [0, 0, 0, 0, 0.5, 0, 0]
    assert table.sel(process="rf").values.tolist() == [0, 0, 1, 0, 0, 1, 1]


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_covered_hours_equal_a_fine_grid_of_points(seed):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 50, 6) / 10
    end = start + rng.integers(-5, 20, 6) / 10
    grid = (np.arange(800) + 0.5) / 100
    inside = np.any((start[:, None] < grid) & (grid < end[:, None]), axis=0)
    at = rng.integers(0, 80, 9) / 10
    np.testing.assert_allclose(covered(start, end, at), [inside[grid < h].sum() / 100 for h in at], atol=1e-9)


class Endless:
    """A log whose channel is made block by block and never stands in memory at once."""

    facility, start, tabular, names, table_names = "small", START, False, ["pulse"], []

    def __init__(self, blocks):
        self.hours = blocks * records.BLOCK / 3600.0

    def samples(self, name):
        return round(self.hours * 3600)

    def bare(self, name):
        return channel(name, [], [])

    def channel(self, name):
        raise AssertionError("the whole channel was asked for")

    def blocks(self, name):
        for first in range(0, self.samples(name), records.BLOCK):
            t = np.arange(first, first + records.BLOCK) / 3600.0
            yield channel(name, t, np.sin(t))

    def table(self, name):
        return records.complete(name, {})


def test_memory_does_not_grow_with_the_length_of_a_channel(monkeypatch):
    monkeypatch.setattr(records, "BLOCK", 1 << 16)

    def peak(blocks):
        tracemalloc.start()
        resample(Endless(blocks), 24.0, judged=True)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(2)
    assert peak(24) < 1.2 * peak(4) < 24 * (1 << 16) * 16


def test_a_tree_of_channels_reads_only_what_is_looked_at(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    t, v = np.arange(1000) / 100, rng.normal(size=1000)
    severity = rng.integers(0, 4, 1000).astype(np.int8)
    names = [f"c{i}" for i in range(30)]
    channels = {n: replace(channel(n, t, v), severity=severity) for n in names}
    write(Record("small", START, 10.0, channels), tmp_path / "log.h5")
    read = []
    with open_log(tmp_path / "log.h5") as log:
        from replay_data import lazy

        plain = lazy.Stored._read
        monkeypatch.setattr(lazy.Stored, "_read", lambda self, key: read.append(key) or plain(self, key))
        tree = log.data
        assert list(tree.children) == names and not read
        pulse = tree["c7"]["value"]
        assert pulse.attrs["units"] == "uJ" and pulse.attrs["role"] == "quantity" and not read
        assert pulse[5].item() == v[5] and read == [(5,)]
        np.testing.assert_array_equal(pulse[10:20], v[10:20])
        np.testing.assert_array_equal(pulse[::-250], v[::-250])
        np.testing.assert_array_equal(pulse[[5, 2, 5]], v[[5, 2, 5]])
        np.testing.assert_array_equal(pulse[-3:], v[-3:])
        assert pulse[[]].size == 0
        np.testing.assert_allclose(pulse["time"][:4], t[:4], rtol=1e-15)
        np.testing.assert_array_equal(tree["c7"]["severity"], severity)
        assert pulse.isel(sample=slice(500, None)).mean().item() == pytest.approx(v[500:].mean())

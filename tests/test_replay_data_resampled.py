"""A resampled log: bins as ``resample`` has them, samples on an edge in theirs, three kinds of file, one account."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from replay_data.importers import import_log
from replay_data.record import Channel, Record
from replay_data.resample import resample
from replay_data.resampled import STATISTICS, Resampled, save
from replay_data.runlog import open_log, write
from twin.errors import UserError

START = "2026-01-31T08:00:00Z"
MAP = """
facility = "small"
time = {{ unit = "iso8601", column = "time" }}
[[channel]]
name = "pulse"
column = "pulse"
role = "quantity"
{unit}
"""


def small():
    """Ten hours of a sensor with a gap and two lost samples, a setpoint, a counter, and a fault."""
    rng = np.random.default_rng(0)
    t = np.arange(0.0, 10.0, 0.1) + 0.01
    t = t[(t < 4) | (t > 6.2)]
    pulse = rng.normal(50, 5, t.size)
    pulse[[3, 8]] = np.nan
    channels = {
        "pulse": Channel("pulse", t, pulse, "uJ", "quantity", "PV:P", "Pulse"),
        "gap": Channel(
            "gap", np.array([0.0, 2.5, 7.0, 7.2]), np.array([5.0, 6.0, 6.0, 7.0]), "mm", "setpoint"
        ),
        "shots": Channel("shots", np.array([0.5, 3.0, 9.9]), np.array([1.0, 4.0, 9.0]), "", "counter"),
    }
    faults = {"process": np.array(["gun.trip"]), "start_h": np.array([1.5]), "end_h": np.array([3.25])}
    return Record("small", START, 10.4, channels, {"faults": faults})


@pytest.mark.parametrize("how", STATISTICS)
def test_values_are_those_of_resample_but_sensors_do_not_hold_through_bins_without_samples(how):
    table, thin = resample(small(), 1.0), Resampled(small(), 1.0, how)
    for name in small().names:
        used = "last" if how == "mean" and name != "pulse" else how
        wanted = table[name].sel(statistic=used).to_numpy().copy()
        if name == "pulse":
            wanted[table[name].sel(statistic="count") == 0] = np.nan
        np.testing.assert_array_equal(thin.values(name), wanted)


def test_every_sample_read_is_used_or_left_out_and_every_bin_has_a_value_or_none():
    thin = Resampled(small(), 1.0, "mean")
    filled = {name: thin.values(name) for name in thin.names}
    account = thin.accounts["pulse"]
    late = int((small().channel("pulse").time_h >= 10).sum())
    assert (account.read, account.read - account.used) == (small().samples("pulse"), 2 + late)
    assert [thin.accounts[n].empty for n in thin.names] == [
        int(np.isnan(filled[n]).sum()) for n in thin.names
    ]
    assert account.empty == 2 and thin.accounts["gap"].empty == 0


@pytest.mark.parametrize("seconds", [1, 10, 60, 600])
@pytest.mark.parametrize("stamps", [lambda n, s: n * float(s) / 3600.0, lambda n, s: n * (s / 3600.0)])
def test_a_sample_on_an_edge_is_in_the_bin_that_begins_there(seconds, stamps, tmp_path):
    n = np.arange(5000)
    steady = Channel("pulse", stamps(n, seconds), n.astype(float), "uJ", "quantity")
    write(Record("small", START, 5000 * seconds / 3600.0, {"pulse": steady}), tmp_path / "log.h5")
    with open_log(tmp_path / "log.h5") as log:
        np.testing.assert_array_equal(Resampled(log, seconds / 3600.0, "mean").values("pulse"), n)


def test_a_run_log_has_the_values_changes_of_the_held_and_the_tables_of_the_log(tmp_path):
    write(small(), tmp_path / "log.h5")
    with open_log(tmp_path / "log.h5") as log:
        save(Resampled(log, 1.0, "mean"), tmp_path / "thin.h5")
        wanted = Resampled(log, 1.0, "mean").values("pulse")
    with open_log(tmp_path / "thin.h5") as thin:
        assert (thin.facility, thin.start, thin.hours, thin.names) == ("small", START, 10.4, small().names)
        pulse, gap = thin.channel("pulse"), thin.channel("gap")
        np.testing.assert_array_equal(pulse.value, wanted[~np.isnan(wanted)])
        assert (pulse.unit, pulse.pv, pulse.title, pulse.role) == ("uJ", "PV:P", "Pulse", "quantity")
        np.testing.assert_allclose(gap.time_h, [0.5, 2.5, 7.5])
        np.testing.assert_array_equal(gap.value, [5, 6, 7])
        assert thin.table("faults")["process"].tolist() == ["gun.trip"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_comes_in_again_as_the_values_it_was_made_of(ending, tmp_path):
    thin = Resampled(small(), 1.0, "mean")
    save(thin, tmp_path / f"hours.{ending}")
    unit = 'unit = "uJ"' if ending == "csv" else ""  # Parquet carries its own
    (tmp_path / "map.toml").write_text(MAP.format(unit=unit))
    import_log(tmp_path / f"hours.{ending}", tmp_path / "back.h5", tmp_path / "map.toml")
    with open_log(tmp_path / "back.h5") as log:
        back, wanted = log.channel("pulse"), thin.values("pulse")
        known = np.isfinite(back.value)
        np.testing.assert_array_equal(back.value[known], wanted[~np.isnan(wanted)])
        assert back.unit == "uJ" and log.start.startswith("2026-01-31T08:30:00")


def test_a_table_has_a_row_a_bin_and_the_hours_of_fault(tmp_path):
    save(Resampled(small(), 1.0, "max"), tmp_path / "hours.csv")
    with open(tmp_path / "hours.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 and rows[0]["time"] == "2026-01-31T08:30:00.000000Z"
    assert [float(row["fault_h gun.trip"]) for row in rows] == [0, 0.5, 1, 0.25, 0, 0, 0, 0, 0, 0]
    assert [row["pulse"] == "" for row in rows].count(True) == 2


def test_a_tabular_log_and_unknown_words_are_refused(tmp_path):
    with pytest.raises(UserError, match="tabular"):
        Resampled(replace(small(), tabular=True), 1.0, "mean")
    with pytest.raises(UserError, match=r"unknown statistic 'median'; known are: mean, last, min, max"):
        Resampled(small(), 1.0, "median")
    with pytest.raises(UserError, match=r"'\.xls' is not an output format"):
        save(Resampled(small(), 1.0, "mean"), tmp_path / "hours.xls")


def test_a_table_appears_whole_or_not_at_all(tmp_path):
    def stop(text, part):
        if part > 0.5:
            raise RuntimeError("stopped")

    for ending in ("csv", "parquet", "h5"):
        with pytest.raises(RuntimeError, match="stopped"):
            save(Resampled(small(), 1.0, "mean", progress=stop), tmp_path / f"hours.{ending}")
    assert list(tmp_path.iterdir()) == []

"""Imports hold one channel at a time where the format allows it, whatever the number of channels."""

import tracemalloc

import h5py
import numpy as np
import pytest

from replay_data.importers import import_log
from replay_data.record import Channel, Streamed
from replay_data.runlog import open_log, write

CHANNELS, ROWS = 24, 40_000
NAMES = [f"c{i}" for i in range(CHANNELS)]
MAP = "".join(f'[[channel]]\nname = "{n}"\ncolumn = "{n}"\nunit = "1"\nrole = "readback"\n' for n in NAMES)
CLOCK = '[time]\ncolumn = "t"\nunit = "unix_s"\n'


def values_of(i: int) -> np.ndarray:
    return np.round(np.random.default_rng(i).normal(size=ROWS), 3)


def columnar(path) -> str:
    with h5py.File(path, "w") as file:
        file["points/t"] = 1.7e9 + np.arange(ROWS) * 0.1
        for i, name in enumerate(NAMES):
            file[f"points/{name}"] = values_of(i)
    return f'facility = "x"\ntable = "points"\n{CLOCK}{MAP}'


def parquet(path) -> str:
    import pyarrow as pa
    from pyarrow import parquet as pq

    columns = {name: values_of(i) for i, name in enumerate(NAMES)}
    pq.write_table(pa.table({"t": 1.7e9 + np.arange(ROWS) * 0.1, **columns}), path)
    return f'facility = "x"\n{CLOCK}{MAP}'


def nxlog(path) -> str:
    with h5py.File(path, "w") as file:
        for i, name in enumerate(NAMES):
            group = file.create_group(name)
            group.attrs["NX_class"] = "NXlog"
            group["time"], group["value"] = np.arange(ROWS) * 0.1, values_of(i)
            group["time"].attrs.update(units="s", start="2026-01-01T00:00:00Z")
    return f'facility = "x"\n{MAP}'


@pytest.mark.parametrize("make, suffix", [(columnar, ".h5"), (parquet, ".parquet"), (nxlog, ".nxs")])
def test_an_import_needs_memory_for_few_channels_however_many_there_are(make, suffix, tmp_path):
    source, out = tmp_path / f"source{suffix}", tmp_path / "log.h5"
    (tmp_path / "map.toml").write_text(make(source))
    import_log(source, out, tmp_path / "map.toml")  # what is imported and compiled once does not count
    tracemalloc.start()
    import_log(source, out, tmp_path / "map.toml")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 16 * ROWS, "of 24 channels, each of 16 bytes a sample"
    with open_log(out) as log:
        assert log.names == NAMES
        for i, name in enumerate(NAMES):
            assert np.array_equal(log.channel(name).value, values_of(i))


def test_a_streamed_log_makes_each_channel_once_when_it_is_written(tmp_path):
    made = []

    def make(name: str) -> Channel:
        made.append(name)
        return Channel(name, np.arange(3.0), np.arange(3.0), "1", "readback")

    write(Streamed("x", "2026-01-01T00:00:00Z", 3.0, ["a", "b"], make), tmp_path / "log.h5")
    assert made == ["a", "b"]
    with open_log(tmp_path / "log.h5") as log:
        assert log.channel("b").value.tolist() == [0.0, 1.0, 2.0]

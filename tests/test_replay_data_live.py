"""A log that is being written: readable meanwhile, whole after its writer was killed, packed at its end."""

import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from replay_data.live import LiveLog
from replay_data.record import Channel, Record
from replay_data.runlog import is_runlog, open_log, write
from twin.errors import UserError

EMPTY = np.zeros(0)
START = "2026-01-31T08:00:00Z"


def plan(severity=None):
    """A record that names two channels and holds no sample."""
    pulse = Channel("pulse", EMPTY, EMPTY, "uJ", "quantity", "FEL:E", "Pulse energy", severity)
    return Record(
        "small", START, 0.0, {"pulse": pulse, "water": Channel("water", EMPTY, EMPTY, "degC", "condition")}
    )


def test_samples_and_rows_are_read_while_the_log_is_written_and_packed_when_it_is_done(tmp_path):
    path = tmp_path / "log.h5"
    with LiveLog(path, plan(np.zeros(0, np.int8))) as live:
        live.append("pulse", [0.1, 0.2], [5.0, np.nan], [0, 3])
        with open_log(path) as log:
            assert log.live and log.hours == 0.0 and log.samples("pulse") == 0  # not yet flushed
        row = live.add("faults", {"process": "gun.träge", "start_h": 0.15})
        live.flush(until_h=0.5)
        with open_log(path) as log:
            assert is_runlog(path) and (log.hours, log.names) == (0.5, ["pulse", "water"])
            np.testing.assert_allclose(log.channel("pulse").time_h, [0.1, 0.2])
            np.testing.assert_array_equal(log.channel("pulse").severity, [0, 3])
            assert log.samples("water") == 0 and np.isnan(log.table("faults")["end_h"]).all()
            assert log.data["pulse"]["value"].sizes == {"sample": 2}
        live.amend("faults", row, {"end_h": 0.4, "comment": "µ-wave"})
        live.append("pulse", [0.9], [6.0], [1])
    with open_log(path) as log:
        assert not log.live and log.hours == pytest.approx(0.9)
        np.testing.assert_array_equal(log.channel("pulse").value, [5.0, np.nan, 6.0])
        table = log.table("faults")
        assert (table["process"][0], table["end_h"][0], table["comment"][0]) == ("gun.träge", 0.4, "µ-wave")
    assert [file.name for file in tmp_path.iterdir()] == ["log.h5"]


def test_a_log_can_be_gone_on_with_and_loses_nothing(tmp_path):
    path = tmp_path / "log.h5"
    tables = {"import": {"source": np.array(["süd.csv"]), "rows": np.array([7])}}
    tables["faults"] = {"process": np.array(["gun.trip"]), "start_h": np.array([0.2])}
    pulse = Channel("pulse", np.array([0.0, 0.5]), np.array([1.0, 2.0]), "uJ", "quantity")
    write(Record("small", START, 1.0, {"pulse": pulse}, tables), path)
    with open_log(path) as old, LiveLog(path, old) as live:
        live.append("pulse", [1.5], [3.0])
        live.add("faults", {"process": "gun.trip", "start_h": 1.2})
    with open_log(path) as log:
        np.testing.assert_array_equal(log.channel("pulse").value, [1.0, 2.0, 3.0])
        assert log.hours == 1.5 and log.table("faults")["start_h"].tolist() == [0.2, 1.2]
        assert (log.table("import")["source"][0], log.table("import")["rows"][0]) == ("süd.csv", 7)


WRITER = """
import sys
import numpy as np
from replay_data.live import LiveLog
from replay_data.record import Channel, Record
empty, rng = np.zeros(0), np.random.default_rng(int(sys.argv[2]))
channels = {n: Channel(n, empty, empty, "uJ", "quantity") for n in ("a", "b", "c")}
live = LiveLog(sys.argv[1], Record("small", "2026-01-31T08:00:00Z", 0.0, channels))
print("ready", flush=True)
n = 0
while True:
    k = int(rng.integers(1, 900))
    stamps = np.arange(n, n + k) / 3600
    for name in channels:
        live.append(name, stamps, 2.0 * np.arange(n, n + k))
    live.add("faults", {"process": f"gun.{n}", "start_h": n / 3600, "end_h": (n + 1) / 3600})
    live.flush()
    n += k
    print(n, flush=True)
"""


@pytest.mark.parametrize("seed", range(5))
def test_a_writer_killed_at_any_moment_leaves_all_it_flushed_and_the_log_can_be_gone_on_with(tmp_path, seed):
    path = tmp_path / "log.h5"
    wait_s = np.random.default_rng(seed).uniform(0.0, 0.25)
    command = [sys.executable, "-c", WRITER, str(path), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        time.sleep(wait_s)
        writer.send_signal(signal.SIGKILL)
        said = [int(line) for line in writer.stdout.read().split()]
    flushed = said[-1] if said else 0
    with open_log(path) as log:
        for name in ("a", "b", "c"):
            channel = log.channel(name)
            assert channel.value.size >= flushed
            np.testing.assert_array_equal(channel.value, 2.0 * np.arange(channel.value.size))
            np.testing.assert_allclose(channel.time_h, np.arange(channel.value.size) / 3600, atol=1e-12)
        faults = log.table("faults")
        assert len(faults["start_h"]) >= len(said)
        assert all(
            p == f"gun.{round(3600 * s)}" for p, s in zip(faults["process"], faults["start_h"], strict=True)
        )
        assert log.hours >= (flushed - 1) / 3600 - 1e-9
        size = log.samples("a")
        with LiveLog(path, log) as live:
            live.append("a", [1e3], [-1.0])
    with open_log(path) as log:
        assert not log.live and log.samples("a") == size + 1 and log.channel("a").value[-1] == -1.0


def test_a_value_without_its_stamp_is_not_there(tmp_path):
    path = tmp_path / "log.h5"
    live = LiveLog(path, plan())
    live.append("pulse", [0.1], [5.0])
    live.flush()
    live._channels["pulse"]["value"].resize((9,))
    live._channels["pulse"]["time"].resize((7,))
    live._file.close()  # as a writer that died half-way would leave it
    with open_log(path) as log:
        assert log.channel("pulse").value.tolist() == [5.0] and log.samples("pulse") == 1


def test_samples_that_contradict_themselves_are_refused_at_once(tmp_path):
    with LiveLog(tmp_path / "log.h5", plan()) as live:
        with pytest.raises(UserError, match=r"'pulze'.*pulse, water"):
            live.append("pulze", [0.0], [1.0])
        with pytest.raises(ValueError, match="not finite"):
            live.append("pulse", [np.nan], [1.0])
        with pytest.raises(ValueError, match="differ in length"):
            live.append("pulse", [0.0, 1.0], [1.0])
        with pytest.raises(ValueError, match="has no severities"):
            live.append("pulse", [0.0], [1.0], [0])
        with pytest.raises(UserError, match=r"'trips'.*faults"):
            live.add("trips", {})
        with pytest.raises(ValueError, match="more than 1024 bytes"):
            live.add("faults", {"comment": "x" * 2000, "start_h": 0.0})


def test_an_error_while_writing_leaves_the_log_as_it_stood(tmp_path):
    with pytest.raises(RuntimeError), LiveLog(tmp_path / "log.h5", plan()) as live:
        live.append("pulse", [0.1], [5.0])
        raise RuntimeError("the archive went away")
    with open_log(tmp_path / "log.h5") as log:
        assert log.live and log.samples("pulse") == 1


def test_a_log_being_written_is_nexus_too(tmp_path):
    with LiveLog(tmp_path / "log.h5", plan()), h5py.File(tmp_path / "log.h5", "r", swmr=True) as file:
        entry = file["entry"]
        assert isinstance(entry, h5py.Group)
        assert entry.attrs["NX_class"] == "NXentry" and entry["duration"].attrs["units"] == "s"

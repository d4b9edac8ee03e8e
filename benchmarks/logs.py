"""Run-logs at size: a year of 500 channels at 1 Hz opened and resampled, and what storage was measured to pay.

Run by hand from the repository root:

    python -m benchmarks.logs [days]        the year (or fewer days), in a temporary folder: about 1 GB, 5 minutes
    python -m benchmarks.logs storage DATA  filters and chunks on the real logs in the folder DATA

The year is 500 names of four stored channels (HDF5 hard links): quick to write and small on disk, while
every reading of a name unpacks all of its bytes anew. Times are the least of four. Memory is the peak of a
process of its own, above what it held once all was imported (Linux).
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from replay_data.record import BLOCK, Channel, Record
from replay_data.resample import resample
from replay_data.runlog import open_log
from replay_data.store import PACKED, fill, start_channel, start_entry

CHANNELS, REPEATS = 500, 4
START = "2025-01-01T00:00:00Z"


def shapes(first: int, size: int, rng) -> dict[str, np.ndarray]:
    """Values of four kinds of channel at ``size`` seconds from ``first`` on."""
    second = np.arange(first, first + size)
    return {
        "current": np.round(400.0 * np.exp(-(second % 600) / 36000.0) + rng.normal(0, 0.02, size), 3),
        "temperature": np.round(25.0 + np.sin(second / 13751.0) + rng.normal(0, 0.01, size), 2),
        "intensity": rng.normal(500.0, 5.0, size),
        "setpoint": np.round(3.0 + (second // 28800 % 7) * 0.05, 3),
    }


def write_year(path: Path, days: float) -> None:
    """500 channels of a sample a second, its stamps off by milliseconds as an archiver's are."""
    size, rng = int(days * 86400), np.random.default_rng(0)
    none = np.zeros(0)
    roles = {
        "current": "readback",
        "temperature": "condition",
        "intensity": "quantity",
        "setpoint": "setpoint",
    }
    kinds = list(roles)
    names = [f"{kinds[i % 4]}_{i // 4}" for i in range(CHANNELS)]
    channels = {n: Channel(n, none, none, "1", roles[n.split("_")[0]]) for n in names}
    log = Record("year", START, days * 24.0, channels)
    with h5py.File(path, "w") as file:
        entry: Any = start_entry(file, log)
        how = {"shape": (size,), "chunks": (65536,), **PACKED}
        stored = {kind: start_channel(entry, log, f"{kind}_0", how) for kind in kinds}
        for first in range(0, size, BLOCK):
            part = min(BLOCK, size - first)
            hours = (np.arange(first, first + part) + np.round(rng.normal(0, 1e-3, part), 6)) / 3600.0
            for kind, value in shapes(first, part, rng).items():
                fill(stored[kind], first, Channel(kind, hours, value, "1", roles[kind]))
        for name in names[4:]:
            entry["channels"][name] = entry["channels"][f"{name.split('_')[0]}_0"]


def raw(path: Path, names: list[str]) -> int:
    """Read every byte of some channels with h5py alone, into one pair of arrays; the bytes."""
    time_s, value, read = np.empty(BLOCK), np.empty(BLOCK), 0
    with h5py.File(path) as file:
        for name in names:
            group: Any = file[f"entry/channels/{name}"]
            size = group["time"].shape[0]
            for first in range(0, size, BLOCK):
                part = min(BLOCK, size - first)
                for key, into in (("time", time_s), ("value", value)):
                    group[key].read_direct(into, np.s_[first : first + part], np.s_[:part])
            read += 16 * size
    return read


def ours(path: Path, names: list[str], every_h: float = 1.0, judged: bool = False) -> int:
    """Resample some channels; the bins made."""
    with open_log(path) as log:
        return resample(log, every_h, names, judged).sizes["time"]


WAYS: dict[str, Callable[[Path, list[str]], int]] = {
    "raw h5py read": raw,
    "resampled to hours": ours,
    "resampled to minutes": lambda path, names: ours(path, names, 1.0 / 60.0),
    "resampled to hours, sensors judged": lambda path, names: ours(path, names, judged=True),
}


def measure_year(days: float) -> None:
    """Print what opening and reading a year of 500 channels takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "year.h5"
        seconds = timed(lambda: write_year(path, days), 1)
        samples = CHANNELS * int(days * 86400)
        print(
            f"{days:g} days of {CHANNELS} channels: {samples / 1e9:.1f} G samples, {samples * 16 / 1e9:.0f} GB"
        )
        print(f"four of them written in {seconds:.0f} s, {path.stat().st_size / 1e6:.0f} MB on disk")
        print(f"opened, all {CHANNELS} channels as a lazy tree: {timed(lambda: opened(path)):.2f} s\n")
        for name in ("current_0", "temperature_0", "intensity_0", "setpoint_0"):
            table(path, name)


def opened(path: Path) -> int:
    """Open the log and build its tree; the number of channels."""
    with open_log(path) as log:
        return len(log.data.children)


def table(path: Path, name: str) -> None:
    """Time and memory of each way of reading a channel, beside the raw read of the same bytes.

    The ways take turns, so that whatever else the machine does falls on all of them.
    """
    print(f"{name:38}{'s':>8}{'MB/s':>8}{'of raw':>8}{'peak MB':>9}")
    read, least = raw(path, [name]), dict.fromkeys(WAYS, np.inf)
    for _ in range(REPEATS):
        for way, call in WAYS.items():
            least[way] = min(least[way], timed(lambda call=call: call(path, [name]), 1))
    for way, seconds in least.items():
        row = f"{way:38}{seconds:8.2f}{read / seconds / 1e6:8.0f}{least['raw h5py read'] / seconds:8.2f}"
        print(f"{row}{peak(way, path, name):9.0f}", flush=True)


def peak(way: str, path: Path, name: str) -> float:
    """Memory that a process of its own needs to read one way, MB."""
    command = [sys.executable, "-m", "benchmarks.logs", "peak", way, str(path), name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def memory(what: str) -> float:
    """A line of Linux's account of this process, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:"))


def timed(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Least seconds of a few calls."""
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        found.append(time.perf_counter() - begin)
    return min(found)


def real_channels(data: Path) -> dict[str, np.ndarray]:
    """Columns of real logs, and three made ones, as a channel's datasets would hold them."""
    with h5py.File(data / "lcls2_cryo_q0" / "lcls2_cryo_q0.h5") as cryo:
        level: Any = cryo["liquid_level"]
        found = {"cryo time": level["t"][()], "cryo level": level["liquid_level_pct"][()]}
    with h5py.File(data / "aps_8id_scans_2016" / "aps_8id_scans_2016.h5") as aps:
        scans: Any = aps["points"]
        points = {key: scans[key][()] for key in ("unix_time", "I_APS", "T_SAMP", "pind1")}
    points["unix_time"] -= points["unix_time"][0]
    rng, size = np.random.default_rng(0), 668104
    made = {
        "archiver time": np.arange(size) + np.round(rng.normal(0, 1e-3, size), 9),
        "noise": rng.normal(500.0, 5.0, size),
        "noise, rounded": np.round(rng.normal(500.0, 5.0, size), 2),
    }
    return found | {f"aps {key}": value for key, value in points.items()} | made


def measure_storage(data: Path) -> None:
    """Print size and speed of filters and chunks; those of hdf5plugin where it is installed."""
    channels = real_channels(data)
    ways: dict[str, dict[str, Any]] = {"none": {}, "lzf + shuffle": {"compression": "lzf", "shuffle": True}}
    for level in (1, 2, 4, 9):
        ways[f"gzip {level} + shuffle"] = {"compression": "gzip", "compression_opts": level, "shuffle": True}
    try:
        import hdf5plugin as more  # type: ignore[import-not-found]

        ways["zstd 3 + shuffle"] = {"shuffle": True, **more.Zstd(clevel=3)}
        ways["blosc zstd 3, bits"] = dict(more.Blosc(cname="zstd", clevel=3, shuffle=more.Blosc.BITSHUFFLE))
        ways["bitshuffle lz4"] = dict(more.Bitshuffle(cname="lz4"))
    except ImportError:
        print("hdf5plugin is not installed: without its filters")
    print(f"{'filter':22}{'chunk':>8}{'smaller':>9}{'write MB/s':>12}{'read MB/s':>11}")
    for name, how in ways.items():
        stored(channels, name, how, 65536)
    for chunk in (1024, 4096, 16384, 131072):
        stored(channels, "gzip 1 + shuffle", ways["gzip 1 + shuffle"], chunk)


def stored(channels: dict[str, np.ndarray], name: str, how: dict[str, Any], chunk: int) -> None:
    """Write and read all channels one way, and print the row."""
    size = sum(value.nbytes for value in channels.values())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "storage.h5"

        def write_all():
            with h5py.File(path, "w") as file:
                for key, value in channels.items():
                    file.create_dataset(key, data=value, chunks=(chunk,), **how)

        def read_all():
            with h5py.File(path) as file:
                for key, value in channels.items():
                    file[key].read_direct(np.empty_like(value))  # type: ignore[union-attr]

        written, read = timed(write_all), timed(read_all)
        ratio = size / path.stat().st_size
    print(f"{name:22}{chunk:8}{ratio:9.2f}{size / written / 1e6:12.0f}{size / read / 1e6:11.0f}", flush=True)


def main(*words: str) -> None:
    """As the first lines say."""
    if words[:1] == ("peak",):
        before = memory("VmRSS")
        WAYS[words[1]](Path(words[2]), [words[3]])
        print(memory("VmHWM") - before)
    elif words[:1] == ("storage",):
        measure_storage(Path(words[1]))
    else:
        measure_year(float(words[0]) if words else 365.0)


if __name__ == "__main__":
    main(*sys.argv[1:])

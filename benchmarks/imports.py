"""How fast each importer brings a log in, beside a plain h5py write of the same stamps and values, in one run."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
from pyarrow import parquet
from rich.console import Console
from rich.table import Table

from replay_data.export import export
from replay_data.importers import import_log
from replay_data.record import Channel, Record
from replay_data.runlog import open_log, write
from replay_data.store import PACKED

T0 = 1_769_904_000
SAMPLES = 200_000
CHANNELS = 4
ROWS = SAMPLES // CHANNELS

ROW_MAP = 'facility = "f"\n{table}[time]\ncolumn = "time"\nunit = "unix_s"\n' + "".join(
    f'[[channel]]\nname = "c{i}"\ncolumn = "X{i}"\nunit = "1"\nrole = "quantity"\n' for i in range(CHANNELS)
)
TRAINS = 'facility = "f"\n[time]\nunit = "trains"\nstart = "2026-02-01"\nevery_s = 0.1\n' + "".join(
    f'[[channel]]\nname = "c{i}"\ncolumn = "A/X{i}"\nunit = "1"\nrole = "quantity"\n' for i in range(CHANNELS)
)


def values() -> tuple[np.ndarray, np.ndarray]:
    """Stamps [N] once a second and values [C, N] with all their digits."""
    rng = np.random.default_rng(0)
    return T0 + np.arange(ROWS, dtype=float), rng.normal(200, 1, (CHANNELS, ROWS))


def sdds(path: Path, time_s: np.ndarray, value: np.ndarray) -> None:
    """Binary SDDS of one page."""
    columns = "".join(f"&column name=X{i}, type=double, &end\n" for i in range(CHANNELS))
    head = f"SDDS1\n!# little-endian\n&column name=Time, units=s, type=double, &end\n{columns}&data mode=binary, &end\n"
    rows = np.column_stack([time_s, *value]).astype("<f8")
    path.write_bytes(head.encode() + np.int32(len(rows)).tobytes() + rows.tobytes())


def archiver(path: Path, time_s: np.ndarray, value: np.ndarray) -> None:
    """A saved answer of an EPICS Archiver Appliance."""
    pvs = []
    for i, row in enumerate(value):
        data = [
            {"secs": int(t), "val": v, "nanos": 5, "severity": 0, "status": 0}
            for t, v in zip(time_s, row.tolist(), strict=True)
        ]
        pvs.append({"meta": {"name": f"X{i}", "EGU": "mA"}, "data": data})
    path.write_text(json.dumps(pvs))


def bluesky(path: Path, time_s: np.ndarray, value: np.ndarray) -> None:
    """One run, an event a row."""
    keys = {f"X{i}": {"dtype": "number", "shape": [], "source": "s"} for i in range(CHANNELS)}
    lines = [
        ["start", {"uid": "r", "time": T0}],
        ["descriptor", {"uid": "d", "run_start": "r", "name": "primary", "data_keys": keys}],
    ]
    for t, row in zip(time_s.tolist(), value.T.tolist(), strict=True):
        lines.append(
            ["event", {"descriptor": "d", "time": t, "data": {f"X{i}": v for i, v in enumerate(row)}}]
        )
    path.write_text("\n".join(json.dumps(line) for line in lines))


def badger(path: Path, time_s: np.ndarray, value: np.ndarray) -> None:
    """A run of so many evaluations (no run is that long)."""
    columns = {"timestamp": time_s, **{f"X{i}": row for i, row in enumerate(value)}}
    text = "vocs:\n  variables: {X0: [0, 1], X1: [0, 1]}\n  objectives: {X2: MAXIMIZE, X3: MINIMIZE}\ndata:\n"
    for name, cells in columns.items():
        text += f"  {name}:\n" + "".join(f"    '{i}': {c!r}\n" for i, c in enumerate(cells.tolist()))
    path.write_text(text)


def columnar(path: Path, time_s: np.ndarray, value: np.ndarray) -> None:
    """A group a table."""
    with h5py.File(path, "w") as file:
        file["t/time"] = time_s
        for i, row in enumerate(value):
            file[f"t/X{i}"] = row


def flash(path: Path, time_s: np.ndarray, value: np.ndarray) -> None:
    """A group a channel."""
    with h5py.File(path, "w") as file:
        for i, row in enumerate(value):
            file[f"A/X{i}/index"], file[f"A/X{i}/value"] = np.arange(1, 1 + ROWS, dtype=np.uint32), row


def euxfel(path: Path, time_s: np.ndarray, value: np.ndarray) -> None:
    """One control source."""
    with h5py.File(path, "w") as file:
        file["METADATA/dataSources/root"], file["METADATA/dataSources/deviceId"] = [b"CONTROL"], [b"A/B/C"]
        file["INDEX/trainId"] = np.arange(1, 1 + ROWS, dtype=np.uint64)
        file["INDEX/timestamp"] = (time_s * 1e9).astype(np.uint64)
        file["INDEX/A/B/C/first"], file["INDEX/A/B/C/count"] = np.arange(ROWS), np.ones(ROWS, int)
        for i, row in enumerate(value):
            file[f"CONTROL/A/B/C/X{i}/value"] = row


def csv_file(path: Path, time_s: np.ndarray, value: np.ndarray) -> None:
    """A line a row."""
    lines = [",".join(map(repr, row)) for row in np.column_stack([time_s, *value]).tolist()]
    path.write_text("\n".join([",".join(["time", *(f"X{i}" for i in range(CHANNELS))]), *lines]))


def parquet_file(path: Path, time_s: np.ndarray, value: np.ndarray) -> None:
    """As pyarrow writes it."""
    parquet.write_table(pa.table({"time": time_s, **{f"X{i}": row for i, row in enumerate(value)}}), path)


def exported(kind: str) -> Callable[[Path, np.ndarray, np.ndarray], None]:
    """An export of a run-log."""

    def make(path: Path, time_s: np.ndarray, value: np.ndarray) -> None:
        rows = {
            f"c{i}": Channel(f"c{i}", (time_s - T0) / 3600, row, "1", "quantity")
            for i, row in enumerate(value)
        }
        write(Record("f", "2026-02-01T00:00:00Z", ROWS / 3600, rows), path.with_name("log.h5"))
        with open_log(path.with_name("log.h5")) as log:
            export(log, path, kind)

    return make


CASES: dict[str, tuple[str, Callable[[Path, np.ndarray, np.ndarray], None], str | None]] = {
    "CSV": ("x.csv", csv_file, ROW_MAP.format(table="")),
    "Parquet": ("x.parquet", parquet_file, ROW_MAP.format(table="")),
    "columnar HDF5": ("x.h5", columnar, ROW_MAP.format(table='table = "t"\n')),
    "SDDS, binary": ("x.sdds", sdds, None),
    "Badger/Xopt": ("x.yaml", badger, None),
    "bluesky documents": ("x.jsonl", bluesky, None),
    "EPICS Archiver Appliance": ("x.json", archiver, None),
    "European XFEL HDF5": ("e.h5", euxfel, None),
    "NeXus NXlog": ("x.nxs", exported("nxlog"), None),
    "FLASH HDF5": ("f.h5", flash, TRAINS),
    "exported CSV": ("csv", exported("csv"), None),
    "exported Parquet": ("parquet", exported("parquet"), None),
}


def least(work: Callable[[], object], repeats: int = 3) -> float:
    """The least wall time of a few repeats."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def raw(path: Path, time_s: np.ndarray, value: np.ndarray) -> None:
    """The same stamps and values by h5py alone, chunked and compressed as a run-log is."""
    with h5py.File(path, "w") as file:
        for i, row in enumerate(value):
            file.create_dataset(f"c{i}/time", data=time_s - T0, chunks=(min(65536, ROWS),), **PACKED)
            file.create_dataset(f"c{i}/value", data=row, chunks=(min(65536, ROWS),), **PACKED)


def main() -> None:
    """Print the table."""
    time_s, value = values()
    title = f"{SAMPLES:,} samples in {CHANNELS} channels; MB of the source; least of 3"
    table = Table(title=title, title_justify="left")
    for column in ("importer", "MB", "seconds", "MB/s", "samples/s", "of raw h5py's speed"):
        table.add_column(column, justify="left" if column == "importer" else "right")
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        base = least(lambda: raw(here / "raw.h5", time_s, value))
        table.add_row(
            "raw h5py write",
            f"{SAMPLES * 16 / 1e6:.1f}",
            f"{base:.3f}",
            f"{SAMPLES * 16 / 1e6 / base:.0f}",
            f"{SAMPLES / base:,.0f}",
            "1",
        )
        for name, (file, make, layout) in CASES.items():
            path = here / file
            make(path, time_s, value)
            (here / "map.toml").write_text(layout or "")
            chosen = here / "map.toml" if layout else None
            spent = least(
                lambda p=path, m=chosen: import_log(p, here / "out.h5", m, facility=None if m else "f")
            )
            files = path.iterdir() if path.is_dir() else [path]
            size = sum(f.stat().st_size for f in files) / 1e6
            table.add_row(
                name,
                f"{size:.1f}",
                f"{spent:.3f}",
                f"{size / spent:.1f}",
                f"{SAMPLES / spent:,.0f}",
                f"{base / spent:.2f}",
            )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()

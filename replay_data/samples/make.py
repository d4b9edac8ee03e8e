"""Make the sample files in this folder: synthetic numbers in the formats that facilities write.

Run ``python -m replay_data.samples.make``; it writes the same bytes each time, and SHA256SUMS. No number was
measured; the docstring of each function gives the source of the format.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).parent
T0 = 1_769_904_000  # 2026-02-01T00:00:00Z
TEXT = h5py.string_dtype()


def _rng() -> np.random.Generator:
    return np.random.default_rng(4)


def archiver(path: Path) -> None:
    """Format: JSONResponse.java of archiver-appliance/epicsarchiverap (its spaces and line ends too)."""
    rng = _rng()
    current = [
        (0, 0, 0.0, 3, 9),
        *((T0 - 40 + 5 * i, int(rng.integers(10**9)), 200.0 - 0.01 * i, 0, 0) for i in range(60)),
    ]
    current[20:24] = [(s, n, v, 2, 3) for s, n, v, _, _ in current[20:24]]  # MAJOR, HIHI
    current[30] = (*current[30][:2], float("nan"), 3, 17)
    pvs = {
        ("SR:DCCT:CURRENT", "mA", "Stored beam current"): current,
        ("SR:RF:VOLTAGE:SET", "MV", ""): [(T0 - 4000, 5, 3, 0, 0), (T0 + 100, 250_000_000, 2.75, 0, 0)],
        ("SR:BPM01:WF", "um", ""): [(T0 + 10 * i, 0, [1.5 * i, -2.0, 0.25], 0, 0) for i in range(6)],
        ("SR:MODE", "", ""): [(T0, 0, "USER", 0, 0), (T0 + 60, 0, "STUDY", 0, 0)],
    }
    blocks = []
    for (name, unit, title), samples in pvs.items():
        meta = "".join(f', "{k}": "{v}" ' for k, v in (("PREC", "3"), ("EGU", unit), ("DESC", title)) if v)
        rows = ",\n".join(
            f'{{ "secs": {s}, "val": {json.dumps(v)}, "nanos": {n}, "severity":{sev}, "status":{stat} }}'
            for s, n, v, sev, stat in samples
        )
        blocks.append(f'{{ "meta": {{ "name": "{name}" {meta}}},\n"data": [ \n{rows}] }}')
    path.write_text("[ \n" + ",\n".join(blocks) + "\n ]\n")


def nxlog(path: Path) -> None:
    """Format: the NXlog base class; DASlogs as SNS writes them, cues and alarms as the ESS file writer does."""
    rng = _rng()
    with h5py.File(path, "w") as file:
        file.attrs["NX_class"] = "NXroot"
        logs = file.create_group("entry/DASlogs")
        file["entry"].attrs["NX_class"], logs.attrs["NX_class"] = "NXentry", "NXcollection"

        def log(name: str, time: np.ndarray, value: np.ndarray, unit: str, **attrs: object) -> h5py.Group:
            group = logs.create_group(name)
            group.attrs["NX_class"] = np.bytes_("NXlog")
            group.create_dataset("time", data=time).attrs.update(attrs)
            group.create_dataset("value", data=value).attrs["units"] = unit
            return group

        proton = log(
            "proton_charge",
            np.arange(40) / 60,
            rng.normal(20, 1, 40),
            "pC",
            start="2026-02-01T00:00:00.5-05:00",
            units="second",
        )
        proton["cue_timestamp_zero"], proton["cue_index"] = np.array([0.0, 0.33]), np.array([0, 20])
        proton["average_value"] = 20.0
        log(
            "speed",
            np.arange(12) * 1000,
            np.arange(12, dtype=np.float32) / 3,
            "Hz",
            start="2026-02-01T05:00:00Z",
            units="ms",
            scaling_factor=1.5,
        )
        ticks = (T0 + 5 * 3600) * 10**9 + np.arange(8) * 250_000_001
        epics = log("motor", ticks, np.arange(8, dtype=np.int32), "mm", units="ns")
        epics["alarm_time"], epics["alarm_severity"] = ticks[[2, 5]], np.array([1, 0], np.int16)
        epics["alarm_time"].attrs["units"] = "ns"
        raw = logs.create_group("raw_only")
        raw.attrs["NX_class"] = "NXlog"
        raw["time"], raw["raw_value"] = T0 + 5.0 * 3600 + np.arange(5), np.arange(5, dtype=np.uint16)
        raw["description"] = "Counts before calibration"
        log(
            "state", np.arange(3.0), np.array(["a", "b", "c"], dtype=object), "", start="2026-02-01T05:00:00Z"
        )


def sdds(path: Path) -> None:
    """Format: binary SDDS1 with pages as the loggers of Argonne's SDDS toolkit write them; little-endian."""
    rng = _rng()
    head = (
        "SDDS1\n!# little-endian\n"
        '&description text="Storage ring log", contents="ring log", &end\n'
        "&parameter name=StartTime, units=s, type=double, &end\n"
        "&parameter name=Mode, type=string, &end\n"
        '&column name=Time, units=s, description="Time since 1970", type=double, &end\n'
        '&column name=S35DCCT:currentCC, units=mA, description="Stored current", type=double, &end\n'
        "&column name=Lifetime, units=h, type=float, &end\n"
        "&column name=Fill, type=string, &end\n"
        "&data mode=binary, &end\n"
    )

    def text(word: str) -> bytes:
        return struct.pack("<i", len(word)) + word.encode()

    body = b""
    for page, rows in enumerate((30, 20)):
        start = T0 + 600.0 * page
        body += struct.pack("<i", rows) + struct.pack("<d", start) + text(("user", "study")[page])
        for i in range(rows):
            body += struct.pack("<ddf", start + 10 * i + 0.125, 102 - 0.02 * i, rng.normal(9, 0.1)) + text(
                f"{324 + page} bunches"
            )
    path.write_bytes(head.encode() + body)


def flash(path: Path) -> None:
    """Format: FLASH's HDF5 of 2021 on (DESY, FLASH user wiki): ``value`` and ``index``, and zraw with DAQ names."""
    rng = _rng()
    with h5py.File(path, "w") as file:
        trains = 1_400_000_000 + np.arange(50)
        some = trains[np.r_[0:20, 25:50]]

        def put(name: str, index: np.ndarray, value: np.ndarray, unit: str, daq: str) -> None:
            group = file.create_group(name)
            group.create_dataset("index", data=index.astype(np.uint32))
            group.create_dataset("value", data=value).attrs["units"] = unit
            file[f"zraw/{daq}/dGroup"] = group

        put(
            "FL1/Photon Diagnostic/GMD/Average energy/energy tunnel",
            some,
            rng.normal(40, 3, 45).astype(np.float32),
            "uJ",
            "PBD.GMD",
        )
        put(
            "FL1/Electron Diagnostic/BPM/14FL1BPM/position horizontal",
            trains,
            rng.normal(0, 0.1, (50, 4)),
            "mm",
            "14BPM",
        )
        late = np.r_[trains[:9], 0]
        put("FL1/Beamlines/Attenuator/pressure", late, np.linspace(1e-3, 2e-3, 10), "mbar", "GAS")


def euxfel(path: Path) -> None:
    """Format: EXDF 1.2 as EXtra-data's docs/data_format.rst describes it, unit attributes as Karabo writes them."""
    rng = _rng()
    with h5py.File(path, "w") as file:
        n, xgm, adc = 30, "SA1_XTD2_XGM/XGM/DOOCS", "SA1_XTD2_XGM/XGM/DOOCS:output/data"
        sources = (("CONTROL", xgm), ("INSTRUMENT", adc))
        meta = file.create_group("METADATA")
        meta["dataFormatVersion"] = np.array([b"1.2"])
        meta["dataSources/root"] = np.array([root.encode() for root, _ in sources])
        meta["dataSources/deviceId"] = np.array([source.encode() for _, source in sources])
        meta["dataSources/dataSourceId"] = np.array([f"{r}/{s}".encode() for r, s in sources])
        nanos = T0 * 10**9 + np.arange(n) * 100_000_000 + 7
        file["INDEX/trainId"] = np.r_[10**9 + np.arange(n - 1), 0].astype(
            np.uint64
        )  # the last was not recorded
        file["INDEX/timestamp"] = nanos.astype(np.uint64)
        file["INDEX/flag"] = np.r_[np.ones(4, int), 0, np.ones(n - 5, int)].astype(np.int32)
        file[f"INDEX/{xgm}/first"], file[f"INDEX/{xgm}/count"] = (
            np.arange(n, dtype=np.uint64),
            np.ones(n, np.uint64),
        )
        count = np.r_[np.zeros(5, int), np.ones(15, int), np.full(10, 2)]
        file[f"INDEX/{adc}/count"] = count.astype(np.uint64)
        file[f"INDEX/{adc}/first"] = np.r_[0, np.cumsum(count)[:-1]].astype(np.uint64)
        energy = file.create_dataset(
            f"CONTROL/{xgm}/pulseEnergy/photonFlux/value", data=rng.normal(1500, 40, n).astype(np.float32)
        )
        energy.attrs.update(
            unitSymbol=np.array([b"J"]), metricPrefixSymbol=np.array([b"u"]), alias=np.array([b"Photon flux"])
        )
        file[f"CONTROL/{xgm}/pulseEnergy/photonFlux/timestamp"] = nanos.astype(np.uint64)
        file[f"INSTRUMENT/{adc}/intensityTD"] = rng.normal(900, 30, (35, 4))
        file[f"INSTRUMENT/{adc}/width"] = np.arange(35, dtype=np.int16)


def badger(path: Path) -> None:
    """Format: a Badger routine's archive file: Xopt's ``vocs``, and ``data`` as pandas' to_json, rows out of order."""
    rng = _rng()
    rows = 12
    x, y = rng.uniform(-1, 1, (2, rows))
    failed = [i == 7 for i in range(rows)]
    table = {
        "QUAD:LI21:201:BCTRL": x,
        "QUAD:LI21:211:BCTRL": y,
        "GDET:FEE1:241:ENRC": 2.0 - x**2 - y**2,
        "charge": np.full(rows, 0.25),
        "timestamp": T0 + 3.5 * np.arange(rows) + 0.0625,
        "xopt_runtime": np.full(rows, 3.25),
        "xopt_error": failed,
    }
    lines = [
        "name: quads up",
        "badger_version: 1.3.0",
        "environment:",
        "  name: lcls",
        "vocs:",
        "  variables:",
    ]
    lines += ["    QUAD:LI21:201:BCTRL: [-1.0, 1.0]", "    QUAD:LI21:211:BCTRL: [-1.0, 1.0]", "  objectives:"]
    lines += [
        "    GDET:FEE1:241:ENRC: MAXIMIZE",
        "  constraints: {}",
        "  constants: {}",
        "  observables: [charge]",
        "data:",
    ]
    for name, cells in table.items():
        lines.append(f"  {name}:")
        for i in (0, 1, 10, 11, *range(2, 10)):  # keys are text, so their order is not that of the rows
            cell = cells[i]
            lines.append(
                f"    '{i}': {str(bool(cell)).lower() if isinstance(cell, bool) else repr(float(cell))}"
            )
    path.write_text("\n".join(lines) + "\n")


def bluesky(path: Path) -> None:
    """Format: documents of bluesky's event model, one ``[name, document]`` a line as suitcase-jsonl writes them."""
    rng = _rng()
    key = {"dtype": "number", "shape": []}
    lines: list[list[object]] = []
    for scan, points in ((11, 8), (12, 5)):
        run, stream, when = f"run-{scan}", f"stream-{scan}", T0 + 1000.0 * scan
        lines.append(
            [
                "start",
                {
                    "uid": run,
                    "time": when,
                    "scan_id": scan,
                    "plan_name": "scan",
                    "motors": ["mono"],
                    "num_points": 8,
                },
            ]
        )
        keys = {
            "mono_energy": {**key, "source": "PV:XF:MONO", "units": "eV"},
            "i0": {**key, "source": "PV:XF:I0", "units": "nA"},
            "pilatus_image": {
                "source": "PV:XF:PIL",
                "dtype": "array",
                "shape": [195, 487],
                "external": "FILESTORE:",
            },
        }
        lines.append(
            [
                "descriptor",
                {
                    "uid": stream,
                    "run_start": run,
                    "time": when,
                    "name": "primary",
                    "data_keys": keys,
                    "object_keys": {"mono": ["mono_energy"], "i0": ["i0"], "pilatus": ["pilatus_image"]},
                },
            ]
        )
        for i in range(points):
            t = when + 1.25 * (i + 1)
            data = {
                "mono_energy": 7112.0 + 0.5 * i,
                "i0": float(rng.normal(80, 1)),
                "pilatus_image": f"{run}/{i}",
            }
            lines.append(
                [
                    "event",
                    {
                        "uid": f"{run}-{i}",
                        "descriptor": stream,
                        "seq_num": i + 1,
                        "time": t,
                        "data": data,
                        "timestamps": dict.fromkeys(data, t),
                        "filled": {},
                    },
                ]
            )
        status = "success" if points == 8 else "abort"
        lines.append(
            ["stop", {"uid": f"stop-{scan}", "run_start": run, "time": when + 60, "exit_status": status}]
        )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def rows(path: Path) -> None:
    """A table with its clock in one column, as CSV, Parquet or columnar HDF5 according to the path's suffix."""
    rng = _rng()
    n = 24
    time, gradient, pulse = T0 + 5.0 * np.arange(n), np.repeat([7.0, 7.5, 8.0], 8), rng.normal(0.5, 0.01, n)
    pulse[3] = np.nan
    ok = np.arange(n) % 6 != 5
    if path.suffix == ".csv":
        cells = [
            f"{t!r},{g!r},{'' if np.isnan(p) else repr(p)},{int(k)}"
            for t, g, p, k in zip(time.tolist(), gradient.tolist(), pulse.tolist(), ok.tolist(), strict=True)
        ]
        path.write_text("time,LINAC:GRAD,FEL:PULSE,ok\n" + "\n".join(cells) + "\nbroken line\n")
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            table = file.create_group("log/table")
            for name, column in (
                ("time", time),
                ("LINAC:GRAD", gradient),
                ("FEL:PULSE", pulse),
                ("ok", ok.astype(np.int8)),
            ):
                table[name] = column
            table["FEL:PULSE"].attrs["units"] = "mJ"
    else:
        import pyarrow as pa
        from pyarrow import parquet

        arrays = [
            pa.array(np.asarray(time * 1e6, np.int64), pa.timestamp("us", tz="UTC")),
            pa.array(gradient),
            pa.array(pulse),
            pa.array(ok),
        ]
        fields = [
            pa.field("time", arrays[0].type),
            pa.field("LINAC:GRAD", pa.float64()),
            pa.field("FEL:PULSE", pa.float64(), metadata={"units": "mJ"}),
            pa.field("ok", pa.bool_()),
        ]
        parquet.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path)


MAKERS = {
    "archiver.json": archiver,
    "daslogs.nxs": nxlog,
    "ring.sdds": sdds,
    "flash.h5": flash,
    "RAW-R0001-DA01-S00000.h5": euxfel,
    "badger.yaml": badger,
    "scans.jsonl": bluesky,
    "rows.csv": rows,
    "rows.parquet": rows,
    "rows.h5": rows,
}
"""The function that makes each sample."""


def main(folder: Path = HERE) -> None:
    """Make all samples in a folder, and the list of their checksums."""
    sums = []
    for name, make in MAKERS.items():
        make(folder / name)
        sums.append(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n")
    (folder / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

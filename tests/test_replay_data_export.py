"""Exports: a log exported as NXlog, CSV or Parquet and imported again is equal bit for bit; whole or not at all."""

import json
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from replay_data import export as exports
from replay_data.export import EXPORTS, export
from replay_data.importers import import_log
from replay_data.record import ROLES, TABLES, Channel, Record
from replay_data.runlog import open_log, write
from twin.errors import UserError

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
KINDS = st.sampled_from(["f8", "f4", "i8", "i4", "i2", "u1", "u8", "?"])


@st.composite
def channels(draw):
    name, n = draw(NAMES), draw(st.integers(0, 80))
    stamps = st.floats(-1e3, 1e5, allow_nan=False) if draw(st.booleans()) else st.floats(0, 1e9, width=32)
    time = np.array(draw(st.lists(stamps, min_size=n, max_size=n)))
    value = draw(hnp.arrays(draw(KINDS), n))
    severity = draw(hnp.arrays("i1", n, elements=st.integers(0, 3))) if draw(st.booleans()) else None
    return Channel(
        name, time, value, draw(WORDS), draw(st.sampled_from(ROLES)), draw(WORDS), draw(WORDS), severity
    )


@st.composite
def records(draw):
    found = {c.name: c for c in draw(st.lists(channels(), max_size=4))}
    rows = draw(st.integers(0, 4))

    def cells(kind):
        one = WORDS if kind == "U" else st.floats(allow_nan=True)
        return np.array(draw(st.lists(one, min_size=rows, max_size=rows)), str if kind == "U" else float)

    tables = {
        name: {c: cells(kind) for c, kind in TABLES[name].items()}
        for name in draw(st.sets(st.sampled_from(sorted(TABLES))))
    }
    hours = draw(st.floats(1e-3, 1e6))
    return Record(draw(NAMES), "2026-01-31T08:00:00Z", hours, found, tables, draw(st.booleans()))


def bits(array):
    """What must come back: the type and the bytes; one NaN is as good as another."""
    array = np.asarray(array)
    if array.dtype.kind == "U":
        return "text", array.tolist()
    return array.dtype.str, array.tobytes() if array.dtype.kind != "f" else np.where(
        np.isnan(array), np.nan, array
    ).astype(array.dtype).tobytes()


def content_of(log):
    """The whole content of a log, in comparable form."""
    known = {
        name: (
            bits(c.time_h),
            bits(c.value),
            c.unit,
            c.role,
            c.pv,
            c.title,
            None if c.severity is None else bits(c.severity),
        )
        for name in log.names
        for c in [log.channel(name)]
    }
    tables = {
        name: {k: bits(v) for k, v in log.table(name).items()} for name in log.table_names if name != "import"
    }
    return log.facility, log.start, log.hours, log.tabular, list(known.items()), tables


@pytest.mark.parametrize("kind", EXPORTS)
@settings(max_examples=30, deadline=None)
@given(record=records())
def test_an_exported_log_comes_back_with_every_bit(kind, record):
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        write(record, here / "log.h5")
        out = here / ("out.nxs" if kind == "nxlog" else "out")
        with open_log(here / "log.h5") as log:
            export(log, out, kind)
            before = content_of(log)
        result = import_log(out, here / "back.h5")
        with open_log(here / "back.h5") as log:
            assert content_of(log) == before
        assert result.rows_read == result.rows_used == sum(c.value.size for c in record.channels.values())


@pytest.fixture
def log(tmp_path):
    channel = Channel(
        "a", np.arange(5) / 7, np.array([1.0, 2, np.nan, 4, 5]), "mA", "quantity", "SR:A", "Current"
    )
    empty = Channel("b", np.zeros(0), np.zeros(0), "MV", "setpoint", "SR:B")
    write(Record("ring", "2026-01-31T08:00:00Z", 24.0, {"a": channel, "b": empty}), tmp_path / "log.h5")
    with open_log(tmp_path / "log.h5") as log:
        yield log


def test_the_nexus_export_has_the_fields_of_the_nxlog_definition(log, tmp_path):
    export(log, tmp_path / "out.nxs", "nxlog")
    with h5py.File(tmp_path / "out.nxs") as file:
        group = file["entry/channels/a"]
        assert group.attrs["NX_class"] == "NXlog" and file["entry"].attrs["NX_class"] == "NXentry"
        assert dict(group["time"].attrs) == {"start": "2026-01-31T08:00:00Z", "units": "s"}
        assert (group["average_value"][()], group["minimum_value"][()], group["maximum_value"][()]) == (
            3,
            1,
            5,
        )
        assert group["value"].attrs["units"] == "mA"
        assert file["entry/start_time"].asstr()[()] == "2026-01-31T08:00:00Z"
        assert file["entry/end_time"].asstr()[()] == "2026-02-01T08:00:00Z"
        assert "average_value" not in file["entry/channels/b"]


def test_the_tables_open_in_pandas_with_their_units(log, tmp_path):
    import pandas
    from pyarrow import parquet

    export(log, tmp_path / "csv", "csv")
    export(log, tmp_path / "parquet", "parquet")
    text = pandas.read_csv(tmp_path / "csv/channel_0000.csv")
    table = pandas.read_parquet(tmp_path / "parquet/channel_0000.parquet")
    pandas.testing.assert_frame_equal(text, table)
    np.testing.assert_array_equal(text["value"], [1, 2, np.nan, 4, 5])
    assert parquet.read_schema(tmp_path / "parquet/channel_0000.parquet").field("value").metadata == {
        b"units": b"mA"
    }
    about = json.loads((tmp_path / "csv/datapackage.json").read_text())
    assert [r["path"] for r in about["resources"]] == ["channel_0000.csv", "channel_0001.csv"]
    assert about["resources"][0]["schema"]["fields"][1] == {
        "name": "value",
        "type": "number",
        "dtype": "<f8",
        "unit": "mA",
    }


def test_an_export_that_fails_leaves_nothing(log, tmp_path, monkeypatch):
    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr(exports, "_log", broken)
    monkeypatch.setattr(exports.package, "_write_file", broken)
    for kind in EXPORTS:
        with pytest.raises(OSError, match="disk full"):
            export(log, tmp_path / "out", kind)
    assert [p.name for p in tmp_path.iterdir()] == ["log.h5"]


def test_an_export_replaces_no_folder_and_not_the_log_itself(log, tmp_path):
    (tmp_path / "out").mkdir()
    for out, kind in (("out", "csv"), ("out", "nxlog"), ("log.h5", "nxlog"), ("log.h5", "csv")):
        with pytest.raises(UserError, match="already exists"):
            export(log, tmp_path / out, kind)
    with pytest.raises(UserError, match="unknown export 'xls'; known are: nxlog, csv, parquet"):
        export(log, tmp_path / "x", "xls")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("datapackage.json", "{", r"datapackage.json: not the descriptor of a log"),
        (
            "datapackage.json",
            '{"resources": []}',
            "only folders that `beamtwin export` wrote can be imported",
        ),
        (
            "channel_0000.csv",
            "time_s,value\n1\n",
            r"channel_0000.csv: not the file that datapackage.json describes",
        ),
        (
            "channel_0000.csv",
            "time_s,value\n1,x\n",
            r"channel_0000.csv: not the file that datapackage.json describes",
        ),
    ],
)
def test_a_folder_that_was_changed_is_refused_in_words(name, text, words, log, tmp_path):
    export(log, tmp_path / "out", "csv")
    (tmp_path / "out" / name).write_text(text)
    with pytest.raises(UserError, match=words):
        import_log(tmp_path / "out", tmp_path / "back.h5")


def test_the_command_line_exports_and_imports_again(log, tmp_path, capsys):
    from dashboard.cli.main import main

    for kind in EXPORTS:
        out, back = str(tmp_path / f"out-{kind}.nxs"), str(tmp_path / f"{kind}.h5")
        assert main(["export", str(log.path), "-o", out, "--kind", kind]) == 0
        assert main(["import", out, "-o", back]) == 0
        assert "5 of 5 samples used, 2 channels" in capsys.readouterr().out
        assert main(["export", str(log.path), "-o", str(tmp_path), "--kind", kind]) == 2
    assert main(["import", out, "-o", back, "--from", "2026-01-01"]) == 2
    assert "needs both --from TIME and --to TIME" in capsys.readouterr().err

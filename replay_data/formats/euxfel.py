"""European XFEL HDF5: sources under CONTROL and INSTRUMENT; INDEX ``first`` and ``count`` give the rows of each train.

The format is described in EXtra-data (docs/data_format.rst), versions 0.5 to 1.3.
"""

from pathlib import Path
from typing import Any

import numpy as np

from replay_data.formats.hdf5 import SUFFIXES, attribute, column, datasets, numbers, opened
from replay_data.formats.protocol import Channels
from replay_data.formats.trains import train_clock, train_stamps
from replay_data.mapping import ImportMap
from replay_data.sources import Signal, Signals, all_there, element_of, origin_of


def accepts(path: Path) -> bool:
    """Whether the file has METADATA and INDEX/trainId."""
    with opened(path) as file:
        return "METADATA" in file and "INDEX/trainId" in file


def read(path: Path, wanted: list[str] | None, layout: ImportMap | None) -> Signals:
    """The wanted keys by path (of a control key without the last ``/value``); a row has the time of its train."""
    with opened(path) as file:
        found = dict(_keys(file))
        wanted = list(found) if wanted is None else wanted
        all_there(path, [element_of(name.strip("/"))[0] for name in wanted], list(found), "key")
        origin, train_s, safe = _trains(file, layout, path)
        signals = []
        for name in wanted:
            source, dataset = found[element_of(name.strip("/"))[0]]
            index = file[f"INDEX/{source}"]
            signals.append(_signal(name, dataset, index, origin, train_s, safe))
    return Signals(signals)


def _keys(file: Any):
    """(name, (source, dataset)) of all keys."""
    meta: Any = file["METADATA/dataSources"] if "METADATA/dataSources" in file else file["METADATA"]
    for root, source in zip(column(meta["root"]), column(meta["deviceId"]), strict=True):
        root, source = _text(root), _text(source)
        if root in ("CONTROL", "INSTRUMENT") and f"{root}/{source}" in file and f"INDEX/{source}" in file:
            for key, dataset in datasets(file[f"{root}/{source}"]).items():
                if root == "INSTRUMENT" or key.endswith("value"):
                    yield (
                        f"{root}/{source}/{key}".removesuffix("/value" if root == "CONTROL" else ""),
                        (source, dataset),
                    )


def _text(cell: object) -> str:
    return cell.decode() if isinstance(cell, bytes) else str(cell)


def _trains(file: Any, layout: ImportMap | None, path: Path):
    """Of the file's trains: the origin, seconds since then [T], and whether the timing is safe [T]."""
    trains = file["INDEX/trainId"][()]
    safe = trains > 0  # trains that were expected but not recorded have number 0
    if "INDEX/flag" in file:  # in version 1.1 the meaning was inverted: 0 was the time server itself
        written = file.get("METADATA/dataFormatVersion")
        version = _text(np.ravel(column(written))[0]) if written is not None else "1.0"
        flag = file["INDEX/flag"][()]
        safe = safe & ((flag == 0) if version == "1.1" else (flag == 1))
    if "INDEX/timestamp" not in file:  # version 0.5
        first = int(trains[trains > 0].min()) if (trains > 0).any() else 0
        origin, every_s = train_clock(layout.time if layout else None, first, path)
        return origin, train_stamps(trains, first, every_s), safe
    nanos = file["INDEX/timestamp"][()].astype(np.int64)
    origin = origin_of(nanos[safe] // 10**9)
    return origin, (nanos - int(origin.timestamp()) * 10**9) / 1e9, safe


def _signal(name: str, dataset: Any, index: Any, origin, train_s: np.ndarray, safe: np.ndarray) -> Signal:
    """The rows of each train; rows of the file that belong to no train are skipped."""
    count, first = index["count"][()].astype(np.int64), index["first"][()].astype(np.int64)
    owner = np.repeat(np.arange(count.size), count)
    rows = np.repeat(first - np.concatenate([[0], np.cumsum(count)[:-1]]), count) + np.arange(owner.size)
    value, why = numbers(dataset, element_of(name)[1])
    owner, rows = owner[rows < value.size], rows[rows < value.size]
    unused = value.size - np.unique(rows).size
    unit = attribute(dataset, "metricPrefixSymbol") + attribute(dataset, "unitSymbol")
    signal = Signal(
        name, origin, train_s[owner], value[rows], unit, title=attribute(dataset, "alias"),
        pv=element_of(name)[0].split("/", 1)[1],
        skipped={"no train": unused} if unused else {},
    )  # fmt: skip
    signal = signal.keep(safe[owner], "train's timing not safe")
    return signal.keep(np.full(signal.value.size, not why), why)


EUXFEL = Channels("European XFEL HDF5", SUFFIXES, read, accepts, takes_clock=True)

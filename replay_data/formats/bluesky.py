"""bluesky: documents as JSON lines (RunStart, descriptor, event, RunStop), one row per event.

No library is needed: each line is ``["start", {...}]`` or ``{"name": "start", "doc": {...}}``.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from replay_data.formats.names import channel_names
from replay_data.formats.protocol import Rows
from replay_data.mapping import ImportMap
from replay_data.sources import Columns, all_there
from twin.errors import UserError

RUN = ("uid", "scan_id", "plan_name", "exit_status")
"""Columns that identify the run of a row and how it ended."""


@dataclass
class Stream:
    """The events of one stream (``primary``, ``baseline``, a monitor) over all runs of a file."""

    keys: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the descriptors
    motors: list[str] = field(default_factory=list)
    rows: list[tuple[dict[str, Any], float, dict[str, Any]]] = field(default_factory=list)  # run, time, data


def read(path: Path, wanted: list[str], table: str | None) -> Columns:
    """The wanted data keys of a stream (``table``, default primary); ``time`` is the event's."""
    stream = _stream(path, table or "primary")
    all_there(path, wanted, ["time", *RUN, *stream.keys])
    values = {}
    for name in wanted:
        cells = [t if name == "time" else run.get(name) if name in RUN else data.get(name)
                 for run, t, data in stream.rows]  # fmt: skip
        plain = all(isinstance(cell, (int, float)) for cell in cells)
        values[name] = np.array(cells, float) if plain else np.array([_cell(c) for c in cells], dtype=object)
    units = {name: str(key["units"]) for name, key in stream.keys.items() if key.get("units")}
    return Columns(values, len(stream.rows), units=units)


def _cell(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _stream(path: Path, wanted: str) -> Stream:
    streams, runs, of = defaultdict(Stream), {}, {}
    for name, doc in _documents(path):
        try:
            if name == "start":
                runs[doc["uid"]] = {key: doc.get(key) for key in RUN} | {
                    "motors": list(doc.get("motors") or [])
                }
            elif name == "descriptor":
                stream = streams[doc.get("name", "primary")]
                stream.keys |= doc["data_keys"]
                run = runs[doc["run_start"]]
                owned = doc.get("object_keys", {})
                stream.motors += [key for motor in run["motors"] for key in owned.get(motor, [motor])]
                of[doc["uid"]] = (stream, run)
            elif name == "event":
                stream, run = of[doc["descriptor"]]
                stream.rows.append((run, float(doc["time"]), doc["data"]))
            elif name == "event_page":
                stream, run = of[doc["descriptor"]]
                for i, t in enumerate(doc["time"]):
                    stream.rows.append((run, float(t), {key: cells[i] for key, cells in doc["data"].items()}))
            elif name == "stop":
                runs[doc["run_start"]]["exit_status"] = doc.get("exit_status")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise UserError(f"{path}: a {name} document has a missing or invalid entry ({error})") from None
    if wanted not in streams:
        raise UserError(
            f"{path}: no stream {wanted!r}; give table = one of: {', '.join(streams) or '(none)'}"
        )
    return streams[wanted]


def _documents(path: Path):
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not text in UTF-8 (byte {error.start})") from None
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line) if line.strip() else None
            if found is not None:
                yield (found["name"], found["doc"]) if isinstance(found, dict) else (found[0], found[1])
        except (ValueError, KeyError, IndexError, TypeError):
            raise UserError(f"{path}: line {number} is not a bluesky document [name, {{...}}]") from None


def deduce(path: Path, facility: str) -> ImportMap:
    """A map of the primary stream: scanned motors are setpoints, other scalars quantities; failed runs are kept."""
    stream = _stream(path, "primary")
    scalar = [
        k
        for k, key in stream.keys.items()
        if not key.get("shape") and key.get("dtype") in ("number", "integer")
    ]
    channels = [
        {"name": name, "column": column, "role": "setpoint" if column in stream.motors else "quantity",
         "unit": str(stream.keys[column].get("units") or ""), "pv": str(stream.keys[column].get("source") or "")}
        for name, column in zip(channel_names(scalar), scalar, strict=True)
    ]  # fmt: skip
    time = {"unit": "unix_s", "column": "time"}
    return ImportMap.model_validate(
        {"facility": facility, "tabular": True, "table": "primary", "time": time, "channel": channels}
    )


BLUESKY = Rows("bluesky documents", (".jsonl",), read, deduce=deduce)

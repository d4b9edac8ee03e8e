"""EPICS Archiver Appliance, ``getData.json``: one object per PV with ``meta`` and ``data``, times in UTC."""

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from replay_data.formats.protocol import Channels
from replay_data.mapping import ImportMap
from replay_data.sources import TEXT, WAVEFORM, Signal, Signals, all_there, element_of, joined, origin_of
from twin.errors import UserError


def read(path: Path, wanted: list[str] | None, layout: ImportMap | None) -> Signals:
    """The wanted PVs of a saved answer; all of them if ``wanted`` is None."""
    body = path.read_bytes()
    if path.suffix == ".gz":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError) as error:
            raise UserError(f"{path}: not gzip: {error}") from None
    return Signals(signals(answer(body, str(path)), wanted, str(path)))


def answer(body: bytes, where: str) -> list[Any]:
    """The list of PVs in an answer, empty for an empty body; UserError if it is not an answer of an archiver."""
    try:
        found = json.loads(body) if body.strip() else []
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: not JSON: {error}") from None
    if not isinstance(found, list) or not all(
        isinstance(pv, dict) and {"meta", "data"} <= set(pv) for pv in found
    ):
        raise UserError(
            f"{where}: JSON, but not an answer of an archiver, which is a list of objects with 'meta' and 'data'"
        )
    return found


def signals(found: list[Any], wanted: list[str] | None, where: str) -> list[Signal]:
    """One signal per PV, or per wanted name (``PV`` or ``PV[3]``)."""
    by_name: dict[str, list[Any]] = defaultdict(list)
    for pv in found:
        by_name[str(pv["meta"].get("name", ""))].append(pv)
    if wanted is None:
        wanted = list(by_name)
    all_there(where, [element_of(name)[0] for name in wanted], list(by_name), "PV")
    return [joined([_signal(pv, name, where) for pv in by_name[element_of(name)[0]]]) for name in wanted]


def _signal(pv: Any, name: str, where: str) -> Signal:
    meta, data = pv["meta"], pv["data"]
    try:
        secs = np.array([sample["secs"] for sample in data], np.int64)
        nanos = np.array([sample.get("nanos", 0) for sample in data], np.int64)
        raw = [sample["val"] for sample in data]
        severity = np.array([sample.get("severity", 0) for sample in data], np.int8)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{where}: PV {name!r}: a sample without a valid 'secs' or 'val' ({error})") from None
    value, skip = _numbers(raw, element_of(name)[1])
    origin = origin_of(secs)
    stamp = (secs - int(origin.timestamp())) + nanos / 1e9
    unit, title = str(meta.get("EGU", "")), str(meta.get("DESC", ""))
    signal = Signal(name, origin, stamp, value, unit, severity, title=title, pv=str(meta.get("name", name)))
    for why, mask in skip.items():
        signal, skip = signal.keep(~mask, why), {w: m[~mask] for w, m in skip.items()}
    return signal


def _numbers(raw: list[Any], element: int | None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Values [N] and, for each reason, a mask [N] of the samples that are not numbers."""
    if element is None:
        try:
            quick = np.array(raw)
            if quick.dtype.kind in "biuf" and quick.ndim == 1:
                return quick, {}
        except ValueError:  # waveforms of several lengths
            pass
    cells = [_cell(val, element) for val in raw]
    value = np.array([0.0 if isinstance(cell, str) else cell for cell in cells])
    whys = sorted({cell for cell in cells if isinstance(cell, str)})
    return value, {why: np.array([cell == why for cell in cells]) for why in whys}


def _cell(val: Any, element: int | None) -> float | str:
    """A sample as a number, or the reason why it is not a number."""
    if isinstance(val, list):
        if element is None and len(val) != 1:
            return WAVEFORM
        place = element or 0
        return _cell(val[place], None) if place < len(val) else f"no element {place}"
    if val is None:
        return "no value"
    try:
        return val if isinstance(val, (int, float)) else float(val)  # "NaN" is written as text
    except (TypeError, ValueError):
        return TEXT


ARCHIVER = Channels("EPICS Archiver Appliance", (".json", ".json.gz"), read)

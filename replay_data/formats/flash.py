"""FLASH (DESY) HDF5 since 2021: one group per channel with ``value`` and ``index``, the train number of each value."""

from pathlib import Path
from typing import Any

import numpy as np

from replay_data.formats.hdf5 import SUFFIXES, attribute, groups, numbers, opened
from replay_data.formats.protocol import Channels
from replay_data.formats.trains import train_clock, train_stamps
from replay_data.mapping import ImportMap
from replay_data.sources import Signal, Signals, all_there, element_of


def accepts(path: Path) -> bool:
    """Whether some group holds ``value`` and ``index``."""
    with opened(path) as file:
        return any(_is_channel(group) for group in groups(file).values())


def read(path: Path, wanted: list[str] | None, layout: ImportMap | None) -> Signals:
    """The wanted channels by path; [time] of the map is their clock."""
    with opened(path) as file:
        found = {name: group for name, group in groups(file).items() if _is_channel(group)}
        wanted = list(found) if wanted is None else wanted
        all_there(path, [element_of(name.strip("/"))[0] for name in wanted], list(found), "channel")
        trains = {name: group["index"][()] for name, group in found.items()}
        first = min((int(t[t > 0].min()) for t in trains.values() if (t > 0).any()), default=0)
        start, every_s = train_clock(layout.time if layout else None, first, path)
        signals = []
        for name in wanted:
            base, element = element_of(name.strip("/"))
            group = found[base]
            value, why = numbers(group["value"], element)
            unit = attribute(group["value"], "units") or attribute(group, "units")
            stamp = train_stamps(trains[base], first, every_s)
            signal = Signal(name, start, stamp, value, unit, title=_title(group), pv=base)
            signal = signal.keep(signal.stamp_s >= 0, "no train number")
            signals.append(signal.keep(np.full(signal.value.size, not why), why))
    return Signals(signals)


def _title(group: Any) -> str:
    return attribute(group["value"], "desc") or attribute(group, "desc")


def _is_channel(group: Any) -> bool:
    return "value" in group and "index" in group and getattr(group["index"], "ndim", 0) == 1


FLASH = Channels("FLASH HDF5", SUFFIXES, read, accepts, takes_clock=True)

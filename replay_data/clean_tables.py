"""The cleaned schedule and experiments of a log: unusable rows dropped, in order of time."""

import numpy as np

from twin.facility import Facility

Columns = dict[str, np.ndarray]


def clean_schedule(table: Columns, hours: float) -> Columns:
    """Blocks in order of time that do not overlap; between them nothing is scheduled.

    Blocks without a start, or that end before they start, are dropped. A block without end lasts until the next
    one starts, the last until the log ends. Where blocks overlap, the one that starts later is used, and the
    earlier one continues after it.
    """
    begun = np.flatnonzero(np.isfinite(table["start_h"]))
    rows = begun[np.argsort(table["start_h"][begun], kind="stable")]
    start = table["start_h"][rows]
    following = np.append(start, np.inf)[np.searchsorted(start, start, side="right")]
    end = np.where(np.isfinite(table["end_h"][rows]), table["end_h"][rows], np.minimum(following, hours))
    sound = end > start
    rows, start, end = rows[sound], start[sound], end[sound]
    edges = np.unique(np.concatenate([start, end]))
    block = np.full(max(edges.size - 1, 0), -1)  # the block in force from each edge to the next
    for i, (first, last) in enumerate(zip(*(np.searchsorted(edges, h) for h in (start, end)), strict=True)):
        block[first:last] = i
    moved = np.flatnonzero(np.diff(block, prepend=-2, append=-2))
    first, last = moved[:-1], moved[1:]
    first, last = (i[block[first] >= 0] for i in (first, last))
    picked = {column: values[rows[block[first]]] for column, values in table.items()}
    return picked | {"start_h": edges[first], "end_h": edges[last]}


def clean_experiments(table: Columns, facility: Facility, hours: float) -> Columns:
    """Experiments in order of arrival.

    Experiments of an unknown beamline, without a number of samples, or that arrive outside the log are dropped.
    """
    known = np.isin(table["beamline"], [line.name for line in facility.beamline])
    arrive = table["arrive_h"]
    kept = known & (arrive >= 0) & (arrive <= hours * (1 + 1e-9)) & (table["samples"] >= 0)
    rows = np.flatnonzero(kept)[np.argsort(arrive[kept], kind="stable")]
    return {column: values[rows] for column, values in table.items()}

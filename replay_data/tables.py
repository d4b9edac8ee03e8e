"""Defects of the schedule, the experiments and the actions of a log: blocks that overlap, unknown names."""

from collections.abc import Iterator
from typing import get_args

import numpy as np

from replay_data.clean import Defect
from replay_data.record import Log
from twin.facility import Block, Facility


def check_tables(log: Log, facility: Facility) -> Iterator[Defect]:
    """Defects of the schedule, the experiments and the actions, and what ``clean_tables`` does with such rows."""
    lines = [line.name for line in facility.beamline]
    yield from _schedule(log, lines)
    yield from _experiments(log, lines)
    yield from _actions(log, [knob.name for knob in facility.knob])


def _schedule(log: Log, lines: list[str]) -> Iterator[Defect]:
    table = log.table("schedule")
    start, end = table["start_h"], table["end_h"]
    yield from _found("schedule", "block without start", ~np.isfinite(start), action="dropped")
    lasts = np.isfinite(start) & ~np.isfinite(end)
    yield from _found(
        "schedule", "block without end", lasts, "taken to last until the next block", "repaired"
    )
    yield from _found("schedule", "block ends before it starts", end < start, action="dropped")
    order = np.argsort(start, kind="stable")
    reached = np.maximum.accumulate(np.concatenate([[-np.inf], end[order][:-1]]))[: order.size]
    overlaps = start[order] < reached - 1e-9
    yield from _found(
        "schedule", "block overlaps an earlier one", overlaps, "the later block is used", "repaired"
    )
    known = [*get_args(Block.model_fields["phase"].annotation)]
    yield from _found(
        "schedule", "unknown phase", ~np.isin(table["phase"], known), f"known: {', '.join(known)}"
    )
    named = [set(str(cell).split(",")) - {"", *lines} for cell in table["beamlines"]]
    unknown = ", ".join(sorted(set().union(*named)))
    yield from _found("schedule", "unknown beamline", np.array([bool(n) for n in named], bool), unknown)


def _experiments(log: Log, lines: list[str]) -> Iterator[Defect]:
    table = log.table("experiments")
    unknown = ~np.isin(table["beamline"], lines)
    names = ", ".join(sorted({str(name) for name in table["beamline"][unknown]}))
    yield from _found("experiments", "unknown beamline", unknown, names, "dropped")
    outside = ~_within(table["arrive_h"], log.hours)
    yield from _found("experiments", "arrives outside the log", outside, action="dropped")
    yield from _found("experiments", "no number of samples", ~(table["samples"] >= 0), action="dropped")


def _actions(log: Log, knobs: list[str]) -> Iterator[Defect]:
    table = log.table("actions")
    unknown = ~np.isin(table["knob"], knobs)
    yield from _found(
        "actions", "unknown knob", unknown, ", ".join(sorted({str(k) for k in table["knob"][unknown]}))
    )
    yield from _found("actions", "outside the log", ~_within(table["time_h"], log.hours))


def _within(hours: np.ndarray, end_h: float) -> np.ndarray:
    return (hours >= 0) & (hours <= end_h * (1 + 1e-9))  # false for NaN


def _found(
    where: str, what: str, rows: np.ndarray, detail: str = "", action: str = "kept"
) -> Iterator[Defect]:
    if rows.any():
        yield Defect("warning", where, what, int(rows.sum()), action, detail)

"""Compare the downtime found in a channel with the table of faults: matches, and outages or faults without one."""

from dataclasses import dataclass

import numpy as np

from replay_data.downtime import Downtime, Event
from replay_data.record import Log
from twin.facility import Facility

SLACK = 2.0  # tolerance of times, in usual intervals of the channel; assumed


@dataclass(frozen=True)
class Match:
    """An outage and the fault that began it, and how much later the outage begins and ends in the channel."""

    process: str
    event: Event
    start_later_h: float
    end_later_h: float  # mostly above 0, because of the restart; NaN while the fault or the outage lasts


@dataclass(frozen=True)
class Comparison:
    """Faults that dump the beam compared with outages. Each such fault is in one of the first four lists."""

    matched: list[Match]  # faults that began an outage
    during: list[str]  # processes of faults that began during an outage
    unseen: list[str]  # processes of faults that began while the beam is unknown
    missed: list[tuple[str, float]]  # (process, start_h) of faults without an outage
    brief: list[
        tuple[str, float]
    ]  # the missed faults that were repaired within a usual interval of the channel
    spurious: list[Event]  # outages in user time that overlap no fault of the table

    @property
    def start_later_h(self) -> np.ndarray:
        """The delay [M] of the outage's begin in each match [h]."""
        return np.array([match.start_later_h for match in self.matched])


def compare(found: Downtime, log: Log, facility: Facility) -> Comparison | None:
    """Compare the downtime of a channel with the log's fault table; None if the table is empty.

    The table is used as recorded, without cleaning.

    A fault that dumps the beam belongs to the outage during which it starts, to ``SLACK`` usual
    intervals of the channel; the first fault of an outage began it. An outage is spurious if it overlaps no
    fault of any kind.
    """
    slack = SLACK * found.usual_h
    dumps = {
        name
        for name, p in zip(facility.process_names, facility.processes, strict=True)
        if p.mode.effect == "dump"
    }
    table = log.table("faults")
    if not len(table["start_h"]):
        return None
    end = np.where(np.isnan(table["end_h"]), np.inf, table["end_h"])
    result = Comparison([], [], [], [], [], _without_fault(found, table["start_h"], end, slack))
    begun: set[int] = set()
    for row in np.argsort(table["start_h"], kind="stable"):
        process, start = str(table["process"][row]), float(table["start_h"][row])
        if process not in dumps or not 0 <= start <= log.hours:
            continue
        i = _event_at(found.events, start, slack)
        if i is None and np.any(
            (found.unknown[:, 0] - slack <= start) & (start < found.unknown[:, 1] + slack)
        ):
            result.unseen.append(process)
        elif i is None:
            result.missed.append((process, start))
            result.brief.extend(result.missed[-1:] if table["end_h"][row] - start < found.usual_h else [])
        elif i in begun or start > found.events[i].start_h + slack:
            result.during.append(process)
        else:
            begun.add(i)
            event = found.events[i]
            later = event.end_h - float(table["end_h"][row])
            result.matched.append(Match(process, event, event.start_h - start, later))
    return result


def _event_at(events: list[Event], hour: float, slack: float) -> int | None:
    """The index of the event under way at an hour; of several, the one that starts nearest to it."""
    there = [i for i, e in enumerate(events) if e.start_h - slack <= hour and not hour > e.end_h + slack]
    return min(there, key=lambda i: abs(events[i].start_h - hour), default=None)


def _without_fault(found: Downtime, start: np.ndarray, end: np.ndarray, slack: float) -> list[Event]:
    return [
        event
        for event in found.events
        if event.user_h > 0
        and not np.any(
            (start <= np.nan_to_num(event.end_h, nan=np.inf) + slack) & (end >= event.start_h - slack)
        )
    ]

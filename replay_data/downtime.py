"""Downtime from channels: outages, dumps, low current, distorted beam and refills, by the facility's rules."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from replay_data.beam_channel import beam_channel
from replay_data.clean import stretches
from replay_data.record import Channel, Log
from replay_data.resample import covered
from replay_data.trace import UNKNOWN, Trace, noise_of, trace
from replay_data.units import factor
from replay_data.view import LogView
from twin.facility import Facility

OFF, LOW, GOOD, DISTORTED = range(4)
KINDS = {OFF: "no beam", LOW: "low current", DISTORTED: "distorted"}
OFF_SHARE = 0.02  # at or below this share of the target there is no beam; assumed
SUDDEN = 2.5  # usual intervals within which all beam is lost in a dump; assumed
REFILL_SHARE = 0.02  # a refill raises the current by at least this share of the target
REFILL_SIGMA = 8.0  # and by this many standard deviations of the noise
REFILL_SAMPLES = 200_000  # evenly spaced samples that are searched for refills

Target = Callable[[np.ndarray], np.ndarray]


class Event(NamedTuple):
    """A time without good beam; ``end_h`` is NaN while it lasts."""

    kind: str  # the worst state in it: no beam | low current | distorted
    sudden: bool  # the beam was dumped: good beam was lost at once
    start_h: float
    end_h: float
    down_h: float  # hours known to be down, without gaps of the channel
    user_h: float  # part of them in scheduled user time


@dataclass(frozen=True)
class Downtime:
    """The downtime found in a channel. Times are those of samples, ``usual_h`` apart."""

    channel: str
    events: list[Event]
    refills: np.ndarray  # [R, 2] start and end, hours
    unknown: np.ndarray  # [U, 2] start and end of times with unknown beam, hours
    user_h: float  # scheduled user hours with known beam
    usual_h: float

    @property
    def failures(self) -> int:
        """The number of events in user time."""
        return sum(event.user_h > 0 for event in self.events)

    @property
    def availability(self) -> float:
        """The share of good beam in the known scheduled user time; NaN without such time."""
        lost = sum(event.user_h for event in self.events)
        return 1.0 - lost / self.user_h if self.user_h > 0 else float("nan")


def find_downtime(log: Log, facility: Facility, name: str | None = None) -> Downtime:
    """Find the downtime in a beam channel: the stored current, or the named channel (a linac's charge or energy).

    The target is the recorded setting of ``beam.current_knob`` or, without it, the channel's usual level.
    Below ``beam.low_share`` of the target the current is low. Beam is distorted while it is stored and a
    recorded quantity is outside its promised bounds. Outages closer than ``metrics.merge_h`` count as one, and
    the time between them is down. Gaps of the channel are unknown, not down; an outage on both sides of a gap
    is one. Without a recorded schedule, all time is user time.
    """
    name, view = beam_channel(log, facility, name), LogView(log, facility)
    target = _target(view, name)
    beam = trace(log, name, lambda c: _share(c, target), [OFF_SHARE, facility.beam.low_share])
    unknown = np.stack([beam.start_h, beam.end_h], axis=1)[beam.state == UNKNOWN]
    for quantity in facility.quantity:
        bounded = quantity.low is not None or quantity.high is not None
        if bounded and quantity.name in log.names and quantity.name != name:
            beam = _distorted(beam, _kept_promise(log, quantity.name, quantity.low, quantity.high))
    times = _user_times(view)
    events = [_event(outage, times, log.hours) for outage in _outages(beam, facility.metrics.merge_h)]
    known = _hours(times, [(0.0, log.hours)]) - _hours(times, unknown.tolist())
    return Downtime(name, events, _refills(log, name, target), unknown, known, beam.usual_h)


def _target(view: LogView, name: str) -> Target:
    """The target of the channel, as a function of hours."""
    knob, log = view.facility.beam.current_knob, view.log
    if knob is not None and knob != name and (wanted := view.held(knob)) is not None:
        scale = factor(wanted.unit, log.bare(name).unit)
        if scale is not None:
            first_h = wanted.time_h[0]
            return lambda hours: scale * wanted.at(np.maximum(hours, first_h))
    level = _usual_level(log, name)
    return lambda hours: np.full(hours.size, level)


def _usual_level(log: Log, name: str) -> float:
    """The usual level: the median of the values above half of the 99 % quantile; the largest over all blocks."""
    levels = []
    for part, _ in stretches(log, name, sensors_too=False):
        if part.value.size:
            high = part.value > np.quantile(part.value, 0.99) / 2
            levels.append(float(np.median(part.value[high])) if high.any() else 0.0)
    return max(levels, default=0.0)


def _share(channel: Channel, target: Target) -> np.ndarray:
    wanted = target(channel.time_h)
    return np.where(wanted > 0, channel.value / np.where(wanted > 0, wanted, 1.0), 0.0)


def _kept_promise(log: Log, name: str, low: float | None, high: float | None) -> Trace:
    """The trace of a promised quantity: 1 inside its bounds, 0 outside."""
    least, most = -np.inf if low is None else low, np.inf if high is None else high
    scale = max(abs(bound) for bound in (low, high) if bound is not None) or 1.0
    return trace(log, name, lambda c: 0.5 + np.minimum(c.value - least, most - c.value) / scale, [0.5], True)


def _distorted(beam: Trace, kept: Trace) -> Trace:
    """The beam's trace, changed to distorted where beam is good and a quantity is outside its bounds."""
    start = np.union1d(beam.start_h, kept.start_h)
    state = beam.state[np.searchsorted(beam.start_h, start, side="right") - 1]
    broken = kept.state[np.searchsorted(kept.start_h, start, side="right") - 1] == 0
    state = np.where((state == GOOD) & broken, DISTORTED, state)
    return Trace(start, np.append(start[1:], beam.end_h[-1]), state, beam.usual_h)


@dataclass
class _Outage:
    """An outage under construction."""

    sudden: bool
    downs: list[tuple[float, float]] = field(default_factory=list)
    worst: int = DISTORTED
    over: bool = False  # good beam returned
    rank = {OFF: 0, LOW: 1, DISTORTED: 2}

    def last(self, start: float, end: float, state: int) -> None:
        self.downs.append((start, end))
        self.worst, self.over = min(self.worst, state, key=self.rank.__getitem__), False


def _outages(beam: Trace, merge_h: float) -> list[_Outage]:
    steps = list(zip(beam.start_h.tolist(), beam.end_h.tolist(), beam.state.tolist(), strict=True))
    found: list[_Outage] = []
    for i, (start, end, state) in enumerate(steps):
        if state not in KINDS:
            if found and state == GOOD:
                found[-1].over = True
            continue
        ended = found[-1].downs[-1][1] if found else -np.inf
        if found and found[-1].over and start - ended < merge_h:
            found[-1].last(ended, start, state)
        elif not found or found[-1].over:
            found.append(_Outage(_sudden(steps, i, beam.usual_h)))
        found[-1].last(start, end, state)
    return found


def _sudden(steps: list[tuple[float, float, int]], i: int, usual_h: float) -> bool:
    """Whether good beam was lost at once: no beam at the first sample, or directly after one low sample."""
    if i == 0 or steps[i - 1][2] != GOOD:
        return False
    start, end, state = steps[i]
    if state == LOW and i + 1 < len(steps) and end - start <= (SUDDEN - 1.0) * usual_h:
        state = steps[i + 1][2]
    return state == OFF


def _event(outage: _Outage, times: np.ndarray, hours: float) -> Event:
    start, end = outage.downs[0][0], outage.downs[-1][1]
    down_h = sum(b - a for a, b in outage.downs)
    lasts = not outage.over and end >= hours
    return Event(
        KINDS[outage.worst],
        outage.sudden,
        start,
        np.nan if lasts else end,
        down_h,
        _hours(times, outage.downs),
    )


def _user_times(log: LogView) -> np.ndarray:
    """Start and end [B, 2] of the blocks of scheduled user time."""
    plan = log.schedule
    if not len(plan["start_h"]):
        return np.array([[0.0, log.hours]])
    return np.stack([plan["start_h"], plan["end_h"]], axis=1)[plan["phase"] == "user"]


def _hours(times: np.ndarray, spans: Iterable) -> float:
    """The hours of disjoint spans [(start, end)] inside ``times``."""
    ends = np.array([*spans], float).reshape(-1, 2)
    return float(np.sum(np.diff(covered(times[:, 0], times[:, 1], ends.ravel()).reshape(-1, 2))))


def _refills(log: Log, name: str, target: Target) -> np.ndarray:
    """Start and end [R, 2] of each refill: a rise of the current above the noise."""
    step = -(-log.samples(name) // REFILL_SAMPLES)
    parts = [
        part.keep(np.arange(0, part.value.size, max(step, 1)))
        for part, _ in stretches(log, name, sensors_too=False)
    ]
    time_h = np.concatenate([part.time_h for part in parts])
    share = np.concatenate([_share(part, target) for part in parts])
    rise = max(REFILL_SHARE, REFILL_SIGMA * noise_of(share))
    spans = []
    for low, peak in _rises(share.tolist(), rise):
        end = low + int(np.argmax(share[low : peak + 1] >= share[peak] - rise / 4))
        start = low + int(np.flatnonzero(share[low : end + 1] <= share[low] + rise / 4)[-1])
        spans.append((time_h[start], time_h[end]))
    return np.array(spans, float).reshape(-1, 2)


def _rises(values: list[float], rise: float) -> list[tuple[int, int]]:
    """(index of the low, index of the following peak) of each rise of at least ``rise``."""
    found, low, peak = [], 0, None
    for i, value in enumerate(values):
        if peak is None:
            if value < values[low]:
                low = i
            elif value >= values[low] + rise:
                peak = i
        elif value > values[peak]:
            peak = i
        elif value < values[peak] - rise / 2:
            found.append((low, peak))
            low, peak = i, None
    return found if peak is None else [*found, (low, peak)]

"""Traces: a channel as steps above or below given levels, or unknown, with hysteresis against noise."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from replay_data.clean import stretches
from replay_data.record import Channel, Log
from replay_data.survey import GAP_FACTOR

UNKNOWN = -1
BAND_SIGMA = 3.0  # half-width of the hysteresis, in standard deviations of the noise


class Trace(NamedTuple):
    """S steps: ``state`` is the number of levels passed, or ``UNKNOWN``, from ``start_h`` to ``end_h``."""

    start_h: np.ndarray  # [S]
    end_h: np.ndarray  # [S]
    state: np.ndarray  # [S]
    usual_h: float  # the usual interval between samples: the resolution of the times

    def hours(self, state: int) -> float:
        """The hours spent in a state."""
        return float(np.sum((self.end_h - self.start_h)[self.state == state]))


def trace(
    log: Log,
    name: str,
    signal: Callable[[Channel], np.ndarray],
    levels: list[float],
    sensors_too: bool = False,
) -> Trace:
    """The steps of ``signal`` of a channel across the rising ``levels``; read block by block.

    A level is crossed when the signal is ``BAND_SIGMA`` of its noise beyond it, at most half way to the next
    level (0 and 1 are the outermost). A state lasts from a sample to the next. If the next sample is later than
    ``GAP_FACTOR`` usual intervals, the state lasts one interval and is then unknown. Values of a held channel
    hold. With ``sensors_too``, stuck sensors and spikes are left out.
    """
    at, states = [np.zeros(1)], [np.array([UNKNOWN])]
    passed = np.zeros(len(levels), bool)
    band = last_h = None
    usual = 0.0
    for part, _ in stretches(log, name, sensors_too):
        if not part.value.size:
            continue
        values = signal(part)
        if band is None:
            band, usual = _band(levels, noise_of(values)), _usual(part)
        above = [
            _latched(values >= level + over, values < level - under, was)
            for level, under, over, was in zip(levels, *band, passed, strict=True)
        ]
        passed = np.array([row[-1] for row in above])
        gap_h = _gap_starts(part.time_h, last_h, usual)
        last_h = part.time_h[-1]
        new_at = np.concatenate([gap_h, part.time_h])
        new_states = np.concatenate([np.full(gap_h.size, UNKNOWN), np.sum(above, axis=0)])
        for kept, new in zip((at, states), _changes(new_at, new_states), strict=True):
            kept.append(new)
    if last_h is not None and log.hours - last_h > GAP_FACTOR * usual:
        at.append(np.array([last_h + usual]))
        states.append(np.array([UNKNOWN]))
    start, state = _changes(np.maximum(np.concatenate(at), 0.0), np.concatenate(states))
    return Trace(start, np.append(start[1:], log.hours), state, usual if np.isfinite(usual) else 0.0)


def _gap_starts(time_h: np.ndarray, last_h: float | None, usual_h: float) -> np.ndarray:
    """The times at which gaps begin: one usual interval after the last sample before each gap."""
    stamps = time_h if last_h is None else np.concatenate([[last_h], time_h])
    return stamps[:-1][np.diff(stamps) > GAP_FACTOR * usual_h] + usual_h


def _changes(at_h: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In order of time, the states that differ from the one before; of states at equal times the last."""
    order = np.argsort(at_h, kind="stable")
    at_h, state = at_h[order], state[order]
    last = np.append(np.diff(at_h) > 0, True)
    at_h, state = at_h[last], state[last]
    new = np.concatenate([[True], np.diff(state) != 0])
    return at_h[new], state[new]


def _usual(part: Channel) -> float:
    """The usual interval; infinite for a held channel, which has no gaps."""
    return np.inf if part.held or part.time_h.size < 2 else float(np.median(np.diff(part.time_h)))


def noise_of(values: np.ndarray) -> float:
    """Standard deviation of the noise, from second differences, which drift and decay hardly affect."""
    if values.size < 4:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(values, 2))) / np.sqrt(6.0))


def _band(levels: list[float], noise: float) -> tuple[np.ndarray, np.ndarray]:
    """How far below and above each level [L] the signal must be to have crossed it."""
    room = np.diff([0.0, *levels, 1.0]) / 2.0
    return np.minimum(BAND_SIGMA * noise, room[:-1]), np.minimum(BAND_SIGMA * noise, room[1:])


def _latched(up: np.ndarray, down: np.ndarray, before: bool) -> np.ndarray:
    """Mask [N]: true from a sample with ``up`` to the next with ``down``; ``before`` until the first of either."""
    last = np.maximum.accumulate(np.where(up | down, np.arange(up.size), -1))
    return np.where(last >= 0, up[np.maximum(last, 0)], before)

"""Adoption: whether and when the settings in a log followed a recommendation, and how closely."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from controllers.recommendation import Knob, Recommendation
from replay_data.record import Channel
from replay_data.view import LogView
from twin import UserError

NEAR = 0.02
"""Share of a knob's range: settings follow the proposal if every knob is nearer to it than that and has made more than
half of its move."""

AWAY_H = 8.0  # one shift: a shorter absence ends no adoption, and a shorter stay is none


class Adoption(NamedTuple):
    """When and how closely the proposed settings were held; ``from_h`` and ``to_h`` are nan if they never were."""

    from_h: float  # hour of the log
    to_h: float  # hour of the log
    left: bool  # the settings were changed again before the log or the horizon ended
    off: float  # mean distance of the farthest knob from the proposal, as a share of its range
    way: float  # mean share of the proposed change that was made, from the recommendation to the end

    @property
    def followed(self) -> bool:
        """Whether the proposal was adopted at all."""
        return bool(self.to_h > self.from_h)


def adoption(recommendation: Recommendation, log: LogView, since_h: float) -> Adoption:
    """The adoption of a proposal after hour ``since_h`` of a log, up to its horizon.

    Raises UserError where a knob that the proposal moves was not recorded.
    """
    knobs = recommendation.knobs
    edges, held = _held(knobs, log, since_h)
    span = np.array([knob.high - knob.low for knob in knobs])
    wanted = np.array([knob.proposed for knob in knobs])
    present = np.array([knob.present for knob in knobs])
    near = _near(knobs, held, wanted, present)
    width, distance = np.diff(edges), (np.abs(held - wanted) / span).max(1)
    step = (wanted - present) / span
    way = ((held - present) / span) @ step / max(step @ step, 1e-300)
    made = float(np.average(way, weights=width))
    stay = _stay(near, edges)
    if stay is None:
        return Adoption(np.nan, np.nan, False, float(np.average(distance, weights=width)), made)
    first, end = stay
    from_h = float(edges[first])
    to_h = min(float(edges[end]), from_h + recommendation.evidence.horizon_h)
    inside = slice(first, end)
    off = float(np.average(distance[inside], weights=width[inside]))
    return Adoption(from_h, to_h, bool(edges[end] < edges[-1] and to_h == edges[end]), off, made)


def _near(knobs: Sequence[Knob], held: np.ndarray, wanted: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Which rows of ``held`` [S, K] follow the proposal; moves below the displayed precision are ignored."""
    shown = np.array([10.0**-knob.precision for knob in knobs])
    slack = np.maximum(shown, [NEAR * (knob.high - knob.low) for knob in knobs])
    off, move = np.abs(held - wanted), np.abs(wanted - present)
    moved = move >= 0.5 * shown
    return np.all((off <= slack) & ((off < 0.5 * move) | ~moved), axis=1) & moved.any()


def _stay(near: np.ndarray, edges: np.ndarray) -> tuple[int, int] | None:
    """First index and end index of the first stay of at least AWAY_H, or of one that lasts until the end."""
    end = 0
    while near[end:].any():
        first = end + int(np.argmax(near[end:]))
        end = _end(near, np.diff(edges), first)
        if end == len(near) or edges[end] - edges[first] >= AWAY_H:
            return first, end
    return None


def _end(near: np.ndarray, width: np.ndarray, first: int) -> int:
    """The index at which the settings were left for longer than AWAY_H, or the number of stretches."""
    away = 0.0
    for i in range(first, len(near)):
        away = 0.0 if near[i] else away + width[i]
        if away > AWAY_H:
            return int(np.flatnonzero(near[:i])[-1]) + 1
    return len(near)


def _held(knobs: Sequence[Knob], log: LogView, since_h: float) -> tuple[np.ndarray, np.ndarray]:
    """Edges [S + 1] of the stretches with constant settings after an hour, and the settings [S, K] in them."""
    channels = [_channel(knob, log) for knob in knobs]
    moves = [c.time_h[(c.time_h > since_h) & (c.time_h < log.hours)] for c in channels]
    edges = np.unique(np.concatenate([[since_h, log.hours], *moves]))
    rows = []
    for knob, channel in zip(knobs, channels, strict=True):
        value = channel.at(edges[:-1])
        rows.append(np.where(np.isnan(value), knob.present, value))
    return edges, np.stack(rows, 1)


def _channel(knob: Knob, log: LogView) -> Channel:
    if (held := log.held(knob.name)) is not None:
        return held
    if knob.proposed != knob.present:
        raise UserError(
            f"log of {log.facility.name}: knob {knob.name!r} was not recorded, so whether its proposed value "
            f"({knob.proposed:.{knob.precision}f} {knob.unit}) was set is unknown; record it"
        )
    return Channel(knob.name, np.zeros(0), np.zeros(0), knob.unit, "setpoint")

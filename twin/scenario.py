"""A scenario, the external inputs of a run: horizon, calendar, decision epochs, conditions, settings."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from twin.facility import Facility
from twin.space import Space


class Calendar(NamedTuple):
    """The calendar of a run: S consecutive blocks of time; the last ends at infinity."""

    end_h: Any  # [S]
    beam: Any  # [S] beam is scheduled
    user: Any  # [S] scheduled user time
    open: Any  # [S, B] the beamline gets user beam


@dataclass(frozen=True)
class Scenario:
    """The external inputs of a run. Settings and conditions are constant within each of E epochs."""

    calendar: Calendar
    edges_h: np.ndarray  # [E + 1]
    settings: np.ndarray  # [E, K]
    conditions: np.ndarray  # [E, C]

    @property
    def horizon_h(self) -> float:
        return float(self.edges_h[-1])


def calendar(facility: Facility, horizon_h: float, round_h: float = 0.0) -> Calendar:
    """The repeating schedule of a facility from ``round_h`` hours into its period, unrolled to beyond the horizon."""
    blocks, period_h = facility.schedule.block, facility.schedule.period_h
    ends = np.cumsum([b.hours for b in blocks])
    first = int(np.searchsorted(ends, round_h % period_h, side="right")) % len(blocks)
    blocks = [*blocks[first:], *blocks[:first]]
    rounds = int(np.ceil(horizon_h / period_h)) + 1 + (round_h > 0)
    end = np.cumsum([b.hours for _ in range(rounds) for b in blocks])
    end = end + (ends[first] - round_h % period_h - end[0])
    end[-1] = np.inf
    user = [b.phase == "user" for b in blocks]
    opened = [
        [
            b.phase == "user" and (b.beamlines is None or line.name in b.beamlines)
            for line in facility.beamline
        ]
        for b in blocks
    ]
    return Calendar(
        end,
        np.array([b.phase != "maintenance" for b in blocks] * rounds),
        np.array(user * rounds),
        np.array(opened * rounds),
    )


def conditions(facility: Facility, hours: np.ndarray) -> np.ndarray:
    """Conditions [..., C] at ``hours``: the mean plus a daily and a yearly sine."""
    columns = [
        c.value + c.daily * np.sin(2 * np.pi * hours / 24.0) + c.yearly * np.sin(2 * np.pi * hours / 8760.0)
        for c in facility.condition
    ]
    return np.stack(columns, axis=-1) if columns else np.zeros((*np.shape(hours), 0))


def ahead(
    facility: Facility,
    horizon_h: float,
    epoch_h: float = 24.0,
    settings=None,
    start_h: float = 0.0,
    round_h: float = 0.0,
    also_h: tuple[float, ...] = (),
) -> Scenario:
    """A scenario of the coming ``horizon_h`` hours at constant settings [K] (default: the present).

    It begins at hour ``start_h`` of the year (for the conditions) and at hour ``round_h`` of the schedule's
    period; ``also_h`` are further hours at which an epoch begins.
    """
    epochs = int(np.ceil(horizon_h / epoch_h - 1e-9))
    edges = np.minimum(np.arange(epochs + 1) * epoch_h, horizon_h)
    edges = np.union1d(edges, [h for h in also_h if 0.0 < h < horizon_h])
    epochs = len(edges) - 1
    held = Space.of(facility).present if settings is None else np.asarray(settings, float)
    return Scenario(
        calendar(facility, horizon_h, round_h),
        edges,
        np.broadcast_to(held, (epochs, held.shape[-1])).copy(),
        conditions(facility, start_h + (edges[:-1] + edges[1:]) / 2),
    )

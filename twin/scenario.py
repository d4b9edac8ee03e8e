"""What a run is given from outside: horizon, calendar, decision epochs, conditions, settings."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from twin.facility import Facility
from twin.space import Space


class Calendar(NamedTuple):
    """S blocks of time, one after another; the last ends at infinity."""

    end_h: Any  # [S]
    beam: Any  # [S] beam is wanted
    user: Any  # [S] scheduled user time
    open: Any  # [S, B] beamlines that get beam as users


@dataclass(frozen=True)
class Scenario:
    """A run's outside world. Settings and conditions hold from one epoch's start to the next."""

    calendar: Calendar
    edges_h: np.ndarray  # [E + 1]
    settings: np.ndarray  # [E, K]
    conditions: np.ndarray  # [E, C]

    @property
    def horizon_h(self) -> float:
        return float(self.edges_h[-1])


def calendar(facility: Facility, horizon_h: float) -> Calendar:
    """The facility's repeating schedule, unrolled to beyond the horizon."""
    blocks = facility.schedule.block
    rounds = int(np.ceil(horizon_h / facility.schedule.period_h)) + 1
    end = np.cumsum([b.hours for _ in range(rounds) for b in blocks])
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


def weather(facility: Facility, hours: np.ndarray) -> np.ndarray:
    """Conditions [..., C] at ``hours``: the mean with its daily and yearly swing (a sine each)."""
    columns = [
        c.value + c.daily * np.sin(2 * np.pi * hours / 24.0) + c.yearly * np.sin(2 * np.pi * hours / 8760.0)
        for c in facility.condition
    ]
    return np.stack(columns, axis=-1) if columns else np.zeros((*np.shape(hours), 0))


def ahead(
    facility: Facility, horizon_h: float, epoch_h: float = 24.0, settings=None, start_h: float = 0.0
) -> Scenario:
    """A scenario of the coming ``horizon_h`` hours at constant settings [K] (default: the present).

    ``start_h`` is the hour of the year at which it begins (for the conditions).
    """
    epochs = int(np.ceil(horizon_h / epoch_h - 1e-9))
    edges = np.minimum(np.arange(epochs + 1) * epoch_h, horizon_h)
    held = Space.of(facility).present if settings is None else np.asarray(settings, float)
    return Scenario(
        calendar(facility, horizon_h),
        edges,
        np.broadcast_to(held, (epochs, held.shape[-1])).copy(),
        weather(facility, start_h + (edges[:-1] + edges[1:]) / 2),
    )

"""Decision epochs of a log: settings, conditions, quantities and outcome of each."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from controllers.outcomes import realised
from replay_data import replay
from replay_data.view import LogView
from twin import UserError

FEWEST = 40  # epochs with user time that an evaluation needs; assumed
BRIEF = 0.05  # epochs with less than this share of the longest user time of an epoch are left out


class Epochs(NamedTuple):
    """N epochs in order of time; settings, conditions and quantities in the facility's units."""

    hour: np.ndarray  # [N] of the log, at which each begins
    settings: np.ndarray  # [N, K] mean over the epoch
    conditions: np.ndarray  # [N, C] mean over the epoch
    quantities: np.ndarray  # [N, Q], nan where not measured
    outcome: np.ndarray  # [N] useful beam [%], or a quantity [% of its reference value]
    weight: np.ndarray  # [N] hours of user time; 1 for a row of a tabular log


def epochs(log: LogView, every_h: float = 24.0, outcome: str = "") -> Epochs:
    """The epochs of a log with a known outcome: useful beam, or the mean of the quantity named by ``outcome``.

    In a tabular log each row is an epoch, and the default outcome is the flux of the first beamline. Raises UserError
    if samples were not counted, or fewer than ``FEWEST`` epochs have an outcome.
    """
    facility = log.facility
    names = [q.name for q in facility.quantity]
    if log.tabular and not outcome:
        outcome = facility.beamline[0].flux
    if outcome and outcome not in names:
        raise UserError(f"outcome {outcome!r} is no quantity of {facility.name!r}: {', '.join(names)}")
    found = _rows(log) if log.tabular else _stretches(log, every_h, not outcome)
    if outcome:
        reference = facility.quantity[names.index(outcome)].value
        found = found._replace(outcome=100.0 * found.quantities[:, names.index(outcome)] / reference)
    known = np.isfinite(found.outcome) & (found.weight > BRIEF * found.weight.max(initial=0.0))
    known &= np.isfinite(found.settings).all(1) & np.isfinite(found.conditions).all(1)
    if known.sum() < FEWEST:
        span = "rows" if log.tabular else f"epochs of {every_h:g} h"
        raise UserError(
            f"log of {facility.name}: {known.sum()} {span} with settings and an outcome, {FEWEST} are needed; "
            "give a longer log or shorter epochs"
        )
    return Epochs(*(column[known] for column in found))


def _rows(log: LogView) -> Epochs:
    facility, data = log.facility, log.frame
    settings, conditions, quantities = (
        np.stack([data[i.name].values for i in items], -1) if items else np.zeros((data.sizes["time"], 0))
        for items in (facility.knob, facility.condition, facility.quantity)
    )
    hour = data["time"].values
    return Epochs(hour, settings, conditions, quantities, np.full(len(hour), np.nan), np.ones(len(hour)))


def _stretches(log: LogView, every_h: float, counted: bool) -> Epochs:
    """Epochs of equal length; quantities are means over steady hours."""
    facility, view = log.facility, replay.window(log, log.hours)
    edges = np.arange(view.from_h, log.hours + 1e-6, every_h)
    if len(edges) < 2:
        raise UserError(
            f"log of {facility.name}: its {log.hours:g} h hold no epoch of {every_h:g} h; give shorter epochs"
        )
    data = log.frame_of(min(1.0, every_h))
    which = np.searchsorted(edges, data["time"].values, side="right") - 1
    inside = (which >= 0) & (which < len(edges) - 1)
    steady = data["steady"].values
    settings, conditions, quantities = (
        _means([data[i.name].values for i in items], which, inside & kept, len(edges) - 1)
        for items, kept in ((facility.knob, True), (facility.condition, True), (facility.quantity, steady))
    )
    open_h = np.stack([realised.open_hours(view, a, b) for a, b in pairwise(edges)])
    outcome = np.full(len(edges) - 1, np.nan)
    if counted:
        done = realised.counted(view, log, edges)
        if not np.isfinite(done).all():
            raise UserError(
                f"log of {facility.name}: samples were not counted, so useful beam is not known; name a quantity as "
                "the outcome"
            )
        outcome = realised.useful(view, done, edges)
    return Epochs(edges[:-1], settings, conditions, quantities, outcome, open_h @ view.plant.weight)


def _means(columns: list, which: np.ndarray, kept: np.ndarray, count: int) -> np.ndarray:
    """Mean of each column in each of ``count`` epochs; nan where an epoch has no value."""
    means = np.full((count, len(columns)), np.nan)
    for k, column in enumerate(columns):
        known = kept & np.isfinite(column)
        rows = np.bincount(which[known], minlength=count)
        total = np.bincount(which[known], column[known], count)
        means[rows > 0, k] = total[rows > 0] / rows[rows > 0]
    return means

"""A recorded log stepped through the gate of advisories, minute by minute, with a cheap standing recommendation."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from controllers.recommend import expected
from controllers.recommend.acquisition import Known, over
from controllers.recommend.advisories import Advisory, Rules, Seen, State, step
from controllers.recommend.case import Case
from controllers.searches.ascent import GradientAscent
from replay_data.view import LogView
from twin import Facility
from twin.beam_states import STORED
from twin.types import Progress

MINUTE_H = 1.0 / 60.0
RENEWED_H = 24.0  # a new standing recommendation, as often as one expires
SILENT_H = 12.0  # without a sample of any quantity the data are stale
JITTER = 0.25  # standard deviation of a read-back, in deadbands; assumed
SURE = 1.6449  # standard deviations from the mean of a normal to its 5 % quantile: the low end of a 90 % interval
ROWS = 64  # distinct settings judged in one compiled call


@dataclass(frozen=True)
class Advised:
    """What the gate let through in a log, and what it did not."""

    hours: float
    advisories: list[Advisory]
    state: State
    ungated: int  # advisories of a page that speaks whenever something surely better stands recommended
    renewed: int  # standing recommendations

    @property
    def closest_h(self) -> float:
        """The least time between two advisories; infinite with fewer than two."""
        return float(np.diff([a.time_h for a in self.advisories]).min(initial=np.inf))


def advised(
    this: Case, log: LogView, seed: int, tell: Progress, rules: Rules | None = None, from_h: float = 0.0
) -> Advised:
    """A log from ``from_h`` on at one-minute steps. Read-backs jitter; nobody answers what is advised.

    Every RENEWED_H gradient ascent proposes anew from the settings as they stand; between that the gain is judged
    at each change of the settings without simulating (``expected``), its low end over posterior draws of the law.
    """
    rules = rules or Rules()
    facility = this.facility
    band = rules.band(this.space.low, this.space.high, [k.precision for k in facility.knob])
    data = with_silence(facility, log.frame_of(MINUTE_H).sel(time=slice(from_h, None)))
    state, said, renewed = State(), [], 0
    days = list(_days(data))
    for day, looks in enumerate(days):
        renewed += 1
        for seen in _looks(this, log, looks, band, np.random.default_rng([seed, day]), seed):
            state, advisory = step(state, seen, band, rules)
            said += [advisory] if advisory else []
        tell("stepping through the log", (day + 1) / len(days))
    hours = float(len(data["time"]) * MINUTE_H)
    return Advised(hours, said, state, len(said) + sum(state.suppressed.values()), renewed)


def with_silence(facility: Facility, data: xr.Dataset) -> xr.Dataset:
    """The data with ``silent_h`` [N]: how long no quantity has had a sample."""
    recorded = np.logical_or.reduce([~np.isnan(data[q.name].values) for q in facility.quantity])
    row = np.arange(len(recorded))
    last = np.maximum.accumulate(np.where(recorded, row, -1))
    return data.assign(silent_h=("time", (row - last) * MINUTE_H))


def _days(data: xr.Dataset) -> Iterator[xr.Dataset]:
    rows = round(RENEWED_H / MINUTE_H)
    for first in range(0, data.sizes["time"], rows):
        yield data.isel(time=slice(first, first + rows))


def _looks(this: Case, log: LogView, data: xr.Dataset, band, rng, seed: int) -> Iterator[Seen]:
    """What is seen each minute under one standing recommendation."""
    facility, hours = this.facility, data["time"].values
    held = np.column_stack([data[k.name].values for k in facility.knob])  # [N, K]
    beam = log.beam.at(hours)
    proposed, sure = _standing(this, held, seed)
    fresh = data["silent_h"].values < SILENT_H
    for i, hour in enumerate(hours):
        read = held[i] + JITTER * band * rng.normal(size=len(band))
        yield Seen(float(hour), read, proposed, float(sure[i]), bool(fresh[i]), beam[i] == STORED)


def _standing(this: Case, held: np.ndarray, seed: int) -> tuple[np.ndarray | None, np.ndarray]:
    """What is proposed [K] from the first settings of a day [N, K], inside the envelope from there, and the sure part
    of its gain [N] at each."""
    first = held[np.isfinite(held).all(1)][:1]
    if not len(first) or not this.space.inside(first[0]):
        return None, np.zeros(len(held))
    space = replace(this.space, present=first[0])
    here = replace(this, envelope=replace(this.envelope, space=space))
    objective = over(here, seed)
    tops = GradientAscent(objective).tops(GradientAscent(objective).start(space, seed, here.envelope.allowed))
    if not len(tops):
        return None, np.zeros(len(held))
    return tops[0], _sure(objective.machine, tops[0], held)


def _sure(known: Known, proposed: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The low end [N] of the 90 % interval of the gain over the draws, from each of ``held`` [N, K]; nan unknown."""
    rows, place = np.unique(held, axis=0, return_inverse=True)
    padded = np.concatenate(
        [proposed[None], rows, np.repeat(proposed[None], -(len(rows) + 1) % ROWS, axis=0)]
    )
    blocks = padded.reshape(-1, ROWS, padded.shape[1])
    beam = [
        np.asarray(expected.of_draws(known.draws, known.outage_costs, b, known.conditions)) for b in blocks
    ]
    beam = np.concatenate(beam, axis=1)  # [D, n]
    gain = beam[:, :1] - beam[:, 1 : 1 + len(rows)]
    return (gain.mean(0) - SURE * gain.std(0, ddof=1))[place.ravel()]

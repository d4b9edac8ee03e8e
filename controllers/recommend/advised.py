"""Test of the advisory rules on a recorded log, minute by minute, with a recommendation renewed every day."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from controllers.recommend import expected
from controllers.recommend.acquisition import Prediction, risk_averse_gain
from controllers.recommend.advisories import Advisory, Rules, Seen, State, step
from controllers.recommend.case import Case
from controllers.searches.ascent import GradientAscent
from replay_data.view import LogView
from twin import Facility
from twin.beam_states import STORED
from twin.types import Progress

MINUTE_H = 1.0 / 60.0
RENEWED_H = 24.0  # between recommendations; each expires after so long
SILENT_H = 12.0  # data are stale after so long without a sample of any quantity
JITTER = 0.25  # standard deviation of a readback, in deadbands; assumed
SURE = 1.6449  # standard deviations from the mean of a normal to its 5 % quantile: the low end of a 90 % interval
ROWS = 64  # distinct settings evaluated in one compiled call


@dataclass(frozen=True)
class Advised:
    """Advisories raised and suppressed in a log."""

    hours: float
    advisories: list[Advisory]
    state: State
    ungated: int  # evaluations with a surely better recommendation: advisories without any rules
    renewed: int  # recommendations made

    @property
    def closest_h(self) -> float:
        """The least time between two advisories; infinite with fewer than two."""
        return float(np.diff([a.time_h for a in self.advisories]).min(initial=np.inf))


def advised(
    this: Case, log: LogView, seed: int, progress: Progress, rules: Rules | None = None, from_h: float = 0.0
) -> Advised:
    """The advisory rules applied to a log from ``from_h`` on, in steps of one minute.

    Every RENEWED_H gradient ascent makes a new recommendation from the settings of that time. In between, the lower
    end of its gain is computed for each change of the settings without simulation (``expected``), over posterior
    samples of the law. Readbacks have noise (JITTER). No operator answers an advisory.
    """
    rules = rules or Rules()
    facility = this.facility
    band = rules.band(this.space.low, this.space.high, [k.precision for k in facility.knob])
    data = with_silence(facility, log.frame_of(MINUTE_H).sel(time=slice(from_h, None)))
    state, advisories, renewed = State(), [], 0
    days = list(_days(data))
    for day, minutes in enumerate(days):
        renewed += 1
        for observation in _observations(this, log, minutes, band, np.random.default_rng([seed, day]), seed):
            state, advisory = step(state, observation, band, rules)
            advisories += [advisory] if advisory else []
        progress("stepping through the log", (day + 1) / len(days))
    hours = float(len(data["time"]) * MINUTE_H)
    return Advised(hours, advisories, state, len(advisories) + sum(state.suppressed.values()), renewed)


def with_silence(facility: Facility, data: xr.Dataset) -> xr.Dataset:
    """The data with ``silent_h`` [N]: hours since the last sample of any quantity."""
    recorded = np.logical_or.reduce([~np.isnan(data[q.name].values) for q in facility.quantity])
    row = np.arange(len(recorded))
    last = np.maximum.accumulate(np.where(recorded, row, -1))
    return data.assign(silent_h=("time", (row - last) * MINUTE_H))


def _days(data: xr.Dataset) -> Iterator[xr.Dataset]:
    rows = round(RENEWED_H / MINUTE_H)
    for first in range(0, data.sizes["time"], rows):
        yield data.isel(time=slice(first, first + rows))


def _observations(this: Case, log: LogView, data: xr.Dataset, band, rng, seed: int) -> Iterator[Seen]:
    """The observations of each minute of ``data`` with one recommendation, made at its beginning."""
    facility, hours = this.facility, data["time"].values
    held = np.column_stack([data[k.name].values for k in facility.knob])  # [N, K]
    beam = log.beam.at(hours)
    proposed, sure = _recommended(this, held, seed)
    fresh = data["silent_h"].values < SILENT_H
    for i, hour in enumerate(hours):
        read = held[i] + JITTER * band * rng.normal(size=len(band))
        yield Seen(float(hour), read, proposed, float(sure[i]), bool(fresh[i]), beam[i] == STORED)


def _recommended(this: Case, held: np.ndarray, seed: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Proposed settings [K] from the first settings of ``held`` [N, K], and the lower end of their gain [N] over each.

    No proposal where the first settings violate a limit or no better settings lie inside the envelope.
    """
    first = held[np.isfinite(held).all(1)][:1]
    if not len(first) or not this.space.inside(first[0]):
        return None, np.zeros(len(held))
    space = replace(this.space, present=first[0])
    here = replace(this, envelope=replace(this.envelope, space=space))
    objective = risk_averse_gain(here, seed)
    tops = GradientAscent(objective).tops(GradientAscent(objective).start(space, seed, here.envelope.allowed))
    if not len(tops):
        return None, np.zeros(len(held))
    return tops[0], _sure(objective.machine, tops[0], held)


def _sure(prediction: Prediction, proposed: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Lower end [N] of the 90 % interval of the gain over each of ``held`` [N, K] [% useful beam]; nan if unknown."""
    rows, place = np.unique(held, axis=0, return_inverse=True)
    padded = np.concatenate(
        [proposed[None], rows, np.repeat(proposed[None], -(len(rows) + 1) % ROWS, axis=0)]
    )
    blocks = padded.reshape(-1, ROWS, padded.shape[1])
    beam = [
        np.asarray(expected.of_draws(prediction.draws, prediction.outage_costs, b, prediction.conditions))
        for b in blocks
    ]
    beam = np.concatenate(beam, axis=1)  # [D, n]
    gain = beam[:, :1] - beam[:, 1 : 1 + len(rows)]
    return (gain.mean(0) - SURE * gain.std(0, ddof=1))[place.ravel()]

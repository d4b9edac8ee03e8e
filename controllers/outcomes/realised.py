"""The realised gain of adopted settings, over the forecast for the present settings or over the time before.

The forecast simulates the *present* settings, where the logs contain most data, with new random inputs after the
adoption. Its runs share the record up to the adoption, and are scaled by the ratio of record and twin before it. The
mean comes from the posterior mean of the law, the standard error from posterior samples (whose mean would be too high
for rare failures, as their distribution has a long tail). A replay with the same random events would repeat the model's
own prediction of the change and confirm any promise, so it is reported for comparison only.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import jax
import numpy as np

from controllers.outcomes import serial
from controllers.outcomes.adoption import Adoption
from controllers.recommendation import Recommendation
from replay_data import replay
from replay_data.random_inputs import RandomInputs, operating_points, play, recover, same_random_events
from replay_data.replay import Window
from replay_data.view import LogView
from twin import Space
from twin.types import Json

LAWS, EACH, RUNS = 8, 4, 16  # posterior samples, runs of each, runs of the mean law
DAY_H, FEWEST_DAYS = 24.0, 5


@dataclass(frozen=True)
class Realised:
    """The realised gain [% useful beam] with its 90 % interval; ``error`` is its standard error."""

    mean: float
    low: float
    high: float
    error: float
    how: str  # compared with: "forecast" (twin at the present settings) or "before" (the time before)

    @classmethod
    def of(cls, mean: float, error: float, how: str) -> "Realised":
        """From a mean and its standard error."""
        return cls(float(mean), float(mean - 1.645 * error), float(mean + 1.645 * error), float(error), how)


def until(view: Window, hour: float) -> Window:
    """The part of a window before an hour of the log."""
    end, scenario = hour - view.from_h, view.scenario
    edges = np.append(scenario.edges_h[scenario.edges_h < end - 1e-9], end)
    count = len(edges) - 1
    kept = view.faults["start_h"] < end
    return replace(
        view,
        scenario=replace(scenario, edges_h=edges, settings=scenario.settings[:count],
                         conditions=scenario.conditions[:count]),
        faults={name: column[kept] for name, column in view.faults.items()},
    )  # fmt: skip


def at_present(view: Window, recommendation: Recommendation, from_h: float) -> Window:
    """The window with the settings of the time before the recommendation, from an hour of the log on."""
    held = Space.of(view.facility).override(
        view.scenario.settings, {knob.name: knob.present for knob in recommendation.knobs}
    )
    late = view.scenario.edges_h[:-1] >= from_h - view.from_h - 1e-6
    settings = np.where(late[:, None], held, view.scenario.settings)
    return replace(view, scenario=replace(view.scenario, settings=settings))


def against_forecast(
    view: Window, present: Window, log: LogView, adopted: Adoption, law: Any, seed: int
) -> Realised | None:
    """Measured gain over the forecast for the present settings; None where no sample counter was recorded."""
    measured = useful(
        view, counted(view, log, np.array([adopted.from_h, adopted.to_h])), [adopted.from_h, adopted.to_h]
    )
    if not np.isfinite(measured).all():
        return None
    early = until(view, adopted.from_h)
    drawn = law.draws(jax.random.key(seed), LAWS)
    samples = [jax.tree.map(lambda a, i=i: a[i], drawn) for i in range(LAWS)]
    mean, spread = (
        _forecast(present, early, laws, each, adopted, seed)
        for laws, each in (([law.mean()], RUNS), (samples, EACH))
    )
    scale, scale_error = _scale(early, law.mean(), log, seed)
    error = np.hypot(scale * spread.std(ddof=1), scale_error * mean.mean())
    return Realised.of(measured[0] - scale * mean.mean(), error, "forecast")


def _forecast(
    present: Window, early: Window, laws: list, each: int, adopted: Adoption, seed: int
) -> np.ndarray:
    """Useful beam [R], % while the settings were adopted, of runs that share the record's random inputs before."""
    draws = same_random_events(present, [_known(early, law) for law in laws], each, seed)
    done = []
    for i, law in enumerate(laws):
        plan = operating_points(present, law)
        done += [
            _samples(present, play(present, plan, draws.run(i * each + r)), adopted) for r in range(each)
        ]
    return useful(present, np.stack(done), [adopted.from_h, adopted.to_h])[:, 0]


def _known(early: Window, law) -> RandomInputs:
    """Random inputs of the record up to the adoption; none where the log begins with the adoption."""
    if len(early.scenario.settings) and early.scenario.horizon_h > 1e-6:
        return recover(early, law)
    none = [np.zeros(0)] * len(early.plant.shape)
    return RandomInputs(none, np.zeros(len(none)), none)


def _samples(view: Window, run, adopted: Adoption) -> np.ndarray:
    """Samples [2, B] that a run had counted at the begin and at the end of the adoption."""
    tally = run.tally()
    at_h = np.array([piece.at_h for piece in run.curve] + [view.scenario.horizon_h]) + view.from_h
    done = np.array([piece.done for piece in run.curve] + [tuple(tally.samples)], float)
    hours = np.array([adopted.from_h, adopted.to_h])
    return np.stack([np.interp(hours, at_h, column) for column in done.T], -1)


def counted(view: Window, log: LogView, hours) -> np.ndarray:
    """Recorded sample counters [T, B] at hours [T] of a log; nan for a beamline without counter."""
    columns = []
    for line in view.facility.beamline:
        counter = log.cleaned(f"samples_{line.name}")
        columns.append(np.full(len(hours), np.nan) if counter is None else np.nan_to_num(counter.at(hours)))
    return np.stack(columns, -1)


def useful(view: Window, done, hours) -> np.ndarray:
    """Useful beam [..., T - 1], % between hours [T] of the log, from samples [..., T, B] counted up to them."""
    plant = view.plant
    value = plant.weight * (
        plant.exchange_h + plant.exposure_h
    )  # [B] hours at reference flux per sample, weighted
    open_h = np.stack([open_hours(view, a, b) for a, b in pairwise(hours)])
    return 100.0 * (np.diff(done, axis=-2) @ value) / np.maximum(open_h @ plant.weight, 1e-9)


def open_hours(view: Window, begin_h: float, end_h: float) -> np.ndarray:
    """Scheduled hours of each beamline [B] between two hours of the log."""
    ends = np.minimum(view.scenario.calendar.end_h, end_h - view.from_h)
    starts = np.maximum(np.append(0.0, view.scenario.calendar.end_h[:-1]), begin_h - view.from_h)
    return np.maximum(ends - starts, 0.0) @ view.scenario.calendar.open


def _days(view: Window, begin_h: float, end_h: float) -> list[float]:
    """Edges of the whole days between two hours of the log, counted back from the second hour."""
    days = int((end_h - begin_h) // DAY_H)
    return [end_h - DAY_H * (days - i) for i in range(days + 1)]


def _scale(early: Window, law, log: LogView, seed: int) -> tuple[float, float]:
    """Ratio of recorded to simulated samples before the adoption, and its standard error."""
    days = _days(early, early.from_h, early.from_h + early.scenario.horizon_h)
    if len(days) <= FEWEST_DAYS:
        return 1.0, 0.0
    fact = replay.factual(early, law, seed)
    twin = np.stack([np.interp(days, fact.at_h, column) for column in fact.done.T], -1)
    value = early.plant.weight * (early.plant.exchange_h + early.plant.exposure_h)
    recorded = np.diff(counted(early, log, np.array(days)), axis=0) @ value
    simulated = np.diff(twin, axis=0) @ value
    if not simulated.sum() > 0 or not recorded.sum() > 0:
        return 1.0, 0.0
    scale = float(recorded.sum() / simulated.sum())
    return scale, serial.error((recorded - scale * simulated) / simulated.mean())


def with_same_random_events(view: Window, present: Window, adopted: Adoption, law: Any, seed: int) -> Json:
    """The gain of the change in a replay with the same random events [% useful beam], for comparison."""
    found = replay.counterfactual(view, present, law.draws(jax.random.key(seed), LAWS), LAWS, EACH, seed)
    all_h, held_h = (
        open_hours(view, h, adopted.to_h) @ view.plant.weight for h in (view.from_h, adopted.from_h)
    )
    mean, low, high = (float(-v * all_h / max(held_h, 1e-9)) for v in found.change("useful_beam"))
    return {"mean": mean, "low": high, "high": low}


def before_and_after(view: Window, log: LogView, adopted: Adoption) -> Realised | None:
    """Useful beam after the adoption minus before it; None with too few days or without a sample counter.

    Whatever else changed between them (other settings, conditions, drift) counts as a gain too.
    """
    sides = []
    for begin_h, end_h in ((view.from_h, adopted.from_h), (adopted.from_h, adopted.to_h)):
        days = np.array(_days(view, begin_h, end_h))
        if len(days) < FEWEST_DAYS:
            return None
        value = view.plant.weight * (view.plant.exchange_h + view.plant.exposure_h)
        measured = np.diff(counted(view, log, days), axis=0) @ value
        hours = np.stack([open_hours(view, a, b) for a, b in pairwise(days)])
        scheduled = hours @ view.plant.weight
        if not np.isfinite(measured).all() or scheduled.sum() <= 0:
            return None
        rate = measured.sum() / scheduled.sum()
        sides.append((rate, serial.error((measured - rate * scheduled) / scheduled.mean())))
    (before, before_error), (after, after_error) = sides
    return Realised.of(100.0 * (after - before), 100.0 * np.hypot(before_error, after_error), "before")

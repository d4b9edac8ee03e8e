"""The gain that adopted settings really brought: against the twin at the present ones, or against the time before.

The twin at the *present* settings, where the logs know it best, says what would have come with fresh luck: runs that
share the record up to the adoption, scaled by what record and twin had in common before. The posterior's mean law
says how much, laws drawn from it how surely (of what hardly ever fails they say too much: their tail is long).
Replayed with the same random events they would repeat the model's own belief in the change, and confirm any promise.
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

LAWS, EACH, RUNS = 8, 4, 16
DAY_H, FEWEST_DAYS = 24.0, 5


@dataclass(frozen=True)
class Realised:
    """The gain that was realised, % useful beam, 90 % interval; ``error`` is its standard error."""

    mean: float
    low: float
    high: float
    error: float
    how: str  # "forecast": against the twin at the present settings; "before": against the time before

    @classmethod
    def of(cls, mean: float, error: float, how: str) -> "Realised":
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
    """The window with the settings from before the recommendation, from an hour of the log on."""
    held = Space.of(view.facility).override(
        view.scenario.settings, {knob.name: knob.present for knob in recommendation.knobs}
    )
    late = view.scenario.edges_h[:-1] >= from_h - view.from_h - 1e-6
    settings = np.where(late[:, None], held, view.scenario.settings)
    return replace(view, scenario=replace(view.scenario, settings=settings))


def against_forecast(
    view: Window, present: Window, log: LogView, seen: Adoption, law: Any, seed: int
) -> Realised | None:
    """Measured minus what the present settings would have brought; None where no counter was recorded."""
    measured = useful(view, counted(view, log, np.array([seen.from_h, seen.to_h])), [seen.from_h, seen.to_h])
    if not np.isfinite(measured).all():
        return None
    early = until(view, seen.from_h)
    drawn = law.draws(jax.random.key(seed), LAWS)
    unsure = [jax.tree.map(lambda a, i=i: a[i], drawn) for i in range(LAWS)]
    best, spread = (
        _forecast(present, early, laws, each, seen, seed)
        for laws, each in (([law.mean()], RUNS), (unsure, EACH))
    )
    scale, doubt = _scale(early, law.mean(), log, seed)
    error = np.hypot(scale * spread.std(ddof=1), doubt * best.mean())
    return Realised.of(measured[0] - scale * best.mean(), error, "forecast")


def _forecast(present: Window, early: Window, laws: list, each: int, seen: Adoption, seed: int) -> np.ndarray:
    """Useful beam [R], % while the settings were adopted, of runs that share the record's luck up to then."""
    draws = same_random_events(present, [_known(early, law) for law in laws], each, seed)
    done = []
    for i, law in enumerate(laws):
        plan = operating_points(present, law)
        done += [_samples(present, play(present, plan, draws.run(i * each + r)), seen) for r in range(each)]
    return useful(present, np.stack(done), [seen.from_h, seen.to_h])[:, 0]


def _known(early: Window, law) -> RandomInputs:
    """The luck of a record up to the adoption; none where the log begins with it."""
    if len(early.scenario.settings) and early.scenario.horizon_h > 1e-6:
        return recover(early, law)
    none = [np.zeros(0)] * len(early.plant.shape)
    return RandomInputs(none, np.zeros(len(none)), none)


def _samples(view: Window, run, seen: Adoption) -> np.ndarray:
    """Samples [1 + 1, B] that a run had counted when the adoption began and when it ended."""
    tally = run.tally()
    at_h = np.array([piece.at_h for piece in run.curve] + [view.scenario.horizon_h]) + view.from_h
    done = np.array([piece.done for piece in run.curve] + [tuple(tally.samples)], float)
    hours = np.array([seen.from_h, seen.to_h])
    return np.stack([np.interp(hours, at_h, column) for column in done.T], -1)


def counted(view: Window, log: LogView, hours) -> np.ndarray:
    """Recorded counters [T, B] at hours of a log, nan where there is none."""
    columns = []
    for line in view.facility.beamline:
        counter = log.cleaned(f"samples_{line.name}")
        columns.append(np.full(len(hours), np.nan) if counter is None else np.nan_to_num(counter.at(hours)))
    return np.stack(columns, -1)


def useful(view: Window, done, hours) -> np.ndarray:
    """Useful beam [..., T - 1], % between hours [T] of the log, from samples [..., T, B] counted by then."""
    plant = view.plant
    worth = plant.weight * (plant.exchange_h + plant.exposure_h)
    open_h = np.stack([open_hours(view, a, b) for a, b in pairwise(hours)])
    return 100.0 * (np.diff(done, axis=-2) @ worth) / np.maximum(open_h @ plant.weight, 1e-9)


def open_hours(view: Window, begin_h: float, end_h: float) -> np.ndarray:
    """[B] scheduled hours of each beamline between two hours of the log."""
    ends = np.minimum(view.scenario.calendar.end_h, end_h - view.from_h)
    starts = np.maximum(np.append(0.0, view.scenario.calendar.end_h[:-1]), begin_h - view.from_h)
    return np.maximum(ends - starts, 0.0) @ view.scenario.calendar.open


def _days(view: Window, begin_h: float, end_h: float) -> list[float]:
    """Edges of the whole days between two hours of the log, counted back from the second."""
    days = int((end_h - begin_h) // DAY_H)
    return [end_h - DAY_H * (days - i) for i in range(days + 1)]


def _scale(early: Window, law, log: LogView, seed: int) -> tuple[float, float]:
    """What the record had for each sample of the twin before the adoption, and the standard error of that."""
    days = _days(early, early.from_h, early.from_h + early.scenario.horizon_h)
    if len(days) <= FEWEST_DAYS:
        return 1.0, 0.0
    fact = replay.factual(early, law, seed)
    twin = np.stack([np.interp(days, fact.at_h, column) for column in fact.done.T], -1)
    worth = early.plant.weight * (early.plant.exchange_h + early.plant.exposure_h)
    had, said = np.diff(counted(early, log, np.array(days)), axis=0) @ worth, np.diff(twin, axis=0) @ worth
    if not said.sum() > 0 or not had.sum() > 0:
        return 1.0, 0.0
    scale = float(had.sum() / said.sum())
    return scale, serial.error((had - scale * said) / said.mean())


def with_same_random_events(view: Window, present: Window, seen: Adoption, law: Any, seed: int) -> Json:
    """What the replay with the recorded luck says of the change, as it is told to an operator."""
    found = replay.counterfactual(view, present, law.draws(jax.random.key(seed), LAWS), LAWS, EACH, seed)
    whole, held = (open_hours(view, h, seen.to_h) @ view.plant.weight for h in (view.from_h, seen.from_h))
    mean, low, high = (float(-v * whole / max(held, 1e-9)) for v in found.change("useful_beam"))
    return {"mean": mean, "low": high, "high": low}


def before_and_after(view: Window, log: LogView, seen: Adoption) -> Realised | None:
    """The days after the adoption minus those before; None where either are too few or no counter was recorded.

    Whatever else changed between them (other settings, weather, drift) is told as a gain too.
    """
    sides = []
    for begin_h, end_h in ((view.from_h, seen.from_h), (seen.from_h, seen.to_h)):
        days = np.array(_days(view, begin_h, end_h))
        if len(days) < FEWEST_DAYS:
            return None
        worth = view.plant.weight * (view.plant.exchange_h + view.plant.exposure_h)
        had = np.diff(counted(view, log, days), axis=0) @ worth
        hours = np.stack([open_hours(view, a, b) for a, b in pairwise(days)])
        could = hours @ view.plant.weight
        if not np.isfinite(had).all() or could.sum() <= 0:
            return None
        rate = had.sum() / could.sum()
        sides.append((rate, serial.error((had - rate * could) / could.mean())))
    (old, doubt), (new, noise) = sides
    return Realised.of(100.0 * (new - old), 100.0 * np.hypot(doubt, noise), "before")

"""Forecast of a calibrated facility: the interval of each metric, split into chance and unknown parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from controllers.evaluation import CHANCE, paired
from surrogate.calibration import draws as plants
from surrogate.learned import LearnedLaw
from twin import Facility, UserError
from twin.draws import Draws, draw, enough
from twin.nominal import at
from twin.outcome import METRICS, Figure, Tally, figures
from twin.plant import Law, build, rates
from twin.scenario import Scenario
from twin.types import Progress

LEAST_PLANTS = 32
SURE = 0.05
"""Significance level of a named source, corrected for the number of sources."""


@dataclass(frozen=True)
class Forecast:
    """The forecast of one metric over a scenario, such as one year.

    ``low`` ... ``high`` is the 90 % interval of one run of the scenario; ``long_low`` ... ``long_high`` that of the
    long-run mean of the true plant, which only more data narrow. ``chance`` and ``parameters`` are standard deviations
    of a run by cause. ``source`` is the unknown parameter with the most influence, ``source_share`` its share of the
    variance of ``parameters``.
    """

    metric: str
    mean: float
    low: float
    high: float
    long_low: float
    long_high: float
    chance: float
    parameters: float
    source: str | None
    source_share: float

    @property
    def share(self) -> float:
        """Share of the variance of a run that is due to unknown parameters."""
        whole = self.chance**2 + self.parameters**2
        return self.parameters**2 / whole if whole else 0.0


def forecast(
    facility: Facility,
    law: LearnedLaw,
    scenario: Scenario,
    runs: int,
    seed: int,
    engine: Any,
    progress: Progress,
) -> list[Forecast]:
    """The forecast of each metric from at least ``runs`` runs: CHANCE runs of each of many posterior samples."""
    samples = plants(facility, law, max(-(-runs // CHANCE), LEAST_PLANTS), seed)
    return of_plants(samples, scenario, seed, engine, progress)


def of_plants(
    samples: Sequence[tuple[Facility, Law]], scenario: Scenario, seed: int, engine: Any, progress: Progress
) -> list[Forecast]:
    """The forecast of each metric from CHANCE runs of each of some equally likely facilities with their laws."""
    tallies, causes = _simulated(samples, scenario, seed, engine, progress)
    found = figures(tallies, build(samples[0][0]))
    return [_forecast(m.name, found[m.name], causes) for m in METRICS]


def _simulated(samples, scenario: Scenario, seed: int, engine: Any, progress: Progress):
    """Tallies of CHANCE runs of each plant, axis R, and the parameters in which plants differ, by name [plants]."""
    built = [build(facility) for facility, _ in samples]
    here = scenario.settings[0], scenario.conditions.mean(0)
    outputs = [at(law, *here) for _, law in samples]
    failure_rates = np.array(
        [rates(plant, np.asarray(p.hazard)) for plant, p in zip(built, outputs, strict=True)]
    )
    counts = enough(samples[0][0], scenario.horizon_h, 2.0 * failure_rates.max(0))
    draws = draw(samples[0][0], CHANCE * len(samples), *counts, seed=seed)
    parts = []
    for i, (plant, (_, law)) in enumerate(zip(built, samples, strict=True)):
        own = Draws(*(np.asarray(field)[CHANCE * i : CHANCE * (i + 1)] for field in draws))
        parts.append(engine.simulate(plant, law, own, scenario))
        progress(f"{CHANCE} runs of each of {len(samples)} plants", (i + 1) / len(samples))
    tally = Tally(*(np.concatenate(field) for field in zip(*parts, strict=True)))
    if spent := int(tally.exhausted.sum()):
        raise UserError(f"{spent} of {len(tally.exhausted)} runs used up their draws: give fewer --years")
    return tally, _causes(samples, failure_rates, np.array([np.asarray(p.quantity) for p in outputs]))


def _causes(samples, failure_rates: np.ndarray, quantities: np.ndarray) -> dict[str, np.ndarray]:
    """Parameters that differ between plants: log rate and log mean repair time of each mode, and quantities."""
    facility = samples[0][0]
    names = [f"{s.name}.{m.name}" for s, m, _ in facility.processes]
    found = {}
    for name in dict.fromkeys(names):
        mine = np.array([n == name for n in names])
        found[f"how often {name}"] = np.log(failure_rates[:, mine].sum(1))
    for s in facility.subsystem:
        for k, m in enumerate(s.mode):
            own = [next(o for o in f.subsystem if o.name == s.name).mode[k] for f, _ in samples]
            found[f"how long {s.name}.{m.name}"] = np.log([o.repair.time.mean_h for o in own])
    for q, quantity in enumerate(facility.quantity):
        found[quantity.name] = quantities[:, q]
    return {name: values for name, values in found.items() if np.ptp(values) > 1e-12 * np.abs(values).max()}


def _forecast(name: str, figure: Figure, causes: dict[str, np.ndarray]) -> Forecast:
    """Analysis of variance of the ratio above / below, linearised in the contribution of each run."""
    r, values = _linear(figure)
    within, means = values.var(axis=1, ddof=1).mean(), values.mean(axis=1)
    between = max(float(means.var(ddof=1)) - within / CHANCE, 0.0)
    interval = paired(values.ravel(), np.zeros(values.size))
    half = 0.5 * (interval.high - interval.low)
    ends = [r * np.exp(s * min(half / r, 50.0)) if r > 0 else r + s * half for s in (-1.0, 1.0)]
    with np.errstate(divide="ignore", invalid="ignore"):
        years = figure.read(figure.above / figure.below)
        years = years[~np.isnan(years)]
        low, high = sorted(float(figure.read(min(max(e, 0.0), figure.most))) for e in ends)
        year = np.quantile(years, [0.05, 0.95], method="inverted_cdf") if len(years) else (np.nan, np.nan)
        gain = abs(float(figure.read(r * (1 + 1e-6) + 1e-12) - figure.read(r)) / (r * 1e-6 + 1e-12))
    source, share = _biggest(means, causes) if between else (None, 0.0)
    return Forecast(
        name, float(figure.read(r)), float(year[0]), float(year[1]), low, high,
        gain * float(np.sqrt(within)), gain * float(np.sqrt(between)), source, share,
    )  # fmt: skip


def _linear(figure: Figure) -> tuple[float, np.ndarray]:
    """The ratio of all runs together, and each run's ratio [plants, CHANCE] to first order about it."""
    above, below = figure.above.astype(float), figure.below.astype(float)
    r = float(above.sum() / max(below.sum(), 1e-300))
    return r, (r + (above - r * below) / max(below.mean(), 1e-300)).reshape(-1, CHANCE)


def _biggest(means: np.ndarray, causes: dict[str, np.ndarray]) -> tuple[str | None, float]:
    """The cause with the strongest correlation to the plants' means, and its share of their variance.

    None if the correlation is not significant.
    """
    if not causes or len(means) < 3:
        return None, 0.0
    squares = {name: float(np.corrcoef(means, values)[0, 1] ** 2) for name, values in causes.items()}
    name = max(squares, key=lambda key: squares[key])
    t = np.sqrt(squares[name] * (len(means) - 2) / max(1.0 - squares[name], 1e-12))
    sure = 2.0 * stats.t.sf(t, len(means) - 2) * len(causes) < SURE
    return (name, squares[name]) if sure else (None, 0.0)

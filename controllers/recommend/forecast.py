"""Years of a calibrated facility: how much of each figure's interval is chance, how much not knowing the plant."""

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
"""A source is named if one as strong would come by chance among all of them so seldom."""


@dataclass(frozen=True)
class Forecast:
    """What a metric will be.

    ``low`` ... ``high`` holds one year with 90 %; ``long_low`` ... ``long_high`` the long-run figure of the
    true plant, which only more knowledge narrows. ``chance`` and ``parameters`` are standard deviations of
    a year's figure by cause; ``source`` is what of the unknown moves it most, with its share of the latter's variance.
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
        """Share of the variance of a year's figure that is not knowing the parameters."""
        whole = self.chance**2 + self.parameters**2
        return self.parameters**2 / whole if whole else 0.0


def forecast(
    facility: Facility, law: LearnedLaw, scenario: Scenario, runs: int, seed: int, engine: Any, tell: Progress
) -> list[Forecast]:
    """Each metric over the scenario, from at least ``runs`` runs, CHANCE of each of many likely plants."""
    likely = plants(facility, law, max(-(-runs // CHANCE), LEAST_PLANTS), seed)
    return of_plants(likely, scenario, seed, engine, tell)


def of_plants(
    likely: Sequence[tuple[Facility, Law]], scenario: Scenario, seed: int, engine: Any, tell: Progress
) -> list[Forecast]:
    """Each metric over the scenario, from CHANCE runs of each of some facilities and laws, equally likely."""
    tallies, causes = _play(likely, scenario, seed, engine, tell)
    found = figures(tallies, build(likely[0][0]))
    return [_forecast(m.name, found[m.name], causes) for m in METRICS]


def _play(likely, scenario: Scenario, seed: int, engine: Any, tell: Progress):
    """The tallies of CHANCE runs of each plant, axis R, and what the plants differ in, by name [plants]."""
    built = [build(facility) for facility, _ in likely]
    here = scenario.settings[0], scenario.conditions.mean(0)
    points = [at(law, *here) for _, law in likely]
    often = np.array([rates(plant, np.asarray(p.hazard)) for plant, p in zip(built, points, strict=True)])
    room = enough(likely[0][0], scenario.horizon_h, 2.0 * often.max(0))
    chance = draw(likely[0][0], CHANCE * len(likely), *room, seed=seed)
    parts = []
    for i, (plant, (_, law)) in enumerate(zip(built, likely, strict=True)):
        own = Draws(*(np.asarray(field)[CHANCE * i : CHANCE * (i + 1)] for field in chance))
        parts.append(engine.simulate(plant, law, own, scenario))
        tell(f"{CHANCE} runs of each of {len(likely)} likely plants", (i + 1) / len(likely))
    tally = Tally(*(np.concatenate(field) for field in zip(*parts, strict=True)))
    if spent := int(tally.exhausted.sum()):
        raise UserError(f"{spent} of {len(tally.exhausted)} runs used up their draws: give fewer --years")
    return tally, _causes(likely, often, np.array([np.asarray(p.quantity) for p in points]))


def _causes(likely, often: np.ndarray, quantities: np.ndarray) -> dict[str, np.ndarray]:
    """What differs between the plants: rates and repairs of each mode, and beam quantities; logs where positive."""
    facility = likely[0][0]
    names = [f"{s.name}.{m.name}" for s, m, _ in facility.processes]
    found = {}
    for name in dict.fromkeys(names):
        mine = np.array([n == name for n in names])
        found[f"how often {name}"] = np.log(often[:, mine].sum(1))
    for s in facility.subsystem:
        for k, m in enumerate(s.mode):
            own = [next(o for o in f.subsystem if o.name == s.name).mode[k] for f, _ in likely]
            found[f"how long {s.name}.{m.name}"] = np.log([o.repair.time.mean_h for o in own])
    for q, quantity in enumerate(facility.quantity):
        found[quantity.name] = quantities[:, q]
    return {name: values for name, values in found.items() if np.ptp(values) > 1e-12 * np.abs(values).max()}


def _forecast(name: str, figure: Figure, causes: dict[str, np.ndarray]) -> Forecast:
    """Analysis of variance of the ratio above / below, made linear in each run's share of it."""
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
    """The ratio of all runs, and each run's [plants, CHANCE] ratio about it to first order."""
    above, below = figure.above.astype(float), figure.below.astype(float)
    r = float(above.sum() / max(below.sum(), 1e-300))
    return r, (r + (above - r * below) / max(below.mean(), 1e-300)).reshape(-1, CHANCE)


def _biggest(means: np.ndarray, causes: dict[str, np.ndarray]) -> tuple[str | None, float]:
    """The cause that goes along most with the plants' means, and the share of their variance; None if chance would."""
    if not causes or len(means) < 3:
        return None, 0.0
    squares = {name: float(np.corrcoef(means, values)[0, 1] ** 2) for name, values in causes.items()}
    name = max(squares, key=lambda key: squares[key])
    t = np.sqrt(squares[name] * (len(means) - 2) / max(1.0 - squares[name], 1e-12))
    sure = 2.0 * stats.t.sf(t, len(means) - 2) * len(causes) < SURE
    return (name, squares[name]) if sure else (None, 0.0)

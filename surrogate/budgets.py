"""Whether failures come as often as the model says: evidence from the ageing budgets spent between them."""

from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from scipy.special import gammaln, logsumexp

from surrogate.exposure import Exposure, History, expose, modes
from surrogate.learned import LearnedLaw
from twin import Facility
from twin.facility import Mode

LAWS = 64
DOUBT = 2.0
"""Shape of the Gamma prior of the factor by which a rate may have changed: mean 1, 90 % within 0.18 ... 2.4."""

BATCH = 1024
LARGEST = 300.0  # logarithm of evidence: enough, and it stays finite


class Count(NamedTuple):
    """Failures of one mode beside what D laws drawn from the posterior expected, after each of T days."""

    mode: str
    events: np.ndarray  # [T] so far
    spent: np.ndarray  # [T, D] integrated hazard so far
    said: np.ndarray  # [T, D] sum of the log hazards of the units that failed, at their failures

    def evidence(self) -> np.ndarray:
        """Likelihood [T] of "all rates times some factor" over that of the model: a martingale while it holds.

        Given a law, a factor r makes r**N exp(-(r - 1) * spent) more likely what happened; r is averaged
        over its prior (closed form), laws over the model's posterior above and below the line.
        """
        n, k = self.events[:, None], DOUBT
        factor = k * np.log(k) - gammaln(k) + gammaln(k + n) - (k + n) * np.log(k + self.spent)
        above, below = (np.asarray(logsumexp(self.said + part, axis=1)) for part in (factor, -self.spent))
        return np.exp(np.minimum(above - below, LARGEST))

    def factor(self, seed: int = 0) -> tuple[float, float, float]:
        """By what factor failures come more often than the model says: mean and 90 % interval."""
        rng = np.random.default_rng(seed)
        drawn = rng.gamma(DOUBT + self.events[-1], 1.0 / (DOUBT + self.spent[-1]), (100, self.spent.shape[1]))
        low, high = np.quantile(drawn, [0.05, 0.95])
        return float(drawn.mean()), float(low), float(high)


def counts(
    facility: Facility, law: LearnedLaw, log: History, from_h: float, days: int, seed: int = 0
) -> list[Count]:
    """One count a mode over ``days`` days of a log from hour ``from_h`` on, what lay before giving the ages."""
    laws = law.draws(jax.random.key(seed), LAWS)
    index = {name: i for i, name in enumerate(facility.process_names)}
    found = []
    for name, (mode, processes) in modes(facility).items():
        seen = _later(expose(facility, [log], mode, processes), mode, from_h)
        if len(seen.time_h):
            place = np.array([index[p] for p in processes])[seen.process]
            hazard = _hazards(laws, seen.x, place, len(facility.knob))
            found.append(_counted(name, seen, mode, hazard, from_h, days))
    return found


def _later(seen: Exposure, mode: Mode, from_h: float) -> Exposure:
    """What lies after an hour; of a mode that ages, only lives whose age is known."""
    ageless = mode.law == "weibull" and mode.shape == 1.0
    return seen.cut((seen.time_h > from_h) & (seen.known | ageless))


def _counted(name: str, seen: Exposure, mode: Mode, hazard, from_h: float, days: int) -> Count:
    day = np.clip(((seen.time_h - from_h) // 24.0).astype(int), 0, days - 1)

    def by_day(value):
        daily = np.zeros((days, *value.shape[1:]))
        np.add.at(daily, day, value)
        return np.cumsum(daily, axis=0)

    events = seen.events[:, None]
    said = np.where(events > 0, np.log(np.maximum(hazard, 1e-300)), 0.0)
    return Count(name, by_day(seen.events), by_day(hazard * seen.spent(mode)[:, None]), by_day(events * said))


@eqx.filter_jit
def _batch(laws, x, place, knobs: int):
    one = lambda law, row, p: law(row[:knobs], row[knobs:]).hazard[p]  # noqa: E731
    return jax.vmap(lambda row, p: jax.vmap(one, in_axes=(0, None, None))(laws, row, p))(x, place)


def _hazards(laws, x, place, knobs: int) -> np.ndarray:
    """Hazards [S, D] of process ``place`` [S] at inputs [S, I], in batches of one fixed shape."""
    rows = len(x)
    x, place = np.pad(x, [(0, -rows % BATCH), (0, 0)], mode="edge"), np.pad(place, (0, -rows % BATCH))
    parts = [
        np.asarray(_batch(laws, x[i : i + BATCH], place[i : i + BATCH], knobs))
        for i in range(0, len(x), BATCH)
    ]
    return np.concatenate(parts)[:rows]

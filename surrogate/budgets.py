"""A test of whether failures are as frequent as the model predicts, from the ageing budgets between them."""

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
FACTOR_SHAPE = 2.0
"""Shape of the Gamma prior of the factor by which a rate may have changed: mean 1, 90 % within 0.18 ... 2.4."""

BATCH = 1024
LARGEST = 300.0  # cap of the logarithm of evidence, so that it stays finite


class Count(NamedTuple):
    """Failures of one mode, observed and expected by D laws from the posterior, after each of T days."""

    mode: str
    events: np.ndarray  # [T] cumulative count
    spent: np.ndarray  # [T, D] cumulative integrated hazard: the expected failures
    log_hazard: np.ndarray  # [T, D] sum of the log hazards of the units that failed, at their failures

    def evidence(self) -> np.ndarray:
        """Likelihood ratio [T] of "all rates times a factor" to the model: a martingale while the model holds.

        For a given law, a factor r multiplies the likelihood of the record by r**N exp(-(r - 1) * spent).
        The factor is averaged over its prior (closed form). Numerator and denominator are each averaged
        over the laws of the model's posterior.
        """
        n, k = self.events[:, None], FACTOR_SHAPE
        factor = k * np.log(k) - gammaln(k) + gammaln(k + n) - (k + n) * np.log(k + self.spent)
        above, below = (
            np.asarray(logsumexp(self.log_hazard + part, axis=1)) for part in (factor, -self.spent)
        )
        return np.exp(np.minimum(above - below, LARGEST))

    def factor(self, seed: int = 0) -> tuple[float, float, float]:
        """The factor by which failures are more frequent than the model predicts: mean and 90 % interval."""
        rng = np.random.default_rng(seed)
        drawn = rng.gamma(
            FACTOR_SHAPE + self.events[-1], 1.0 / (FACTOR_SHAPE + self.spent[-1]), (100, self.spent.shape[1])
        )
        low, high = np.quantile(drawn, [0.05, 0.95])
        return float(drawn.mean()), float(low), float(high)


def counts(
    facility: Facility, law: LearnedLaw, log: History, from_h: float, days: int, seed: int = 0
) -> list[Count]:
    """One count for each mode over ``days`` days of a log from hour ``from_h`` on; earlier hours give the ages."""
    laws = law.draws(jax.random.key(seed), LAWS)
    index = {name: i for i, name in enumerate(facility.process_names)}
    found = []
    for name, (mode, processes) in modes(facility).items():
        exposure = _later(expose(facility, [log], mode, processes), mode, from_h)
        if len(exposure.time_h):
            place = np.array([index[p] for p in processes])[exposure.process]
            hazard = _hazards(laws, exposure.x, place, len(facility.knob))
            found.append(_counted(name, exposure, mode, hazard, from_h, days))
    return found


def _later(exposure: Exposure, mode: Mode, from_h: float) -> Exposure:
    """The stretches after an hour; for a mode that ages, only those with a known age."""
    ageless = mode.law == "weibull" and mode.shape == 1.0
    return exposure.cut((exposure.time_h > from_h) & (exposure.known | ageless))


def _counted(name: str, exposure: Exposure, mode: Mode, hazard, from_h: float, days: int) -> Count:
    day = np.clip(((exposure.time_h - from_h) // 24.0).astype(int), 0, days - 1)

    def by_day(value):
        daily = np.zeros((days, *value.shape[1:]))
        np.add.at(daily, day, value)
        return np.cumsum(daily, axis=0)

    events = exposure.events[:, None]
    log_hazard = np.where(events > 0, np.log(np.maximum(hazard, 1e-300)), 0.0)
    return Count(
        name,
        by_day(exposure.events),
        by_day(hazard * exposure.spent(mode)[:, None]),
        by_day(events * log_hazard),
    )


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

"""Validation of a hazard: time rescaling, deviance against a constant rate, calibration by deciles."""

import numpy as np
from scipy.stats import chi2, kstest

from surrogate.baselines import block_bootstrap
from surrogate.exposure import Exposure
from surrogate.forms import Fit

FEWEST_FOR_KS = 5
FEWEST_FOR_DECILES = 20
POINTS = 21


def budgets(found: Fit, exposure: Exposure) -> np.ndarray:
    """The hazard spent between failures [N]: unit-exponential under the true hazard (time rescaling).

    The stretches of all processes are concatenated, as a unit-rate Poisson process allows. So only the very
    last budget is censored.
    """
    return np.diff(np.cumsum(found.expected(exposure))[exposure.events > 0], prepend=0.0)


def rescaled(found: Fit, exposure: Exposure) -> dict:
    """Kolmogorov-Smirnov p-value of the budgets, and their quantiles paired with those of the exponential (QQ).

    With fewer than 5 failures there is no p-value and no quantile. The test is lenient for a hazard that was
    fitted to the same failures.
    """
    spent = budgets(found, exposure)
    if len(spent) < FEWEST_FOR_KS:
        return {"ks_p": None, "qq": []}
    share = (np.arange(POINTS) + 0.5) / POINTS
    pairs = zip(-np.log1p(-share), np.quantile(spent, share), strict=True)
    return {"ks_p": float(kstest(spent, "expon").pvalue), "qq": [[float(e), float(o)] for e, o in pairs]}


def deviance(model: Fit, constant: Fit, exposure: Exposure, seed: int) -> dict:
    """Deviance of model and constant rate, with the interval of the difference by block bootstrap over days."""
    n = int(exposure.events.sum())
    if not n:
        return {
            "deviance": None, "deviance_constant": None, "low": None, "high": None, "better": False, "n": 0,
        }  # fmt: skip
    losses = [found.loss(exposure) for found in (model, constant)]
    daily = by_day(losses[0] - losses[1], exposure)
    low, high = (v * len(daily) for v in block_bootstrap(daily, seed))
    ours, theirs = (float(loss.sum()) for loss in losses)
    return {
        "deviance": ours, "deviance_constant": theirs, "low": low, "high": high, "better": ours < theirs, "n": n,
    }  # fmt: skip


def by_day(values: np.ndarray, exposure: Exposure) -> np.ndarray:
    """Sums of the stretches' values over the days of the log, in order."""
    day = np.floor(exposure.time_h / 24.0).astype(int)
    return np.bincount(day - day.min(), values)


def deciles(found: Fit, exposure: Exposure) -> list[dict]:
    """Failures expected and observed in each tenth of the hours, from the lowest hazard to the highest.

    The interval is the exact 90 % interval of the mean of a Poisson count; it should contain the expected
    number. The list is empty below 20 failures.
    """
    if exposure.events.sum() < FEWEST_FOR_DECILES:
        return []
    order = np.argsort(found.expected(exposure) / np.maximum(exposure.hours, 1e-12), kind="stable")
    hours = np.cumsum(exposure.hours[order])
    tenth = np.minimum((10.0 * (hours - 0.5 * exposure.hours[order]) / hours[-1]).astype(int), 9)
    expected = np.bincount(tenth, found.expected(exposure)[order], minlength=10)
    observed = np.bincount(tenth, exposure.events[order], minlength=10)
    return [
        {"decile": i + 1, "expected": float(e), "observed": int(n), "low": low, "high": high}
        for i, (e, n) in enumerate(zip(expected, observed, strict=True))
        for low, high in [poisson_interval(n)]
    ]


def poisson_interval(count: float) -> tuple[float, float]:
    """90 % interval of the mean of a Poisson count (Garwood)."""
    low = float(chi2.ppf(0.05, 2 * count) / 2) if count else 0.0
    return low, float(chi2.ppf(0.95, 2 * count + 2) / 2)

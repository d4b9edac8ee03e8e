"""Does a hazard hold: time rescaling, deviance against a constant rate, calibration by deciles."""

import numpy as np
from scipy.stats import chi2, kstest

from surrogate.baselines import block_bootstrap
from surrogate.exposure import Exposure
from surrogate.forms import Fit

FEWEST_FOR_KS = 5
FEWEST_FOR_DECILES = 20
POINTS = 21


def budgets(found: Fit, seen: Exposure) -> np.ndarray:
    """The hazard spent between failures [N]: unit-exponential under the true hazard (time rescaling).

    The processes' stretches are laid end to end, which a unit-rate Poisson process allows: so only the very
    last one is censored.
    """
    return np.diff(np.cumsum(found.expected(seen))[seen.events > 0], prepend=0.0)


def rescaled(found: Fit, seen: Exposure) -> dict:
    """Kolmogorov-Smirnov p-value of the budgets, and their quantiles beside the exponential's (QQ).

    None and nothing below 5 failures. Under a hazard that was fitted to the same failures it is lenient.
    """
    spent = budgets(found, seen)
    if len(spent) < FEWEST_FOR_KS:
        return {"ks_p": None, "qq": []}
    share = (np.arange(POINTS) + 0.5) / POINTS
    pairs = zip(-np.log1p(-share), np.quantile(spent, share), strict=True)
    return {"ks_p": float(kstest(spent, "expon").pvalue), "qq": [[float(e), float(o)] for e, o in pairs]}


def deviance(model: Fit, constant: Fit, seen: Exposure, seed: int) -> dict:
    """Deviance of model and constant rate; the interval of their difference is a block bootstrap over days."""
    n = int(seen.events.sum())
    if not n:
        return {
            "deviance": None, "deviance_constant": None, "low": None, "high": None, "better": False, "n": 0,
        }  # fmt: skip
    losses = [found.loss(seen) for found in (model, constant)]
    daily = by_day(losses[0] - losses[1], seen)
    low, high = (v * len(daily) for v in block_bootstrap(daily, seed))
    ours, theirs = (float(loss.sum()) for loss in losses)
    return {
        "deviance": ours, "deviance_constant": theirs, "low": low, "high": high, "better": ours < theirs, "n": n,
    }  # fmt: skip


def by_day(values: np.ndarray, seen: Exposure) -> np.ndarray:
    """Sums of the stretches' values over the days of the log, in order."""
    day = np.floor(seen.time_h / 24.0).astype(int)
    return np.bincount(day - day.min(), values)


def deciles(found: Fit, seen: Exposure) -> list[dict]:
    """Failures expected and observed where the hazard was lowest ... highest, a tenth of the hours each.

    The interval is that of the mean of a Poisson count (exact, 90 %): it should hold the expected number.
    Empty below 20 failures.
    """
    if seen.events.sum() < FEWEST_FOR_DECILES:
        return []
    order = np.argsort(found.expected(seen) / np.maximum(seen.hours, 1e-12), kind="stable")
    hours = np.cumsum(seen.hours[order])
    tenth = np.minimum((10.0 * (hours - 0.5 * seen.hours[order]) / hours[-1]).astype(int), 9)
    expected = np.bincount(tenth, found.expected(seen)[order], minlength=10)
    observed = np.bincount(tenth, seen.events[order], minlength=10)
    return [
        {"decile": i + 1, "expected": float(e), "observed": int(n), "low": low, "high": high}
        for i, (e, n) in enumerate(zip(expected, observed, strict=True))
        for low, high in [poisson_interval(n)]
    ]


def poisson_interval(count: float) -> tuple[float, float]:
    """90 % interval of the mean of a Poisson count (Garwood)."""
    low = float(chi2.ppf(0.05, 2 * count) / 2) if count else 0.0
    return low, float(chi2.ppf(0.95, 2 * count + 2) / 2)

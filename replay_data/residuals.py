"""Twin against record, hour by hour: what each quantity was measured to be and what a model says of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from replay_data.frames import frame
from replay_data.record import Log
from replay_data.window import Window

MONTH_H = 720.0
QUARTERS = 4

Predict = Callable[[np.ndarray, np.ndarray], tuple[Any, Any, Any]]
"""Settings [N, K] and conditions [N, C] to mean, low and high of one measurement, [N, Q] each."""


class Residual(NamedTuple):
    """Record minus twin of one quantity, in its unit."""

    hours: int  # steady hours in which it was measured
    bias: float
    mae: float
    coverage: float  # share of hours inside the model's 90 % interval
    quarters: list[float]  # bias in each quarter of the window
    drift: tuple[float, float, float]  # change of the bias in 30 days, with its 90 % interval


def residuals(view: Window, log: Log, predict: Predict) -> dict[str, Residual]:
    """The residuals of every quantity over the window's steady hours; nan where nothing was measured."""
    facility, data = view.facility, frame(log, view.facility, 1.0)
    data = data.isel(time=(data["time"].values >= view.from_h) & data["steady"].values)
    rows, hour = data.sizes["time"], data["time"].values - view.from_h
    settings = np.stack([data[k.name].values for k in facility.knob], -1)
    weather = [np.where(np.isnan(v), c.value, v) for c in facility.condition for v in [data[c.name].values]]
    conditions = np.stack(weather, -1) if weather else np.zeros((rows, 0))
    told = [np.asarray(part) for part in predict(settings, conditions)]
    return {
        q.name: _residual(hour, view.scenario.horizon_h, data[q.name].values, *(part[:, i] for part in told))
        for i, q in enumerate(facility.quantity)
    }


def _residual(hour, horizon_h: float, value, mean, low, high) -> Residual:
    seen = np.isfinite(value) & np.isfinite(mean)
    if not seen.any():
        return Residual(0, np.nan, np.nan, np.nan, [np.nan] * QUARTERS, (np.nan, np.nan, np.nan))
    hour, value, low, high = hour[seen], value[seen], low[seen], high[seen]
    error = value - mean[seen]
    part = np.minimum((hour * QUARTERS / horizon_h).astype(int), QUARTERS - 1)
    return Residual(
        int(seen.sum()),
        float(error.mean()),
        float(np.abs(error).mean()),
        float(((low <= value) & (value <= high)).mean()),
        [float(error[part == q].mean()) if (part == q).any() else np.nan for q in range(QUARTERS)],
        _drift(hour, error),
    )


def _drift(hour, error) -> tuple[float, float, float]:
    """Slope of a line through the means of days, in 30 days: hours of one day say much the same."""
    day, place = np.unique(hour // 24, return_inverse=True)
    if len(day) < 3:
        return np.nan, np.nan, np.nan
    daily = np.bincount(place, error) / np.bincount(place)
    line: Any = stats.linregress(day * 24.0 / MONTH_H, daily)
    half = stats.t.ppf(0.95, len(day) - 2) * line.stderr
    return float(line.slope), float(line.slope - half), float(line.slope + half)

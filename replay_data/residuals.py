"""Residuals, record minus twin: each measured quantity compared with a law's prediction, row by row."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from replay_data.view import LogView

QUARTERS, BLOCKS, DAY_H = 4, 8, 24.0

Predict = Callable[[np.ndarray, np.ndarray], tuple[Any, Any, Any]]
"""A function from settings [N, K] and conditions [N, C] to mean, low and high of one measurement, each [N, Q].

Unknown bounds are NaN.
"""


class Beside(NamedTuple):
    """One quantity as recorded and as predicted, in its unit: N rows, hourly or (tabular) one per stamp."""

    hour: np.ndarray  # [N] of the log
    value: np.ndarray  # [N] recorded, NaN where nothing was measured
    mean: np.ndarray  # [N] predicted
    low: np.ndarray  # [N] of the law's 90 % interval for one measurement
    high: np.ndarray  # [N] of that interval
    steady: np.ndarray  # [N] no knob moved and beam was stored

    @property
    def judged(self) -> np.ndarray:
        """Mask [N] of the rows that are used: steady, measured, and with a finite prediction."""
        return self.steady & np.isfinite(self.value) & np.isfinite(self.mean)


class Residual(NamedTuple):
    """Record minus twin of one quantity, in its unit, over the rows that are used."""

    rows: int
    bias: float
    mae: float
    coverage: float  # share of rows inside the law's 90 % interval; NaN for a law without intervals
    width: float  # median width of that interval
    quarters: list[float]  # bias in each quarter of the window
    drift: tuple[float, float, float]  # change of the bias over the window, with its 90 % interval


def beside(log: LogView, predict: Predict, from_h: float = 0.0) -> dict[str, Beside]:
    """Every quantity of a log, recorded and predicted, from ``from_h`` on."""
    facility, data = log.facility, log.frame
    data = data.isel(time=data["time"].values >= from_h)
    settings = np.stack([data[k.name].values for k in facility.knob], -1)
    conditions = [
        np.where(np.isnan(v), c.value, v) for c in facility.condition for v in [data[c.name].values]
    ]
    conditions = np.stack(conditions, -1) if conditions else np.zeros((len(settings), 0))
    mean, low, high = (np.asarray(part) for part in predict(settings, conditions))
    hour, steady = data["time"].values, data["steady"].values
    return {
        q.name: Beside(hour, data[q.name].values, mean[:, i], low[:, i], high[:, i], steady)
        for i, q in enumerate(facility.quantity)
    }


def residual(compared: Beside, from_h: float, hours: float) -> Residual:
    """The residual over a window of ``hours`` from ``from_h``; NaN if no rows can be used."""
    rows = compared.judged
    if not rows.any():
        return Residual(0, np.nan, np.nan, np.nan, np.nan, [np.nan] * QUARTERS, (np.nan, np.nan, np.nan))
    hour, value, mean, low, high = (column[rows] for column in compared[:5])
    error, share = value - mean, (hour - from_h) / hours
    part = np.minimum((share * QUARTERS).astype(int), QUARTERS - 1)
    known = bool(np.isfinite(low).any())
    return Residual(
        int(rows.sum()),
        float(error.mean()),
        float(np.abs(error).mean()),
        float(((low <= value) & (value <= high)).mean()) if known else np.nan,
        float(np.median(high - low)) if known else np.nan,
        [float(error[part == q].mean()) if (part == q).any() else np.nan for q in range(QUARTERS)],
        _drift(share, error, min(DAY_H / hours, 1.0 / BLOCKS)),
    )


def _drift(share: np.ndarray, error: np.ndarray, block: float) -> tuple[float, float, float]:
    """Rise over the window of a line through block means (blocks of a day, or an eighth of a window under eight days).

    Rows of one block are correlated, so each block counts once.
    """
    which, place = np.unique(np.floor(share / block), return_inverse=True)
    if len(which) < 3:
        return np.nan, np.nan, np.nan
    means, middles = (np.bincount(place, x) / np.bincount(place) for x in (error, share))
    line: Any = stats.linregress(middles, means)
    half = stats.t.ppf(0.95, len(which) - 2) * np.nan_to_num(line.stderr)  # NaN: all means are equal
    return float(line.slope), float(line.slope - half), float(line.slope + half)

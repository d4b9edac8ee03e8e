"""Baselines that a surrogate must beat on later time: mean, persistence, ridge, boosted and extra trees."""

from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from surrogate.samples import Samples

SMALL_ROWS = 2000
RESAMPLES = 1000
LATEST = "latest reading"


class Skill(NamedTuple):
    """Errors of a model on later time and those of the baselines; differences are model minus best baseline."""

    mae: float
    r2: float
    baselines: dict[str, dict[str, float]]
    best: str
    low: float  # 90 % interval of the difference in MAE, by block bootstrap
    high: float
    better: bool
    n: int


def predictions(train: Samples, test: Samples, q: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Each baseline's prediction [N] of quantity ``q`` for every row of ``test``; ``train`` lies before it.

    Two baselines use values of the test time. Persistence is the last value measured before the present
    settings were adopted: what an operator knows before new settings are tried. The latest reading is the
    last value measured before the row: it mostly repeats the result of the same settings.
    """
    known = np.isfinite(train.y[:, q])
    x, y = train.x[known], train.y[known, q]
    found = {
        "mean": np.full(len(test), y.mean()),
        "persistence": _before_settings(y[-1], test.y[:, q], test.x[:, : test.knobs]),
        LATEST: _latest(y[-1], test.y[:, q]),
    }
    with threadpool_limits(1):  # more threads than free cores made the trees 20 times slower
        for name, model in _learners(len(x), seed).items():
            found[name] = model.fit(x, y).predict(test.x)
    return found


def _learners(rows: int, seed: int) -> dict[str, Any]:
    """The baselines from scikit-learn. It is imported here, because using a stored model does not need it."""
    from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = {
        "ridge": make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15))),
        "boosted trees": HistGradientBoostingRegressor(random_state=seed),
    }
    if rows < SMALL_ROWS:
        found["extra trees"] = ExtraTreesRegressor(200, random_state=seed)
    return found


def _before_settings(last: float, y: np.ndarray, settings: np.ndarray) -> np.ndarray:
    """The last value measured before the settings [N, K] of each row were adopted."""
    moved = np.r_[True, (np.diff(settings, axis=0) != 0).any(1)]
    adopted = np.maximum.accumulate(np.where(moved, np.arange(len(y)), 0))
    return _latest(last, y)[adopted]


def _latest(last: float, y: np.ndarray) -> np.ndarray:
    """The last value measured before each row, ``last`` before the first."""
    before = np.concatenate([[last], y[:-1]])
    place = np.where(np.isfinite(before), np.arange(len(before)), 0)
    return before[np.maximum.accumulate(place)]


def skill(train: Samples, test: Samples, q: int, predicted: np.ndarray, seed: int = 0) -> Skill:
    """The skill of ``predicted`` [N] on quantity ``q`` of ``test`` against each baseline.

    The latest reading is reported but not ranked, because it answers another question (docs/decisions/0003).
    """
    known = np.isfinite(test.y[:, q])
    y = test.y[known, q]
    others = {name: p[known] for name, p in predictions(train, test, q, seed).items()}
    scores = {name: {"mae": _mae(y, p), "r2": _r2(y, p)} for name, p in others.items()}
    best = min((name for name in scores if name != LATEST), key=lambda name: scores[name]["mae"])
    ours = predicted[known]
    low, high = block_bootstrap(np.abs(y - ours) - np.abs(y - others[best]), seed)
    mae = _mae(y, ours)
    return Skill(
        mae, _r2(y, ours), scores, best, low, high, bool(mae < scores[best]["mae"]), int(known.sum())
    )


def _mae(y, p) -> float:
    return float(np.abs(y - p).mean())


def _r2(y, p) -> float:
    return float(1.0 - ((y - p) ** 2).sum() / max(((y - y.mean()) ** 2).sum(), 1e-300))


def block_bootstrap(values: np.ndarray, seed: int) -> tuple[float, float]:
    """90 % interval of the mean of values [N] in order of time.

    Blocks of consecutive rows are resampled with replacement, because neighbours in time are correlated.
    """
    n = len(values)
    block = int(np.clip(max(24, np.sqrt(n)), 1, max(n // 8, 1)))
    starts = np.arange(0, n, block)
    total, count = np.add.reduceat(values, starts), np.add.reduceat(np.ones(n), starts)
    pick = np.random.default_rng(seed).integers(0, len(starts), (RESAMPLES, len(starts)))
    low, high = np.quantile(total[pick].sum(1) / count[pick].sum(1), [0.05, 0.95])
    return float(low), float(high)

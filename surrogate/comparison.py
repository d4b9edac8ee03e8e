"""Comparison of two models on the same later rows: the difference of their errors with its interval."""

import numpy as np

from replay_data.record import Log
from replay_data.view import LogView
from surrogate import drift
from surrogate.conformal import stretches
from surrogate.ensemble import predict
from surrogate.monitor import later
from surrogate.registry import Model
from twin import UserError

RESAMPLES = 2000
FEWEST = 10


def compare(first: Model, second: Model, log: Log, seed: int = 0) -> list[dict]:
    """One row for each quantity: mean absolute error of both models, and second minus first with a 90 % interval.

    Only rows count that neither model was trained on. Errors within one stretch of settings are correlated,
    so the bootstrap resamples pieces of time (``drift.units``), not rows.
    """
    for model in (first, second):
        if model.facility.inputs != first.facility.inputs or log.facility != model.facility.name:
            raise UserError(
                "two models of one facility, with equal knobs and conditions, and its log are needed"
            )
    rows = min((later(model, LogView(log, model.facility)) for model in (first, second)), key=len)
    if not len(rows):
        raise UserError("no row of this log is later than what both models were trained on; give a later log")
    errors = [_absolute(model, rows) for model in (first, second)]
    group = stretches(rows.x[:, : rows.knobs])
    found = []
    for q, item in enumerate(first.facility.quantity):
        known = np.isfinite(errors[0][:, q])
        if known.any():
            pair = [error[known, q] for error in errors]
            place = drift.units(rows.time_h[known], pair[0][:, None], group[known]).row
            low, high, pieces = _interval(pair[1] - pair[0], place, seed)
            found.append({
                "target": item.name, "unit": item.unit, "rows": int(known.sum()), "pieces": pieces,
                "first": float(pair[0].mean()), "second": float(pair[1].mean()),
                "difference": float((pair[1] - pair[0]).mean()), "low": low, "high": high,
                "sure": bool((low or 0.0) > 0 or (high or 0.0) < 0),
            })  # fmt: skip
    return found


def _absolute(model: Model, rows) -> np.ndarray:
    """Absolute errors [N, Q] in the facility's units."""
    mean, _ = predict(model.law.quantities, rows.wide)
    return np.abs(rows.y - np.asarray(model.law.quantities.natural(mean)))


def _interval(difference, place, seed: int) -> tuple[float | None, float | None, int]:
    """90 % interval of the mean of differences [N] in pieces [N], and their number; None below FEWEST pieces."""
    total, count = np.bincount(place, difference), np.bincount(place)
    total, count = total[count > 0], count[count > 0]
    if len(count) < FEWEST:
        return None, None, len(count)
    pick = np.random.default_rng(seed).integers(0, len(count), (RESAMPLES, len(count)))
    low, high = np.quantile(total[pick].sum(1) / count[pick].sum(1), [0.05, 0.95])
    return float(low), float(high), len(count)

"""Monitoring: a test of the model in service on a new log, with a stated false-alarm rate and a diagnosis."""

from datetime import timedelta
from typing import Any

import equinox as eqx
import numpy as np

from replay_data.record import Log, instant
from replay_data.view import LogView
from surrogate import budgets, changes, conformal, coverage, drift
from surrogate.conformal import Errors
from surrogate.exposure import history
from surrogate.learned import LearnedLaw
from surrogate.registry import Model
from surrogate.samples import Samples, gather
from surrogate.support import distances
from twin import UserError

RATE = 0.01
OUTSIDE = 0.25  # share of the new rows with an input beyond the data, above which it is reported


def trained_until_h(card: dict, log: Log) -> float:
    """The hour of a log up to which a model was trained, 0 if it ends before the log starts."""
    ends = [instant(own["start"]) + timedelta(hours=own["hours"]) for own in card["logs"]]
    return max((max(ends) - instant(log.start)).total_seconds() / 3600.0, 0.0)


def later(model: Model, log: LogView) -> Samples:
    """The rows of a log that a model was not trained on."""
    samples = gather(model.facility, [(0.0, log.frame)])
    return samples.cut(samples.time_h > trained_until_h(model.entry.card, log.log))


def up_to_date(model: Model, log: LogView) -> LearnedLaw:
    """The law in service with its intervals adapted to the measurements of a log since it was trained.

    If the log ends before the end of training, or has too few usable rows, the intervals stay as calibrated.
    """
    if trained_until_h(model.entry.card, log.log) >= log.hours:
        return model.law
    try:
        rows = later(model, log)
    except UserError:
        return model.law
    band = conformal.adapted(model.law.band, coverage.errors(model.law.quantities, rows))
    return eqx.tree_at(lambda law: law.band, model.law, band)


def monitor(model: Model, log: Log, rate: float = RATE) -> dict:
    """The result as plain JSON values: ``holds``, ``words`` for a person, and the evidence.

    While the model holds, the probability of any alarm is at most ``rate``, however often the test is
    repeated as the log grows: an alarm needs a mean of all evidence of 1 / rate (``drift``, ``budgets``).
    """
    card, facility = model.entry.card, model.facility
    past = card.get("reference")
    if past is None:
        raise UserError(f"model {model.entry.id}: its card holds no errors to compare with; train again")
    view = LogView(log, facility)
    rows, from_h = later(model, view), trained_until_h(card, log)
    if not len(rows):
        raise UserError(
            f"the log ends where model {model.entry.id} was trained ({_date(log, from_h)}); give a later one"
        )
    near = _inside(model, rows)
    days = int(np.ceil((log.hours - from_h) / 24.0))
    inputs, rows = _inputs(model, rows, near), rows.cut(near)
    errors = coverage.errors(model.law.quantities, rows)
    scores = errors.scores(model.law.band)
    pieces = drift.units(rows.time_h, scores, errors.group)
    quantities = [
        _quantity(model, log, q, past.get(item.name, []), rows, errors, pieces, from_h, days)
        for q, item in enumerate(facility.quantity)
    ]
    counted = budgets.counts(facility, model.law, history(view), from_h, days)
    modes = [_mode(count) for count in counted]
    with_evidence = [row for row in (*quantities, *modes) if row["evidence"] is not None]
    return _verdict(model, log, rate, from_h, near, quantities, modes, with_evidence) | {"inputs": inputs}


def _quantity(
    model: Model, log: Log, q: int, past, rows, errors: Errors, pieces, from_h: float, days: int
) -> dict:
    item, law = model.facility.quantity[q], model.law
    known = np.isfinite(pieces.score[:, q])
    new = pieces.score[known, q]
    path = drift.evidence(past, new)
    found = {"name": item.name, "pieces": len(new), "reference": len(past), "evidence": None, "change": None}
    found |= {"watched": "level"}
    found |= {"coverage": dict.fromkeys(("calibrated", "adapted")), "words": ""}
    if not len(new):
        return found | {"words": f"{item.name} was not measured"}
    for name, way in (("calibrated", False), ("adapted", True)):
        found["coverage"][name] = float(np.nanmean(coverage.inside(law.band, errors, way)[:, q]))
    changed = _change(model, log, q, past, rows, errors, pieces, known)
    if path is None:
        return found | {
            "words": f"{item.name} cannot be tested: {len(past)} pieces of time to compare with, at least "
            f"{drift.FEWEST_UNITS} are needed; train on longer logs"
        }
    if drift.memory(np.asarray(past)).nonstationary:
        found |= {"watched": "sudden changes"}
    return found | {"evidence": _daily(pieces.time_h[known], path, from_h, days), **changed}


def _change(model: Model, log: Log, q: int, past, rows: Samples, errors: Errors, pieces, known) -> dict:
    """The change of a quantity, as numbers and in words."""
    facility, ensemble = model.facility, model.law.quantities
    measured = ensemble.modelled(rows.y)
    predicted = np.asarray(ensemble.natural(measured - errors.error))[:, q]
    usual = np.sqrt(np.mean(np.square(past))) if len(past) else 1.0
    typical = usual * np.asarray(model.law.band.scale(errors.spread))[:, q]
    typical = typical * predicted if np.asarray(ensemble.logged)[q] else typical
    value = np.stack([rows.y[:, q] - predicted, predicted, typical], axis=1)
    error, predicted, typical = drift.medians(value, pieces.row)[known].T
    inputs = drift.medians(rows.x, pieces.row)[known]
    found = changes.change(changes.Pieces(pieces.time_h[known], error, predicted, inputs, typical))
    every, item, since = (
        (*facility.knob, *facility.condition),
        facility.quantity[q],
        _date(log, found.since_h),
    )
    words = changes.describe(
        found, item.name, item.unit, [i.name for i in every], [i.unit for i in every], since
    )
    which = every[found.which].name if found.which >= 0 else None
    row = {"kind": found.kind, "since": since, "size": found.size, "input": which, "error": found.error}
    return {"change": row, "words": words}


def _mode(count: budgets.Count) -> dict:
    mean, low, high = count.factor()
    events, expected = int(count.events[-1]), float(count.spent[-1].mean())
    way = "more" if mean > 1 else "less"
    words = (
        f"{count.mode} fails {way} often than the model predicts: {events} times, {expected:.3g} expected; a factor "
        f"{mean:.2g} ({low:.2g} ... {high:.2g})"
    )
    return {"name": count.mode, "events": events, "expected": expected, "evidence": count.evidence(),
            "factor": {"mean": mean, "low": low, "high": high}, "words": words}  # fmt: skip


def _daily(time_h, path: np.ndarray, from_h: float, days: int) -> np.ndarray:
    """Evidence [days] at the end of each day."""
    ends = from_h + 24.0 * np.arange(1, days + 1)
    return np.concatenate([[1.0], path])[np.searchsorted(time_h, ends, side="right")]


def _verdict(
    model: Model, log: Log, rate: float, from_h: float, near, quantities, modes, with_evidence
) -> dict:
    """The result from the mean of all evidence: half the weight on the quantities, half on the failure modes."""
    kinds = [[row["evidence"] for row in rows if row["evidence"] is not None] for rows in (quantities, modes)]
    means = [np.mean(rows, axis=0) for rows in kinds if rows]
    whole = np.mean(means, axis=0) if means else np.ones(1)
    reached = np.flatnonzero(whole >= 1.0 / rate)
    alarming = [row for row in with_evidence if row["evidence"].max() >= 1.0 / rate] if len(reached) else []
    for row in with_evidence:
        row["evidence"] = float(row["evidence"].max())
        if not any(row is one for one in alarming):
            row.update({"words": ""} | ({"change": None} if "change" in row else {}))
    at = _date(log, from_h + 24.0 * (reached[0] + 1)) if len(reached) else None
    words = [row["words"] for row in sorted(alarming, key=lambda row: -row["evidence"])]
    words += [row["words"] for row in quantities if row["evidence"] is None]
    words += [
        f"{row['name']}: its errors drift so slowly that only sudden changes can be detected"
        for row in quantities
        if row["watched"] != "level" and row["evidence"] is not None and not row["words"]
    ]
    return {
        "schema": "beamtwin/monitor/1",
        "model": model.entry.id,
        "facility": model.facility.name,
        "log": str(getattr(log, "path", "")),
        "from": _date(log, from_h),
        "to": _date(log, log.hours),
        "judged": bool(means),
        "rows": {"judged": int(near.sum()), "beyond_the_data": int((~near).sum())},
        "holds": not len(reached),
        "false_alarm_rate": rate,
        "evidence": {"largest": float(whole.max()), "needed": 1.0 / rate, "reached": at},
        "quantities": quantities,
        "modes": modes,
        "words": words,
    }


def _inside(model: Model, rows: Samples) -> np.ndarray:
    """The rows [N] within the support; rows outside are not tested, because the model is not valid there."""
    data_support = model.law.seen
    assert data_support is not None, "a stored model has its support"
    return distances(data_support, rows.x[:, : rows.knobs], rows.x[:, rows.knobs :]) <= float(
        data_support.limit
    )


def _inputs(model: Model, rows: Samples, near: np.ndarray) -> list[dict[str, Any]]:
    """Inputs outside the range of the training data, with the share of the new rows in which they are."""
    assert model.law.seen is not None, "a stored model has its support"
    low, high = model.law.seen.ranges()
    beyond = (rows.x < low) | (rows.x > high)
    found = [
        {"name": name, "share": float(share), "low": float(low[i]), "high": float(high[i])}
        for i, (name, share) in enumerate(zip(model.facility.inputs, beyond.mean(0), strict=True))
        if share > OUTSIDE
    ]
    together = float((~near & ~beyond.any(1)).mean())
    if together > OUTSIDE:
        found.append({"name": "settings together", "share": together, "low": None, "high": None})
    return found


def _date(log: Log, hour: float) -> str:
    return (instant(log.start) + timedelta(hours=float(hour))).isoformat(timespec="minutes")

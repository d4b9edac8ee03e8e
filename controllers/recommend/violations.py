"""Which bound settings would violate, in words: the first that keeps them out of the envelope."""

import numpy as np

from controllers.recommend.case import Case
from controllers.recommend.envelope import Assessment
from twin.facility import Interlock, Quantity


def violation(this: Case, settings: np.ndarray) -> str | None:
    """The bound that settings [K], or the ramp to them, would violate, with values and units; None if allowed."""
    envelope = this.envelope
    if envelope.allowed(settings[None])[0]:
        return None
    target = envelope.assess(settings[None])
    found = _interlock(this, settings) or _predicted(this, target, envelope.limit, np.zeros(1))
    if found is None:
        ramp = envelope.assess(envelope.ramp_points(settings))
        found = _predicted(this, ramp, *envelope.ramp_tolerance())
        found = f"on the ramp, {found or 'a bound of the envelope'}"
    return found


def _interlock(this: Case, settings: np.ndarray) -> str | None:
    """The first interlock that settings [K] violate."""
    if this.space.inside(settings):
        return None
    here = this.named(settings)
    for lock in this.facility.interlock:
        value = sum(factor * here[name] for name, factor in lock.factor.items())
        low, high = (np.nan if bound is None else bound for bound in (lock.low, lock.high))
        if value < low or value > high:
            return f"the interlock {lock.title}: {_with_unit(f'{value:.4g}', lock.unit)}, {_bounds(lock)} allowed"
    return None


def _predicted(this: Case, assessment: Assessment, limit: float, slack: np.ndarray) -> str | None:
    """The first bound on a prediction that one of the assessed settings violates by more than ``slack`` [2 Q]."""
    rows, columns = np.nonzero(this.envelope.shortfall(assessment) > slack)
    if len(rows):
        row, q = int(rows[0]), int(columns[0]) % len(this.facility.quantity)
        quantity, low, high = this.facility.quantity[q], assessment.low[row, q], assessment.high[row, q]
        interval = _with_unit(f"{low:.3g} ... {high:.3g}", quantity.unit)
        return (
            f"the bound of {quantity.title}: predicted 90 % interval {interval}, {_bounds(quantity)} promised"
        )
    distance = float(assessment.distance.max())
    if distance > limit:
        return f"the support of the logs: distance {distance:.2f}, at most {limit:.2f} standard deviations of the data"
    known = (
        np.isfinite(distance) and np.isfinite(assessment.mean).all() and np.isfinite(assessment.hazard).all()
    )
    return (
        None if known else "the support of the logs: the model cannot predict every quantity and hazard there"
    )


def _bounds(item: Quantity | Interlock) -> str:
    ends = ("at least", item.low), ("at most", item.high)
    return ", ".join(_with_unit(f"{word} {bound:g}", item.unit) for word, bound in ends if bound is not None)


def _with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}".rstrip()

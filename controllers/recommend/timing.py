"""When to move: now, at the next refill or on the access day; a ramp in users' time may spoil their data."""

from dataclasses import dataclass, replace

import numpy as np

from controllers.evaluation import Interval, PolicyEvaluator, paired, quantile
from controllers.policy import Policy
from controllers.recommend.case import Case
from twin.outcome import Tally

DIGITS = 2  # of % useful beam: nobody waits for less


@dataclass(frozen=True)
class Moment:
    """A time to begin the ramp, and what the change then brings over the horizon."""

    name: str
    policy: Policy
    tally: Tally
    gain: Interval  # less the users' time that the ramp spoils
    disturbed_h: float  # of users' time
    disturbed_share: float  # of the users' time of the horizon


def moments(
    this: Case, wanted: Policy, tally: Tally, evaluator: PolicyEvaluator, present: np.ndarray
) -> list[Moment]:
    """The moments that this facility has; ``tally`` is that of beginning now, ``present`` [R] the score of holding."""
    found = []
    for name, policy in _begins(this, wanted):
        evaluated = evaluator.evaluate(policy) if policy.from_h else tally
        spoilt_h, share = _spoilt(this, policy)
        gain = paired(evaluator.score(evaluated) - share * present, present)
        found.append(Moment(name, policy, evaluated, gain, spoilt_h, share))
    return found


def net(this: Case, wanted: Policy, score: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The score [R] of beginning now, less what the ramp spoils, or that of a better moment: begun later, the gain is
    taken to come for the rest of the horizon only."""
    options = [
        (1.0 - policy.from_h / this.scenario.horizon_h) * (score - present)
        - _spoilt(this, policy)[1] * present
        for _, policy in _begins(this, wanted)
    ]
    return present + max(options, key=np.mean)


def _begins(this: Case, wanted: Policy) -> list[tuple[str, Policy]]:
    """(Name, policy from then on) of each moment within the horizon."""
    times = {"now": 0.0, "refill": this.refill_h, "access": this.access_h}
    return [
        (name, replace(wanted, from_h=at_h))
        for name, at_h in times.items()
        if at_h is not None and (name == "now" or 0.0 < at_h < this.scenario.horizon_h)
    ]


def _spoilt(this: Case, policy: Policy) -> tuple[float, float]:
    """Hours of users' time that a ramp disturbs, and their share of that of the horizon."""
    hours = disturbed(this, policy)
    return hours, hours / max(_users(this, 0.0, this.scenario.horizon_h), 1e-9)


def best(found: list[Moment], risk: float) -> Moment:
    """The earliest moment that no other beats in the ``risk`` quantile of the gain by more than shows in DIGITS."""
    sure = [quantile(moment.gain, risk) for moment in found]
    return next(m for m, worth in zip(found, sure, strict=True) if worth >= max(sure) - 10.0**-DIGITS)


def disturbed(this: Case, policy: Policy) -> float:
    """Hours of users' time in which a knob moves that disturbs them."""
    space, moving = this.space, np.array([k.disturbs for k in this.facility.knob])
    way_h = space.ramp_h(space.present, policy.wanted)  # all knobs move together, to the end
    far = np.abs(policy.wanted - space.present) > 0
    return _users(this, policy.from_h, policy.from_h + way_h) if (far & moving).any() else 0.0


def _users(this: Case, from_h: float, to_h: float) -> float:
    """Scheduled users' hours between two hours of the scenario."""
    ends = np.minimum(this.scenario.calendar.end_h, 1e9)
    starts = np.concatenate([[0.0], ends[:-1]])
    inside = np.minimum(ends, to_h) - np.maximum(starts, from_h)
    return float(np.maximum(inside, 0.0) @ this.scenario.calendar.user)

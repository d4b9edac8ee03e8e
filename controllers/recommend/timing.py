"""When to begin: now, at the next refill or on the access day; a ramp in user time may disturb users."""

from dataclasses import dataclass, replace

import numpy as np

from controllers.evaluation import Interval, PolicyEvaluator, paired, quantile
from controllers.policy import Policy
from controllers.recommend.case import Case
from twin.outcome import Tally

DIGITS = 2  # decimals of % useful beam: a later moment must bring more than shows in them


@dataclass(frozen=True)
class Moment:
    """A time to begin the ramp, and the gain over the horizon from beginning then."""

    name: str
    policy: Policy
    tally: Tally
    gain: Interval  # % useful beam, after subtraction of the user time that the ramp disturbs
    disturbed_h: float  # user time that the ramp disturbs
    disturbed_share: float  # its share of the user time of the horizon


def moments(
    this: Case, wanted: Policy, tally: Tally, evaluator: PolicyEvaluator, present: np.ndarray
) -> list[Moment]:
    """The moments of this facility with their gains.

    ``tally``: runs that begin now. ``present`` [R]: score of the present settings in the same runs.
    """
    found = []
    for name, policy in _begins(this, wanted):
        evaluated = evaluator.evaluate(policy) if policy.from_h else tally
        hours, share = _disturbed(this, policy)
        gain = paired(evaluator.score(evaluated) - share * present, present)
        found.append(Moment(name, policy, evaluated, gain, hours, share))
    return found


def net(this: Case, wanted: Policy, score: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The score [R] after subtraction of what the ramp disturbs, for the best moment to begin.

    ``score`` is that of beginning now. From a later moment the gain is assumed to count for the rest of the horizon.
    """
    options = [
        (1.0 - policy.from_h / this.scenario.horizon_h) * (score - present)
        - _disturbed(this, policy)[1] * present
        for _, policy in _begins(this, wanted)
    ]
    return present + max(options, key=np.mean)


def _begins(this: Case, wanted: Policy) -> list[tuple[str, Policy]]:
    """(Name, policy that begins then) of each moment within the horizon."""
    times = {"now": 0.0, "refill": this.refill_h, "access": this.access_h}
    return [
        (name, replace(wanted, from_h=at_h))
        for name, at_h in times.items()
        if at_h is not None and (name == "now" or 0.0 < at_h < this.scenario.horizon_h)
    ]


def _disturbed(this: Case, policy: Policy) -> tuple[float, float]:
    """Hours of user time that a ramp disturbs, and their share of the user time of the horizon."""
    hours = disturbed(this, policy)
    return hours, hours / max(_user_time(this, 0.0, this.scenario.horizon_h), 1e-9)


def best(found: list[Moment], risk: float) -> Moment:
    """The earliest moment whose ``risk`` quantile of the gain is within 10**-DIGITS of the best moment's."""
    quantiles = [quantile(moment.gain, risk) for moment in found]
    return next(
        m for m, value in zip(found, quantiles, strict=True) if value >= max(quantiles) - 10.0**-DIGITS
    )


def disturbed(this: Case, policy: Policy) -> float:
    """Hours of user time in which a knob moves that disturbs users."""
    space, disturbs = this.space, np.array([k.disturbs for k in this.facility.knob])
    ramp_h = space.ramp_h(space.present, policy.wanted)  # all knobs move together, to the end
    moves = np.abs(policy.wanted - space.present) > 0
    return _user_time(this, policy.from_h, policy.from_h + ramp_h) if (moves & disturbs).any() else 0.0


def _user_time(this: Case, from_h: float, to_h: float) -> float:
    """Hours of scheduled user time between two hours of the scenario."""
    ends = np.minimum(this.scenario.calendar.end_h, 1e9)
    starts = np.concatenate([[0.0], ends[:-1]])
    inside = np.minimum(ends, to_h) - np.maximum(starts, from_h)
    return float(np.maximum(inside, 0.0) @ this.scenario.calendar.user)

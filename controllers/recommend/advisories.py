"""Rules for advisories: when a recommendation is shown unasked, with hysteresis, deadbands and a rate limit.

Alarms should come at most once in ten minutes in the steady state (EEMUA publication 191, Alarm systems). Advisories
keep the same limit, whatever the input.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

EVERY_H = 1.0 / 6.0  # least time between two advisories, EEMUA 191
REASONS = {
    "clock": "the clock stopped or went backwards",
    "stale": "the data are stale",
    "no beam": "there is no beam",
    "expired": "the recommendation has expired",
    "outside": "the settings would leave the envelope",
    "small": "the lower end of the gain's interval is too small",
    "there": "the machine already has the proposed settings",
    "answered": "an operator has answered it and the situation has hardly changed since",
    "standing": "it has been raised and still stands",
    "soon": "another was raised less than ten minutes ago",
    "unsettled": "it differs from the advisory that stands, but has not held still for long enough",
}
"""Why an advisory is suppressed, by key, in the order in which the conditions are checked."""


@dataclass(frozen=True)
class Rules:
    """Thresholds of the advisory rules; gains are in % useful beam. All values are assumed."""

    # Hysteresis: an advisory is raised if the lower end of the gain's interval is above the first threshold, and
    # cleared if it is below the second, so that noise does not raise it again.
    raise_above: float = 0.10
    clear_below: float = 0.03
    deadband: float = (
        0.05  # share of a knob's range, or its precision if larger: nearer settings count as equal
    )
    settle_h: float = (
        1.0 / 12.0
    )  # a proposal that replaces the standing one must have been constant for so long

    def __post_init__(self):
        if not 0.0 <= self.clear_below < self.raise_above:
            raise ValueError(
                f"clear_below = {self.clear_below:g} and raise_above = {self.raise_above:g} make no hysteresis; "
                "expected 0 <= clear_below < raise_above"
            )

    def band(self, low, high, precision: Iterable[int] = ()) -> np.ndarray:
        """The deadband [K] of knobs with limits ``low`` and ``high`` [K] and ``precision`` decimals."""
        range_ = np.asarray(high, float) - np.asarray(low, float)
        steps = np.array([10.0**-digits for digits in precision])
        return np.maximum(self.deadband * range_, steps if len(steps) else 0.0)


@dataclass(frozen=True, eq=False)
class Seen:
    """The observation at one moment: the machine and the newest recommendation."""

    time_h: float
    present: np.ndarray  # [K]
    proposed: np.ndarray | None  # [K]; None if no change is recommended
    sure: float  # lower end of the 90 % interval of the expected gain, % useful beam
    fresh: bool = True
    beam: bool = True
    valid: bool = True  # the recommendation has not expired
    inside: bool = True  # the proposal lies inside the envelope
    answer: tuple[int, str] | None = (
        None  # an operator's decision on this recommendation: ledger entry, decision
    )


@dataclass(frozen=True, eq=False)
class Topic:
    """A situation for which an advisory was raised, or which an operator answered."""

    present: np.ndarray  # [K]
    proposed: np.ndarray  # [K]
    sure: float
    answer: tuple[int, str] | None = None


@dataclass(frozen=True, eq=False)
class State:
    """The state of the advisory rules between two observations."""

    now_h: float = -np.inf
    raised_h: float = -np.inf
    raised: int = 0
    standing: Topic | None = None  # raised and not cleared
    answered: Topic | None = None
    settling: Seen | None = (
        None  # first observation of a proposal that has not been constant for ``settle_h``
    )
    suppressed: dict[str, int] = field(default_factory=dict)  # observations by reason


@dataclass(frozen=True, eq=False)
class Advisory:
    """A message that the page shows unasked, once."""

    time_h: float
    proposed: np.ndarray  # [K]
    sure: float


def step(state: State, observation: Seen, band: np.ndarray, rules: Rules) -> tuple[State, Advisory | None]:
    """The state after one observation, and the advisory that it raises, if any.

    An observation counts as suppressed where a change is recommended that is surely better than the present settings,
    and no advisory is raised.
    """
    if not state.now_h < observation.time_h < np.inf:
        return _suppressed(state, "clock") if _recommended(observation) else state, None
    state = _updated(replace(state, now_h=observation.time_h), observation, rules)
    if not _recommended(observation):
        return state, None
    reason = _reason_against(state, observation, band, rules)
    state = replace(state, settling=None if reason else _settling(state, observation, band))
    reason = reason or _too_early(state, observation, rules)
    if reason is not None:
        return _suppressed(state, reason), None
    assert observation.proposed is not None
    topic = Topic(observation.present, observation.proposed, observation.sure)
    state = replace(
        state, raised_h=observation.time_h, raised=state.raised + 1, standing=topic, settling=None
    )
    return state, Advisory(observation.time_h, observation.proposed, observation.sure)


def words(state: State) -> str:
    """How many observations were suppressed, by reason, the most frequent first."""
    rows = sorted(state.suppressed.items(), key=lambda row: -row[1])
    return "; ".join(f"{count} as {REASONS[reason]}" for reason, count in rows)


def _recommended(observation: Seen) -> bool:
    """Whether a change is recommended that is surely better than the present settings."""
    return observation.proposed is not None and observation.sure > 0.0


def _updated(state: State, observation: Seen, rules: Rules) -> State:
    """The state with a new answer stored, and the standing advisory cleared where its gain is below the threshold."""
    answered = state.answered
    if (
        observation.answer
        and observation.proposed is not None
        and np.isfinite(observation.proposed).all()
        and (answered is None or answered.answer != observation.answer)
    ):
        state = replace(
            state,
            answered=Topic(observation.present, observation.proposed, observation.sure, observation.answer),
        )
    cleared = observation.proposed is None or not observation.sure >= rules.clear_below
    return replace(state, standing=None) if cleared and observation.fresh else state


def _reason_against(state: State, observation: Seen, band: np.ndarray, rules: Rules) -> str | None:
    """The key of the first reason against an advisory; None if there is none."""
    assert observation.proposed is not None
    if not (
        np.isfinite(observation.present).all()
        and np.isfinite(observation.proposed).all()
        and np.isfinite(observation.sure)
    ):
        return "stale"
    answered, standing = state.answered, state.standing
    tests = {
        "stale": not observation.fresh,
        "no beam": not observation.beam,
        "expired": not observation.valid,
        "outside": not observation.inside,
        "small": standing is None and not observation.sure > rules.raise_above,
        "there": _near(observation.present, observation.proposed, band),
        "answered": answered is not None and _unchanged(answered, observation, band, rules),
        "standing": standing is not None and _near(standing.proposed, observation.proposed, band),
    }
    return next((reason for reason, holds in tests.items() if holds), None)


def _settling(state: State, observation: Seen, band: np.ndarray) -> Seen:
    """The observation since which the proposal has been constant within the deadband."""
    begun = state.settling
    if begun is None or begun.proposed is None or observation.proposed is None:
        return observation
    return begun if _near(begun.proposed, observation.proposed, band) else observation


def _too_early(state: State, observation: Seen, rules: Rules) -> str | None:
    """The key of the reason to wait: the rate limit, or a replacement of the standing advisory that has not settled."""
    if observation.time_h - state.raised_h < EVERY_H:
        return "soon"
    begun = state.settling
    unsettled = begun is not None and observation.time_h - begun.time_h < rules.settle_h
    return "unsettled" if unsettled and state.standing is not None else None


def _unchanged(answered: Topic, observation: Seen, band: np.ndarray, rules: Rules) -> bool:
    """Whether the situation is still that of an answer, within the deadbands.

    After "accept" the present settings may move, since the ramp is under way.
    """
    if observation.proposed is None or not _near(answered.proposed, observation.proposed, band):
        return False
    accepted = answered.answer is not None and answered.answer[1] == "accept"
    same = (
        _near(answered.present, observation.present, band)
        and observation.sure <= answered.sure + rules.raise_above
    )
    return accepted or same


def _near(one: np.ndarray, other: np.ndarray, band: np.ndarray) -> bool:
    return bool((np.abs(one - other) <= band).all())


def _suppressed(state: State, reason: str) -> State:
    counts = Counter(state.suppressed)
    counts[reason] += 1
    return replace(state, suppressed=dict(counts))

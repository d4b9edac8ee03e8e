"""When a standing recommendation may speak up unasked: rarely, surely, and never twice of the same thing.

Alarms should come at most once in ten minutes in the steady state (EEMUA publication 191, Alarm systems); advisories
are no alarms and must not add to them, so they keep to the same budget whatever comes in.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

EVERY_H = 1.0 / 6.0  # EEMUA 191
REASONS = {
    "clock": "the clock stands or went back",
    "stale": "the data are stale",
    "no beam": "there is no beam",
    "expired": "the recommendation has expired",
    "outside": "the settings would leave the envelope",
    "small": "the sure part of the gain is small",
    "there": "the settings are already there",
    "answered": "an operator has answered it and little has moved since",
    "standing": "it has been raised and still stands",
    "soon": "another was raised less than ten minutes ago",
    "unsettled": "it differs from what stands, but has not held still for long enough",
}
"""Why an advisory is suppressed, in the order in which it is asked."""


@dataclass(frozen=True)
class Rules:
    """When to speak; the bounds on the gain are in its own unit (percent of useful beam). All values are assumed."""

    # The sure part of the gain that raises an advisory, and that below which it is taken back: less, so that
    # jitter raises nothing anew.
    raise_above: float = 0.10
    clear_below: float = 0.03
    deadband: float = 0.05  # of a knob's range, or its precision if that is more: as near is the same
    settle_h: float = 1.0 / 12.0  # so long another proposal than what stands must hold still to be raised

    def __post_init__(self):
        if not 0.0 <= self.clear_below < self.raise_above:
            raise ValueError(
                f"clear_below = {self.clear_below:g} and raise_above = {self.raise_above:g} make no hysteresis; "
                "expected 0 <= clear_below < raise_above"
            )

    def band(self, low, high, precision: Iterable[int] = ()) -> np.ndarray:
        """The deadband [K] of knobs with limits [K] and so many decimals each."""
        range_ = np.asarray(high, float) - np.asarray(low, float)
        steps = np.array([10.0**-digits for digits in precision])
        return np.maximum(self.deadband * range_, steps if len(steps) else 0.0)


@dataclass(frozen=True, eq=False)
class Seen:
    """The machine and what stands recommended at one moment."""

    time_h: float
    present: np.ndarray  # [K]
    proposed: np.ndarray | None  # [K] None: nothing is recommended
    sure: float  # lower end of the interval of the expected gain
    fresh: bool = True
    beam: bool = True
    valid: bool = True  # the recommendation has not expired
    inside: bool = True  # what is proposed lies inside the envelope
    answer: tuple[int, str] | None = None  # an operator's on this very recommendation: its number, and what


@dataclass(frozen=True, eq=False)
class Topic:
    """What was raised, or answered."""

    present: np.ndarray  # [K]
    proposed: np.ndarray  # [K]
    sure: float
    answer: tuple[int, str] | None = None


@dataclass(frozen=True, eq=False)
class State:
    """What the gate remembers."""

    now_h: float = -np.inf
    raised_h: float = -np.inf
    raised: int = 0
    standing: Topic | None = None  # raised and not taken back
    answered: Topic | None = None
    settling: Seen | None = None  # the first look at the proposal that is not yet, or just, settled
    suppressed: dict[str, int] = field(default_factory=dict)  # looks by reason


@dataclass(frozen=True, eq=False)
class Advisory:
    """Said once, unasked."""

    time_h: float
    proposed: np.ndarray  # [K]
    sure: float


def step(state: State, seen: Seen, band: np.ndarray, rules: Rules) -> tuple[State, Advisory | None]:
    """The gate after one look at the machine, and the advisory that it lets through.

    A look counts as suppressed where a page without a gate would have spoken: something is recommended and surely
    better than the present settings.
    """
    if not state.now_h < seen.time_h < np.inf:
        return _suppressed(state, "clock") if _wanted(seen) else state, None
    state = _remembered(replace(state, now_h=seen.time_h), seen, rules)
    if not _wanted(seen):
        return state, None
    reason = _against(state, seen, band, rules)
    state = replace(state, settling=None if reason else _settling(state, seen, band))
    reason = reason or _too_early(state, seen, rules)
    if reason is not None:
        return _suppressed(state, reason), None
    assert seen.proposed is not None
    topic = Topic(seen.present, seen.proposed, seen.sure)
    state = replace(state, raised_h=seen.time_h, raised=state.raised + 1, standing=topic, settling=None)
    return state, Advisory(seen.time_h, seen.proposed, seen.sure)


def words(state: State) -> str:
    """What was suppressed, by reason, the most frequent first."""
    rows = sorted(state.suppressed.items(), key=lambda row: -row[1])
    return "; ".join(f"{count} as {REASONS[reason]}" for reason, count in rows)


def _wanted(seen: Seen) -> bool:
    return seen.proposed is not None and seen.sure > 0.0


def _remembered(state: State, seen: Seen, rules: Rules) -> State:
    """The state with an answer noted, and what stood taken back where nothing is gained any more."""
    told = state.answered
    if (
        seen.answer
        and seen.proposed is not None
        and np.isfinite(seen.proposed).all()
        and (told is None or told.answer != seen.answer)
    ):
        state = replace(state, answered=Topic(seen.present, seen.proposed, seen.sure, seen.answer))
    gone = seen.proposed is None or not seen.sure >= rules.clear_below
    return replace(state, standing=None) if gone and seen.fresh else state


def _against(state: State, seen: Seen, band: np.ndarray, rules: Rules) -> str | None:
    """The first reason against speaking."""
    assert seen.proposed is not None
    if not (np.isfinite(seen.present).all() and np.isfinite(seen.proposed).all() and np.isfinite(seen.sure)):
        return "stale"
    told, standing = state.answered, state.standing
    tests = {
        "stale": not seen.fresh,
        "no beam": not seen.beam,
        "expired": not seen.valid,
        "outside": not seen.inside,
        "small": standing is None and not seen.sure > rules.raise_above,
        "there": _near(seen.present, seen.proposed, band),
        "answered": told is not None and _unmoved(told, seen, band, rules),
        "standing": standing is not None and _near(standing.proposed, seen.proposed, band),
    }
    return next((reason for reason, holds in tests.items() if holds), None)


def _settling(state: State, seen: Seen, band: np.ndarray) -> Seen:
    """The look since which the proposal has held still."""
    begun = state.settling
    if begun is None or begun.proposed is None or seen.proposed is None:
        return seen
    return begun if _near(begun.proposed, seen.proposed, band) else seen


def _too_early(state: State, seen: Seen, rules: Rules) -> str | None:
    """Why what may be said is not said yet: what stands is followed by another only once that has settled."""
    if seen.time_h - state.raised_h < EVERY_H:
        return "soon"
    begun = state.settling
    unsettled = begun is not None and seen.time_h - begun.time_h < rules.settle_h
    return "unsettled" if unsettled and state.standing is not None else None


def _unmoved(told: Topic, seen: Seen, band: np.ndarray, rules: Rules) -> bool:
    """Whether the situation is still that of an answer, within the deadbands; what was accepted is on its way."""
    if seen.proposed is None or not _near(told.proposed, seen.proposed, band):
        return False
    accepted = told.answer is not None and told.answer[1] == "accept"
    same = _near(told.present, seen.present, band) and seen.sure <= told.sure + rules.raise_above
    return accepted or same


def _near(one: np.ndarray, other: np.ndarray, band: np.ndarray) -> bool:
    return bool((np.abs(one - other) <= band).all())


def _suppressed(state: State, reason: str) -> State:
    counts = Counter(state.suppressed)
    counts[reason] += 1
    return replace(state, suppressed=dict(counts))

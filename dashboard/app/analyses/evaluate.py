"""Off-policy evaluation of a policy on a log; a replay by the twin where the log has too little evidence."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from controllers.off_policy import candidate, estimate
from controllers.off_policy.epochs import Epochs, epochs
from controllers.off_policy.estimate import Evaluation
from dashboard.app import bounds
from dashboard.app.analyses.policy_file import policy_of
from dashboard.app.analyses.replay_law import Twin, reach, twin_of, with_same_random_events
from dashboard.app.progress import staged
from replay_data import replay
from replay_data.otherwise import Policy
from replay_data.runlog import open_log
from replay_data.view import LogView
from twin import Space, UserError
from twin.errors import unknown
from twin.types import Json, Progress

REPLAYED_H = 672.0
READING, ESTIMATING, REPLAYING = (
    "reading the epochs",
    "estimating the gain",
    "replaying with the same random events",
)


@dataclass(frozen=True)
class Request:
    """A log and a candidate policy: settings held, changes of each setting, or a function in a file."""

    facility: str
    log: str
    settings: dict[str, float] = field(default_factory=dict)  # held throughout
    shift: dict[str, float] = field(default_factory=dict)  # added to each setting
    policy: str | None = None  # FILE.py:NAME, a function (hour, settings, conditions) -> settings
    width: float = 0.05  # of the region around the settings, share of the range
    every_h: float = 24.0  # length of an epoch
    outcome: str | None = None  # a quantity; default: useful beam (of rows: the first flux)
    model: str | None = None  # default: the one in service
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.share(width=self.width)
        bounds.above_zero(every_h=self.every_h)
        bounds.seed(self.seed)
        if sum(map(bool, (self.settings, self.shift, self.policy))) != 1:
            raise UserError("a candidate is needed: give exactly one of settings, shift and policy")


@dataclass(frozen=True)
class Answer:
    """The evaluation of a candidate, and the change by the twin where the log cannot tell."""

    candidate: str  # as text
    outcome: str | None
    found: Evaluation
    by_the_twin: Json | None


class Candidate(NamedTuple):
    """A candidate policy: its title, its choice of settings, and its settings [R, N, K] in the epochs of a log."""

    title: str
    choose: Policy
    proposed: Callable[[Epochs], np.ndarray]


def run(request: Request, progress: Progress) -> Answer:
    """Evaluate a candidate on a log."""
    twin = twin_of(request.facility, request.model)
    asked = wanted(request, Space.of(twin.facility))
    progress = staged(progress, {READING: 2.0, ESTIMATING: 3.0, REPLAYING: 5.0})
    with open_log(request.log) as log:
        progress(READING, 0.0)
        view = LogView(log, twin.facility)
        recorded = epochs(view, request.every_h, request.outcome or "")
        proposed = asked.proposed(recorded)
        progress(ESTIMATING, 0.0)
        found = estimate.evaluate(
            recorded, proposed, Space.of(twin.facility).names, estimate.bounds(twin.facility)
        )
        progress(ESTIMATING, 1.0)
        unsure = found.verdict == "cannot tell"
        other = _by_the_twin(view, twin, asked, request, progress) if unsure else None
    return Answer(asked.title, request.outcome, found, other)


def wanted(request: Request, space: Space) -> Candidate:
    """The candidate policy of a request."""
    if request.shift:
        by = np.zeros(len(space.names))
        by[_places(space, request.shift)] = list(request.shift.values())
        title = ", ".join(f"{name} {value:+g}" for name, value in request.shift.items())
        return Candidate(
            f"as operators chose, {title}",
            lambda hour, held, conditions: space.step(held, held + by, np.inf),
            lambda recorded: candidate.shifted(space, recorded.settings, by),
        )
    if request.policy:
        title, choose = f"policy {request.policy}", policy_of(request.policy)
    else:
        title = ", ".join(f"{name} = {value:g}" for name, value in request.settings.items())
        choose = _held(space, request.settings)

    def proposed(recorded: Epochs) -> np.ndarray:
        rows = zip(recorded.hour, recorded.settings, recorded.conditions, strict=True)
        chosen = np.array([_checked(space, choose, *row) for row in rows])
        return candidate.region(space, recorded.settings, chosen, request.width, seed=request.seed)

    return Candidate(f"{title}, each within about {100 * request.width:g} % of its range", choose, proposed)


def _places(space: Space, changes: dict[str, float]) -> list[int]:
    for name in changes:
        if name not in space.names:
            raise unknown("knob", name, space.names)
    return [space.names.index(name) for name in changes]


def _held(space: Space, changes: dict[str, float]) -> Policy:
    """A policy that holds knobs at values; where an interlock forbids them, as near as it allows."""
    places = _places(space, changes)
    for k, (name, value) in zip(places, changes.items(), strict=True):
        if not space.low[k] <= value <= space.high[k]:
            limits = f"{space.low[k]:g} ... {space.high[k]:g} {space.units[k]}"
            raise UserError(f"{name} = {value:g} {space.units[k]} lies outside {limits}")

    def choose(hour: float, held: np.ndarray, conditions: np.ndarray) -> np.ndarray:
        moved = held.copy()
        moved[places] = list(changes.values())
        return space.step(held, moved, np.inf)

    return choose


def _checked(
    space: Space, choose: Policy, hour: float, held: np.ndarray, conditions: np.ndarray
) -> np.ndarray:
    """The settings that a policy chose. Only moved knobs must keep the limits: means over an epoch are rounded."""
    chosen = np.asarray(choose(float(hour), held.copy(), conditions.copy()), float)
    if chosen.shape != held.shape:
        raise UserError(
            f"policy at hour {hour:g}: it returned {chosen.size} settings, the facility has {held.size}: "
            f"{', '.join(space.names)}"
        )
    if (chosen != held).any():
        space.check(np.where(chosen == held, space.clip(held), chosen))
    return chosen


def _by_the_twin(
    log: LogView, twin: Twin, asked: Candidate, request: Request, progress: Progress
) -> Json | None:
    """The change of useful beam in a replay with the same random events; None without a model or a log over time."""
    if twin.model is None or log.tabular or request.outcome:
        return None
    progress(REPLAYING, 0.0)
    view = replay.window(log, REPLAYED_H)
    changed = replay.by_policy(view, asked.choose)
    found = with_same_random_events(view, changed, twin, request.seed)
    progress(REPLAYING, 1.0)
    mean, low, high = found.change("useful_beam")
    return {"model": twin.model.entry.id, "from_h": view.from_h, "mean": mean, "low": low, "high": high,
            "reach": reach(view, changed, twin).words}  # fmt: skip


def as_json(answer: Answer) -> Json:
    """The answer as plain JSON values."""
    found = answer.found
    gains = {name: gain._asdict() for name, gain in found.gains.items()}
    promises = [p._asdict() | {"broken": p.broken} for p in found.promises]
    more = {"policy": answer.candidate, "gains": gains, "promises": promises}
    return found._asdict() | more | {"by_the_twin": answer.by_the_twin}

"""The limit on advisories applied to a log: advisories raised, and those not raised by reason."""

from dataclasses import dataclass

from controllers.recommend.advised import Advised, advised
from controllers.recommend.case import Effort, case
from dashboard.app import bounds
from replay_data.runlog import open_log
from replay_data.view import LogView
from surrogate import registry
from twin import Space, UserError, load
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """A log over time; only its last ``days``, if given."""

    facility: str
    log: str
    days: float | None = None
    model: str | None = None  # default: the one in service
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.seed(self.seed)
        if self.days is not None:
            bounds.above_zero(days=self.days)


@dataclass(frozen=True)
class Answer:
    """The advisories raised and not raised, and the knobs."""

    found: Advised
    space: Space


def run(request: Request, progress: Progress) -> Answer:
    """Evaluate the advisory rules at each minute of a log."""
    facility = load(request.facility)
    model = registry.load(request.model, facility.name)
    with open_log(request.log) as log:
        if log.tabular:
            raise UserError(
                f"{request.log}: a tabular log has no times to step through; give a log over time"
            )
        from_h = max(log.hours - 24.0 * request.days, 0.0) if request.days else 0.0
        view = LogView(log, model.facility)
        problem = case(model, view, Effort().horizon_h)
        found = advised(problem, view, request.seed, progress, from_h=from_h)
    return Answer(found, Space.of(model.facility))


def as_json(answer: Answer) -> Json:
    """The answer as plain JSON values."""
    found, names = answer.found, answer.space.names
    return {
        "hours": found.hours,
        "renewed": found.renewed,
        "ungated": found.ungated,
        "suppressed": found.state.suppressed,
        "advisories": [
            {
                "time_h": a.time_h,
                "sure": a.sure,
                "settings": dict(zip(names, a.proposed.tolist(), strict=True)),
            }
            for a in found.advisories
        ],
    }

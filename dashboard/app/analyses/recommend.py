"""One recommendation from a log and a model: settings to change now, with expected gain and reasons."""

from dataclasses import dataclass

from controllers.recommend import recommend
from controllers.recommend.case import Effort
from controllers.recommendation import Recommendation
from dashboard.app import bounds
from dashboard.app.progress import staged
from replay_data.runlog import open_log
from surrogate import registry
from twin import Facility, load
from twin.types import Json, Progress

STAGES = {
    "reading the log": 1.0,
    "preparing the runs": 25.0,
    "searching for better settings": 50.0,
    "judging the best": 3.0,
    "finding which knob brings what": 12.0,
    "replaying the last weeks": 9.0,
}
"""The stages of a recommendation and the share of the time that each takes, as measured on a storage ring."""


@dataclass(frozen=True)
class Request:
    """A log and a model; ``risk`` is the quantile of the expected gain that is maximised."""

    facility: str
    log: str
    model: str | None = None  # default: the one in service
    risk: float = 0.10
    horizon_h: float = 672.0
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.share(risk=self.risk)
        bounds.above_zero(horizon_h=self.horizon_h)
        bounds.seed(self.seed)


@dataclass(frozen=True)
class Answer:
    """The recommendation, and the calibrated facility of its model."""

    recommendation: Recommendation
    facility: Facility

    @property
    def refused(self) -> bool:
        """Whether the model may not be used to recommend anything."""
        return self.recommendation.verdict == "refuse"


def run(request: Request, progress: Progress) -> Answer:
    """Search, select, evaluate on hold-out runs."""
    facility = load(request.facility)
    progress = staged(progress, STAGES)
    progress("reading the log", 0.0)
    model = registry.load(request.model, facility.name)
    with open_log(request.log) as log:
        effort = Effort(risk=request.risk, horizon_h=request.horizon_h)
        made = recommend(model, log, request.seed, effort, progress)
    return Answer(made, model.facility)


def as_json(answer: Answer) -> Json:
    """The recommendation as plain JSON values."""
    return answer.recommendation.stored()

"""Test of the model in service on a later log."""

from dataclasses import dataclass
from pathlib import Path

from dashboard.app import bounds
from replay_data.runlog import open_log
from surrogate import registry
from surrogate.monitor import monitor
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """A log later than the training logs; ``rate`` is the probability of a false alarm while the model holds."""

    log: str
    facility: str | None = None  # default: that of the log
    model: str | None = None  # default: the one in service
    rate: float = 0.01
    folder: str | None = None  # of the registry

    def __post_init__(self) -> None:
        bounds.share(rate=self.rate)


@dataclass(frozen=True)
class Answer:
    """The evidence against a model, by quantity and by failure mode (``surrogate.monitor``)."""

    found: Json

    @property
    def holds(self) -> bool:
        """Whether the evidence against the model is not enough to reject it."""
        return bool(self.found["holds"])


def run(request: Request, progress: Progress) -> Answer:
    """Compute the evidence of a log against the model; the model is not changed."""
    folder = Path(request.folder) if request.folder else None
    progress("testing the model", 0.0)
    with open_log(request.log) as log:
        model = registry.load(request.model, request.facility or log.facility, folder)
        found = monitor(model, log, request.rate)
    progress("testing the model", 1.0)
    return Answer(found)


def as_json(answer: Answer) -> Json:
    """The answer as plain JSON values."""
    return answer.found

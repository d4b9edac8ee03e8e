"""Whether the model in service still holds on a later log."""

from dataclasses import dataclass
from pathlib import Path

from dashboard.app import bounds
from replay_data.runlog import open_log
from surrogate import registry
from surrogate.monitor import monitor
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """A log later than those the model has learned from; ``rate`` is that of false alarms while it holds."""

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
        """Whether the evidence is too little to give the model up."""
        return bool(self.found["holds"])


def run(request: Request, progress: Progress) -> Answer:
    """Weigh the evidence of a log; nothing is learned."""
    folder = Path(request.folder) if request.folder else None
    progress("watching the model", 0.0)
    with open_log(request.log) as log:
        model = registry.load(request.model, request.facility or log.facility, folder)
        found = monitor(model, log, request.rate)
    progress("watching the model", 1.0)
    return Answer(found)


def as_json(answer: Answer) -> Json:
    """The same as plain JSON values."""
    return answer.found

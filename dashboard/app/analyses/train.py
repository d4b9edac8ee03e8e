"""Training of surrogates and calibration of the twin on logs; the model is stored in the registry."""

from dataclasses import dataclass
from pathlib import Path

from dashboard.app import bounds
from replay_data.runlog import open_log
from surrogate import registry
from surrogate.checkpoint import Checkpoint
from surrogate.registry import Entry
from surrogate.train import train
from twin import UserError, load
from twin.home import home
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """Logs of one facility; the model is stored in the registry, or in another folder."""

    facility: str
    logs: tuple[str, ...]
    folder: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.seed(self.seed)
        if not self.logs:
            raise UserError("train needs a facility and its logs; name both")


@dataclass(frozen=True)
class Answer:
    """The stored model, and the id of the one in service."""

    entry: Entry
    in_service: str | None

    @property
    def usable(self) -> bool:
        """Whether the model may be used for recommendations."""
        return bool(self.entry.card["usable"])


def run(request: Request, progress: Progress) -> Answer:
    """Train and store a model. An interrupted training is resumed."""
    facility = load(request.facility)
    logs = [open_log(path) for path in request.logs]
    try:
        checkpoint = Checkpoint(home() / "training" / facility.name)
        trained = train(facility, logs, request.seed, progress, keep=checkpoint)
    finally:
        for log in logs:
            log.close()
    folder = Path(request.folder) if request.folder else None
    entry = registry.save(trained.law, trained.card, trained.facility, folder)
    return Answer(entry, registry.in_service(facility.name, entry.path.parent))


def as_json(answer: Answer) -> Json:
    """The model's card."""
    return answer.entry.card

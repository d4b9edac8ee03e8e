"""Surrogates and calibration learned from logs, and the model stored."""

from dataclasses import dataclass
from pathlib import Path

from dashboard.app import bounds
from replay_data.runlog import open_log
from surrogate import registry
from surrogate.checkpoint import Checkpoint
from surrogate.registry import Entry
from surrogate.train import train as learn
from twin import UserError, load
from twin.home import home
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """Logs of one facility; the model goes into the registry, or into another folder."""

    facility: str
    logs: tuple[str, ...]
    folder: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.seed(self.seed)
        if not self.logs:
            raise UserError("train learns from logs of a facility; name both")


@dataclass(frozen=True)
class Answer:
    """The stored model, and the id of the one that is in service."""

    entry: Entry
    serving: str | None

    @property
    def usable(self) -> bool:
        """Whether recommendations may be made with it."""
        return bool(self.entry.card["usable"])


def run(request: Request, progress: Progress) -> Answer:
    """Learn and store; a training that was killed goes on where it was."""
    facility = load(request.facility)
    logs = [open_log(path) for path in request.logs]
    try:
        keep = Checkpoint(home() / "training" / facility.name)
        trained = learn(facility, logs, request.seed, progress, keep=keep)
    finally:
        for log in logs:
            log.close()
    folder = Path(request.folder) if request.folder else None
    entry = registry.save(trained.law, trained.card, trained.facility, folder)
    return Answer(entry, registry.in_service(facility.name, entry.path.parent))


def as_json(answer: Answer) -> Json:
    """The model's card."""
    return answer.entry.card

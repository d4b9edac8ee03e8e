"""A synthetic operations log: the twin run with the physics of a hidden plant."""

from dataclasses import dataclass

from dashboard.app import bounds
from replay_data.runlog import write
from replay_data.synthesize import start_of, synthesize
from twin import load
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """Days of a facility to write to a file: from ``start``, or up to ``end``, or up to now (ISO 8601)."""

    facility: str
    output: str
    start: str | None = None
    end: str | None = None
    days: float = 240.0
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.above_zero(days=self.days)
        bounds.seed(self.seed)


@dataclass(frozen=True)
class Answer:
    """The written log: its path, length and numbers of samples and faults."""

    path: str
    facility: str
    days: float
    samples: int
    faults: int
    seed: int


def run(request: Request, progress: Progress) -> Answer:
    """Simulate the hidden plant and write its log."""
    facility = load(request.facility)
    start = request.start or start_of(request.days, request.end)
    record = synthesize(facility, request.days, request.seed, start, progress)
    write(record, request.output)
    faults = len(record.tables["faults"]["process"])
    samples = sum(len(c.value) for c in record.channels.values())
    return Answer(request.output, facility.name, request.days, samples, faults, request.seed)


def as_json(answer: Answer) -> Json:
    """The answer as plain JSON values."""
    return dict(vars(answer))

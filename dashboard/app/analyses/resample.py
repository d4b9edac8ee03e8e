"""Resampling of a log to a regular clock, as a run-log or as one table."""

from dataclasses import dataclass
from pathlib import Path

from dashboard.app import bounds
from replay_data.resampled import Account, Resampled, save
from replay_data.runlog import open_log
from twin.types import Json, Progress


@dataclass(frozen=True)
class Request:
    """A log, the file to write (its ending gives the format), the width of the bins and their statistic."""

    log: str
    output: str
    every_h: float
    how: str = "mean"
    judged: bool = False  # leave out stuck sensors and spikes too

    def __post_init__(self) -> None:
        bounds.above_zero(every_h=self.every_h)


@dataclass(frozen=True)
class Answer:
    """The written file, and how many samples of each channel were used."""

    path: Path
    bins: int
    accounts: list[Account]


def run(request: Request, progress: Progress) -> Answer:
    """Resample and write."""
    path = Path(request.output)
    with open_log(request.log) as log:
        resampled = Resampled(log, request.every_h, request.how, request.judged, progress)
        save(resampled, path)
    return Answer(path, resampled.time_h.size, list(resampled.accounts.values()))


def as_json(answer: Answer) -> list[Json]:
    """One row for each channel, as plain JSON values."""
    return [vars(account) for account in answer.accounts]

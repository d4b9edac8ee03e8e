"""Jobs: long analyses that a person or a program submits, watches, cancels, and reads the result of."""

import json
from pathlib import Path
from typing import Any

from dashboard.app import requests
from dashboard.app.roles import Person, refusal
from dashboard.app.store.jobs import Job, JobStore
from twin.errors import UserError
from twin.home import home
from twin.types import Json

NEEDS = {"train": "train"}  # analyses that need more than the role to run one


class NoSuchJob(UserError):
    """A number that no job has."""


class NoResult(UserError):
    """A job that waits, runs, or ended without a result."""


class Jobs:
    """The jobs of one folder. A ``Runner`` runs them, in this process or in another."""

    def __init__(self, folder: Path | None = None, analyses: str = requests.ANALYSES) -> None:
        self.folder = folder or home()
        self.analyses = analyses
        self.store = JobStore(self.folder / "jobs.sqlite")

    def submit(self, analysis: str, arguments: Json, person: Person) -> int:
        """Queue an analysis with JSON arguments; the job's number. What could not run is refused at once."""
        _check(person, NEEDS.get(analysis, "run"))
        requests.request(analysis, arguments, self.analyses)
        return self.store.add(analysis, arguments, person.name)

    def status(self, number: int) -> Job:
        """One job: its state, what it is doing and the part done."""
        found = self.store.get(number)
        if found is None:
            raise NoSuchJob(f"there is no job {number}")
        return found

    def latest(self, limit: int = 100) -> list[Job]:
        """The latest jobs, newest first."""
        return self.store.latest(limit)

    def cancel(self, number: int, person: Person) -> None:
        """Stop a job that waits or runs; its process is ended within two seconds. One that has ended stays as it is."""
        _check(person, "run")
        self.status(number)
        self.store.cancel(number)

    def result(self, number: int) -> Any:
        """What a job found, as plain JSON values."""
        job = self.status(number)
        text = self.store.result(number)
        if text is None:
            reason = f": {job.message}" if job.message else ""
            raise NoResult(f"job {number} is {job.state}, so it has no result{reason}")
        return json.loads(text)

    def events(self, number: int) -> list[Json]:
        """What happened to a job, oldest first: ``at`` and ``text``."""
        self.status(number)
        return self.store.events(number)


def _check(person: Person, action: str) -> None:
    reason = refusal(person, action)
    if reason:
        raise UserError(reason)

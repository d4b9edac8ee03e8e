"""Jobs: long analyses that a person or a program can submit, follow and cancel, and whose result they can read."""

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
    """There is no job with this number."""


class NoResult(UserError):
    """The job is queued, running, or ended without a result."""


class Jobs:
    """The jobs of one folder. A ``Runner`` runs them, in this process or in another."""

    def __init__(self, folder: Path | None = None, analyses: str = requests.ANALYSES) -> None:
        self.folder = folder or home()
        self.analyses = analyses
        self.store = JobStore(self.folder / "jobs.sqlite")

    def submit(self, analysis: str, arguments: Json, person: Person) -> int:
        """Queue an analysis with JSON arguments and return the job's number. Raises UserError for invalid arguments."""
        _check(person, NEEDS.get(analysis, "run"))
        requests.request(analysis, arguments, self.analyses)
        return self.store.add(analysis, arguments, person.name)

    def status(self, number: int) -> Job:
        """One job with its state and progress."""
        found = self.store.get(number)
        if found is None:
            raise NoSuchJob(f"there is no job {number}")
        return found

    def latest(self, limit: int = 100) -> list[Job]:
        """The latest jobs, newest first."""
        return self.store.latest(limit)

    def cancel(self, number: int, person: Person) -> None:
        """Cancel a queued or running job; its process ends within two seconds. A job that has ended is not changed."""
        _check(person, "run")
        self.status(number)
        self.store.cancel(number)

    def result(self, number: int) -> Any:
        """The result of a job as plain JSON values."""
        job = self.status(number)
        text = self.store.result(number)
        if text is None:
            reason = f": {job.message}" if job.message else ""
            raise NoResult(f"job {number} is {job.state}, so it has no result{reason}")
        return json.loads(text)

    def events(self, number: int) -> list[Json]:
        """The events of a job, oldest first, each with ``at`` and ``text``."""
        self.status(number)
        return self.store.events(number)


def _check(person: Person, action: str) -> None:
    reason = refusal(person, action)
    if reason:
        raise UserError(reason)

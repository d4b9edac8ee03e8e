"""Jobs: queued, run in processes of their own, watched, cancelled; their results outlive the server."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dashboard.app.jobs import Jobs, NoSuchJob
from dashboard.app.roles import Person, Role
from dashboard.app.runner import Runner, died
from dashboard.app.store.jobs import Job
from twin import UserError

ROOT = Path(__file__).parent.parent
OKADA = Person("M. Okada")
PATIENCE_S = 120.0  # on a machine that is busy with other work


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path, "job_analyses")


def steps(jobs: Jobs, count: int = 1, person: Person = OKADA, **more: object) -> int:
    return jobs.submit("steps", {"steps": count, **more}, person)


def until(jobs: Jobs, number: int, *states: str, what=lambda job: True) -> Job:
    """Wait until a job is in one of these states, and ``what`` holds of it."""
    last = time.monotonic() + PATIENCE_S
    while time.monotonic() < last:
        job = jobs.status(number)
        if job.state in states and what(job):
            return job
        time.sleep(0.05)
    pytest.fail(f"still {jobs.status(number)}")


def texts(jobs: Jobs, number: int) -> list[str]:
    return [event["text"] for event in jobs.events(number)]


def test_a_job_runs_reports_its_progress_and_leaves_its_result(jobs):
    with Runner(jobs):
        number = steps(jobs, 3, wait_s=2.0)
        seen = until(jobs, number, "running", what=lambda job: job.part > 0.0)
        assert seen.part < 1.0 and seen.reported_at and seen.started_at
        done = until(jobs, number, "done")
    assert jobs.result(number) == {"steps": 3, "gain": None}
    assert (done.person, done.arguments) == ("M. Okada", {"steps": 3, "wait_s": 2.0})
    said = texts(jobs, number)
    assert said[:2] == ["queued", "running"] and said[-1] == "done"
    assert [text for text in said if text.startswith("step")] == ["step 1", "step 2", "step 3"]


def test_signs_of_life_come_while_an_analysis_says_nothing(jobs):
    with Runner(jobs):
        number = steps(jobs, 1, wait_s=3600.0)
        first = until(jobs, number, "running", what=lambda job: job.text == "step 1").reported_at
        until(jobs, number, "running", what=lambda job: job.reported_at != first)


def test_jobs_start_in_their_order_as_many_at_once_as_there_are_workers(jobs):
    numbers = [steps(jobs, 1, wait_s=wait_s) for wait_s in (3600.0, 3600.0, 0.0)]
    with Runner(jobs, workers=2):
        for number in numbers[:2]:
            until(jobs, number, "running", what=lambda job: job.text == "step 1")
        assert jobs.status(numbers[2]).state == "queued"
        jobs.cancel(numbers[0], OKADA)
        until(jobs, numbers[2], "done")
        assert jobs.status(numbers[1]).state == "running"
    started = [jobs.status(number).started_at for number in numbers]
    assert started == sorted(started)
    assert [job.id for job in jobs.latest(2)] == numbers[:0:-1]


def test_a_job_is_cancelled_while_it_waits_or_runs_and_one_that_has_ended_stays(jobs):
    with Runner(jobs, workers=1):
        running, waiting = steps(jobs, 1, wait_s=3600.0), steps(jobs)
        until(jobs, running, "running", what=lambda job: job.text == "step 1")
        jobs.cancel(waiting, OKADA)
        assert jobs.status(waiting).state == "cancelled"
        jobs.cancel(running, OKADA)
        until(jobs, running, "cancelled")
        done = steps(jobs)
        until(jobs, done, "done")
        jobs.cancel(done, OKADA)
        assert jobs.status(done).state == "done"
    with pytest.raises(UserError, match=f"job {running} is cancelled, so it has no result"):
        jobs.result(running)


@pytest.mark.parametrize(
    "end, message",
    [
        ("mistake", "the log is empty; give another"),
        ("defect", "A defect of this program, IndexError: list index out of range"),
        ("exit", "The job's process ended with status 7 and left no result."),
    ],
)
def test_a_job_that_fails_says_why_and_the_next_one_runs(jobs, end, message):
    with Runner(jobs, workers=1):
        number, after = steps(jobs, end=end), steps(jobs)
        assert until(jobs, number, "failed").message == message
        until(jobs, after, "done")


def test_a_process_that_is_killed_is_told_in_words():
    assert died(-signal.SIGKILL) == (
        "The job's process was ended by SIGKILL; the machine may be short of memory."
    )


SERVER = """
import sys, time
from pathlib import Path
from dashboard.app.jobs import Jobs
from dashboard.app.runner import Runner
if __name__ == "__main__":
    sys.path.insert(0, "tests")
    with Runner(Jobs(Path(sys.argv[1]), "job_analyses"), workers=1):
        time.sleep(3600)
"""


def test_after_a_server_that_died_its_job_is_interrupted_its_results_are_there_and_the_queue_goes_on(jobs):
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(jobs.folder)], cwd=ROOT)
    try:
        done, cut = steps(jobs), steps(jobs, 1, wait_s=3600.0)
        until(jobs, done, "done")
        until(jobs, cut, "running", what=lambda job: job.text == "step 1")
        with Runner(jobs):  # the second runner of a folder waits, and disturbs nothing
            waiting = steps(jobs)
            assert jobs.status(cut).state == "running"
            os.kill(server.pid, signal.SIGKILL)
            until(jobs, cut, "interrupted")
            until(jobs, waiting, "done")
    finally:
        server.kill()
        server.wait()
    again = Jobs(jobs.folder, "job_analyses")
    assert again.result(done) == {"steps": 1, "gain": None}
    assert again.status(cut).message == "The server stopped before this job had ended."


def test_closing_the_runner_interrupts_what_runs(jobs):
    with Runner(jobs):
        number = steps(jobs, 1, wait_s=3600.0)
        until(jobs, number, "running", what=lambda job: job.text == "step 1")
    assert jobs.status(number).state == "interrupted"


@pytest.mark.parametrize(
    "analysis, arguments, words",
    [
        ("stepps", {}, "unknown analysis 'stepps'; known are: steps"),
        ("helper", {}, "unknown analysis 'helper'; known are: steps"),
        ("steps", {"stepps": 1}, "unknown argument of steps 'stepps'; known are: steps, wait_s, end, runs"),
        ("steps", {}, "argument steps of steps: field required"),
        ("steps", {"steps": "many"}, "argument steps of steps 'many': input should be a valid integer"),
        ("steps", {"steps": -1}, "steps = -1 is below 0"),
    ],
)
def test_what_could_not_run_is_refused_before_it_is_queued(jobs, analysis, arguments, words):
    with pytest.raises(UserError, match=words):
        jobs.submit(analysis, arguments, OKADA)
    assert jobs.latest() == []


def test_a_viewer_starts_and_cancels_nothing_and_only_an_engineer_trains(jobs):
    viewer = Person("V. Novak", Role.VIEWER)
    with pytest.raises(UserError, match=r"V\. Novak is a viewer and may not run; this needs an operator"):
        steps(jobs, person=viewer)
    number = steps(jobs)
    with pytest.raises(UserError, match="may not run"):
        jobs.cancel(number, viewer)
    with pytest.raises(UserError, match=r"is an operator and may not train; this needs an engineer"):
        jobs.submit("train", {}, OKADA)
    with pytest.raises(UserError, match="unknown analysis"):
        jobs.submit("train", {}, Person("E. Lang", Role.ENGINEER))


def test_a_number_that_no_job_has_is_named(jobs):
    for ask in (jobs.status, jobs.result, jobs.events):
        with pytest.raises(NoSuchJob, match="there is no job 7"):
            ask(7)


def test_a_process_that_cannot_be_started_fails_its_job_and_the_next_one_runs(jobs, monkeypatch):
    start, failures = Runner._start, [OSError("Cannot allocate memory")]

    def once(runner, number):
        if failures:
            raise failures.pop()
        return start(runner, number)

    monkeypatch.setattr(Runner, "_start", once)
    first, second = steps(jobs), steps(jobs)
    with Runner(jobs):
        until(jobs, second, "done")
    assert jobs.status(first).state == "failed"
    assert "could not be started: Cannot allocate memory" in jobs.status(first).message

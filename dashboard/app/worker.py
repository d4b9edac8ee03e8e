"""The process of one job: it runs the analysis, and a thread reports the progress."""

import multiprocessing
import os
import signal
import threading
import traceback
from pathlib import Path

from dashboard.app import requests
from dashboard.app.store.files import json_text
from dashboard.app.store.jobs import JobStore
from twin.errors import UserError
from twin.jax_setup import keep_compiled

REPORT_S = 0.5
ORPHANED = 3  # exit status


def work(path: Path, number: int, analyses: str) -> None:
    """Run one job and write its result, or the reason of its failure, into the table of jobs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server handles Ctrl-C and ends its workers
    keep_compiled(path.parent / "compiled")
    store = JobStore(path)
    latest = Latest(store, number)
    reporting = threading.Thread(target=_report, args=(latest,), daemon=True)
    reporting.start()
    state, message, result = _outcome(store, number, analyses, latest)
    latest.ended.set()
    reporting.join()
    store.end(number, state, message, result)


class Latest:
    """The newest progress of a job, set by its analysis at any rate."""

    def __init__(self, store: JobStore, number: int) -> None:
        self.store, self.number = store, number
        self.now = ("starting", 0.0)
        self.ended = threading.Event()
        self._writing = threading.Lock()  # two threads write: never an older text after a newer one

    def progress(self, text: str, part: float) -> None:
        """Store the progress; a new text is written to the table at once."""
        before, self.now = self.now, (text, float(part))
        if text != before[0]:
            self.write()

    def write(self) -> None:
        """Write it into the table of jobs."""
        with self._writing:
            self.store.report(self.number, *self.now)


def _report(latest: Latest) -> None:
    """Write the newest progress twice a second; end the process if the server has ended."""
    parent = multiprocessing.parent_process()
    while True:
        latest.write()
        if latest.ended.wait(REPORT_S):
            latest.write()
            return
        if parent is not None and not parent.is_alive():
            os._exit(ORPHANED)


def _outcome(store: JobStore, number: int, analyses: str, latest: Latest) -> tuple[str, str, str | None]:
    """Run the analysis; return the state, message and result of the job."""
    job = store.get(number)
    assert job is not None, "a job is never deleted"
    try:
        request = requests.request(job.analysis, job.arguments, analyses)
        module = requests.analysis(job.analysis, analyses)
        answer = module.as_json(module.run(request, latest.progress))
        return "done", "", json_text(answer)
    except UserError as error:
        return "failed", str(error), None
    except Exception as error:
        traceback.print_exc()  # into the terminal of the server
        return "failed", f"A defect of this program, {type(error).__name__}: {error}", None

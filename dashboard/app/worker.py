"""What runs in a job's own process: the analysis, and a thread that reports its progress."""

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
    """Run one job to its end and write what it found, or why it failed, into the table of jobs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends its workers
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
    """The newest progress of a job, which its analysis sets as often as it likes."""

    def __init__(self, store: JobStore, number: int) -> None:
        self.store, self.number = store, number
        self.now = ("starting", 0.0)
        self.ended = threading.Event()
        self._writing = threading.Lock()  # two threads write: never an older text after a newer one

    def progress(self, text: str, part: float) -> None:
        """Note what is being done and the part done; another text is written at once."""
        before, self.now = self.now, (text, float(part))
        if text != before[0]:
            self.write()

    def write(self) -> None:
        """Write it into the table of jobs."""
        with self._writing:
            self.store.report(self.number, *self.now)


def _report(latest: Latest) -> None:
    """Write the newest progress twice a second; leave when the server is no more."""
    parent = multiprocessing.parent_process()
    while True:
        latest.write()
        if latest.ended.wait(REPORT_S):
            latest.write()
            return
        if parent is not None and not parent.is_alive():
            os._exit(ORPHANED)


def _outcome(store: JobStore, number: int, analyses: str, latest: Latest) -> tuple[str, str, str | None]:
    """State, message and result of a job that was run to its end."""
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
        traceback.print_exc()  # into the server's terminal, for whoever mends it
        return "failed", f"A defect of this program, {type(error).__name__}: {error}", None

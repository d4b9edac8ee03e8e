"""The runner of jobs: it takes queued jobs in order and runs each in a process of its own."""

import fcntl
import multiprocessing
import os
import signal
import sqlite3
import threading
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import IO

from dashboard.app import worker
from dashboard.app.jobs import Jobs

POLL_S = 0.1
TERMINATE_S = 1.0  # a process that has not ended so long after SIGTERM is killed


def default_workers() -> int:
    """Half of the cores, at least one, so that the page stays responsive while jobs run."""
    return max(1, (os.cpu_count() or 2) // 2)


class Runner:
    """Runs the jobs of one folder until it is closed. Of several runners on a folder, only one is active.

    Processes are spawned, not forked, because forking breaks the threads of JAX.
    """

    def __init__(self, jobs: Jobs, workers: int | None = None) -> None:
        self.jobs, self.workers = jobs, workers or default_workers()
        self._running: dict[int, BaseProcess] = {}
        self._lock: IO[str] | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)

    def __enter__(self) -> "Runner":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End all running jobs and mark them as interrupted."""
        self._closed.set()
        self._thread.join()

    def _loop(self) -> None:
        try:
            while not self._closed.wait(POLL_S):
                with suppress(sqlite3.OperationalError):  # the table is locked: try again in the next step
                    if self._lock or self._take_over():
                        self._step()
        finally:
            self._close()

    def _take_over(self) -> bool:
        """Become the active runner if there is no other; jobs that the last one left running are interrupted."""
        lock = (self.jobs.folder / "jobs.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released by the system when this process ends
        except OSError:
            lock.close()
            return False
        try:
            self.jobs.store.interrupt()
        except sqlite3.Error:  # tried again in the next step
            lock.close()
            raise
        self._lock = lock
        return True

    def _step(self) -> None:
        store = self.jobs.store
        for number in [n for n, process in self._running.items() if not process.is_alive()]:
            process = self._running[number]
            store.end(
                number, "failed", died(process.exitcode)
            )  # no effect if the worker has recorded its end
            self._running.pop(number).close()
        for number in store.to_cancel():
            store.end(number, "cancelled")
            if number in self._running:
                _stop(self._running.pop(number))
        while len(self._running) < self.workers and (job := store.claim()):
            try:
                self._running[job.id] = self._start(job.id)
            except OSError as error:  # no memory or no process to be had now: the next job may start
                store.end(job.id, "failed", f"The job's process could not be started: {error}.")

    def _start(self, number: int) -> BaseProcess:
        arguments = (self.jobs.store.path, number, self.jobs.analyses)
        process = multiprocessing.get_context("spawn").Process(
            target=worker.work, args=arguments, daemon=True
        )
        process.start()
        return process

    def _close(self) -> None:
        for process in self._running.values():
            _stop(process)
        if self._lock:
            self.jobs.store.interrupt()
            self._lock.close()


def _stop(process: BaseProcess) -> None:
    """End a process now. A job has no partial results, so nothing else is lost."""
    process.terminate()
    process.join(TERMINATE_S)
    if process.exitcode is None:
        process.kill()
        process.join()
    process.close()


def died(exitcode: int | None) -> str:
    """Why a process ended without a result, as text."""
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = "; the machine may be short of memory" if name == "SIGKILL" else ""
        return f"The job's process was ended by {name}{hint}."
    return f"The job's process ended with status {exitcode} and left no result."

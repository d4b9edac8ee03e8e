"""Recovery from a failure: diagnosis, spare, access, crew, repair, conditioning."""

from typing import TYPE_CHECKING

from twin.facility import Mode
from twin.reference.crews import Job

if TYPE_CHECKING:
    from twin.reference.failures import FailureProcess
    from twin.reference.run import Run


class Recovery:
    """Recovery from the failures of one process, step by step.

    Diagnosis (fixed time), a spare from store, access to the tunnel, a crew member for the repair (drawn time),
    conditioning (fixed time, nobody in the tunnel). A step that the mode does not need takes no time. The trace
    records the end of each step before the repair, the begin of the repair and the return to service:
    "diagnosed", "spare", "access", "repair", "fixed"; and "paused", "resumed" of an interrupted repair.
    """

    def __init__(self, run: "Run", p: int, mode: Mode):
        self.run, self.p, self.mode = run, p, mode
        self.hours = run.repair_h[p]
        self.store = run.spare_stores[mode.spare] if mode.spare else None
        steps = mode.diagnosis_h or mode.spare or mode.crew or mode.conditioning_h
        self.plain = not steps and mode.access == "none"

    def begin(self, process: "FailureProcess", ordinal: int) -> None:
        """Start the recovery from failure number ``ordinal``."""
        hours = float(self.hours[min(ordinal, len(self.hours) - 1)])
        if self.plain:
            timeout = self.run.env.timeout(hours)
            timeout.callbacks.append(lambda _event: self.run.fixed(process, ordinal))
        else:
            self.run.env.process(self._steps(process, ordinal, hours))

    def _steps(self, process: "FailureProcess", ordinal: int, hours: float):
        run, env, mode = self.run, self.run.env, self.mode

        def report(kind: str) -> None:
            run.note(kind, self.p, ordinal)

        if mode.diagnosis_h:
            yield env.timeout(mode.diagnosis_h)
            report("diagnosed")
        if self.store:
            yield self.store.take(self.p, ordinal, mode.priority)
            report("spare")
        job = Job(run.crews, mode.crew, mode.priority, hours, report)
        if mode.access == "defer":
            run.access.defer(job, self.p)
        else:
            if mode.access == "stop":
                yield from run.access.stop(self.p)
                report("access")
            run.crews.post(job)
        yield job.done
        if mode.access != "none":
            run.access.leave()
        if mode.conditioning_h:
            yield env.timeout(mode.conditioning_h)
        run.fixed(process, ordinal)

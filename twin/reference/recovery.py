"""From failure to service: diagnosis, a spare, access, a crew, the repair, conditioning."""

from typing import TYPE_CHECKING

from twin.facility import Mode
from twin.reference.crews import Job

if TYPE_CHECKING:
    from twin.reference.failures import Life
    from twin.reference.run import Run


class Recovery:
    """How the failures of one process are put right, one step after the other.

    Diagnosis (fixed), a spare from the shelf, access to the tunnel, a hand of a crew for the repair (drawn),
    conditioning (fixed, nobody in the tunnel). A step that the mode does not ask for takes no time. The
    trace notes the end of each step before the repair, its begin and the return to service: "diagnosed",
    "spare", "access", "repair", "fixed"; and "paused", "resumed" of work that a preemptive crew dropped.
    """

    def __init__(self, run: "Run", p: int, mode: Mode):
        self.run, self.p, self.mode = run, p, mode
        self.hours = run.repair_h[p]
        self.store = run.spare_stores[mode.spare] if mode.spare else None
        steps = mode.diagnosis_h or mode.spare or mode.crew or mode.conditioning_h
        self.plain = not steps and mode.access == "none"

    def begin(self, life: "Life", ordinal: int) -> None:
        """Start to recover from the failure that ended life ``ordinal``."""
        hours = float(self.hours[min(ordinal, len(self.hours) - 1)])
        if self.plain:
            timeout = self.run.env.timeout(hours)
            timeout.callbacks.append(lambda _event: self.run.fixed(life, ordinal))
        else:
            self.run.env.process(self._steps(life, ordinal, hours))

    def _steps(self, life: "Life", ordinal: int, hours: float):
        run, env, mode = self.run, self.run.env, self.mode

        def tell(kind: str) -> None:
            run.note(kind, self.p, ordinal)

        if mode.diagnosis_h:
            yield env.timeout(mode.diagnosis_h)
            tell("diagnosed")
        if self.store:
            yield self.store.take(self.p, ordinal, mode.priority)
            tell("spare")
        job = Job(run.crews, mode.crew, mode.priority, hours, tell)
        if mode.access == "defer":
            run.access.defer(job, self.p)
        else:
            if mode.access == "stop":
                yield from run.access.stop(self.p)
                tell("access")
            run.crews.post(job)
        yield job.done
        if mode.access != "none":
            run.access.leave()
        if mode.conditioning_h:
            yield env.timeout(mode.conditioning_h)
        run.fixed(life, ordinal)

"""Access to the tunnel: with beam off, after cool-down, in the allowed hours; nobody is inside with beam."""

from typing import TYPE_CHECKING

from twin.laws import NEVER
from twin.reference.clocks import Alarm
from twin.reference.crews import Job
from twin.tree import DUMP
from twin.windows import window

if TYPE_CHECKING:
    from twin.reference.run import Run


class Access:
    """The state of the tunnel. It opens ``cooldown_h`` after beam-off, between two hours of the day.

    A mode with access "stop" keeps the beam off from its request until its repair is over. Deferred work begins
    in maintenance blocks of the calendar while the tunnel is open. Work that has no crew member when the tunnel
    closes waits for the next opening; work that has begun is finished and keeps the beam off until then.
    Keeping the beam off counts as a dump: the lost hours belong to the failure that needs the access.
    """

    def __init__(self, run: "Run"):
        self.run, self.access = run, run.plant.facility.access
        self.defers = any(mode.access == "defer" for _, mode, _ in run.plant.processes)
        self.deferred: list[Job] = []
        self.open = False
        self.alarm = Alarm(run.env, self.update)
        self.update()

    def window(self) -> tuple[float, float]:
        """(opens, closes) of the tunnel, if the beam stays off."""
        from_h = max(self.run.env.now, self.run.beam.off_since + self.access.cooldown_h)
        return window(from_h, self.access.from_h, self.access.to_h)

    def hold(self, p: int) -> None:
        """Keep the beam off because of a failure of process ``p``; it is the cause if nothing else is down."""
        accounting, logic = self.run.accounting, self.run.logic
        accounting.count()
        if accounting.good or not logic.machine_down:
            accounting.cause = p
        logic.down[DUMP] += 1

    def leave(self) -> None:
        """A repair has left the tunnel: it no longer keeps the beam off."""
        self.run.logic.down[DUMP] -= 1
        self.run.settle()

    def stop(self, p: int):
        """Stop the beam and wait until the tunnel may be entered."""
        self.hold(p)
        self.run.settle()
        yield self.run.env.timeout(self.window()[0] - self.run.env.now)

    def defer(self, job: Job, p: int) -> None:
        """Post a job as soon as the tunnel is open in a maintenance block."""
        report = job.report

        def enter(kind: str) -> None:
            if kind == "repair":
                self.deferred.remove(job)
                self.hold(p)
                report("access")
            report(kind)

        job.report = enter
        self.deferred.append(job)
        if self.open:
            self.run.crews.post(job)

    def update(self) -> None:
        """A block begins, or the tunnel opens or closes in it: post the deferred jobs, or withdraw them."""
        if not self.defers:
            return
        maintenance = not self.run.calendar.beam[self.run.block]
        opens_h, closes_h = self.window()
        is_open = bool(maintenance and opens_h <= self.run.env.now)
        if is_open != self.open:
            self.open = is_open
            for job in list(self.deferred):
                (self.run.crews.post if is_open else self.run.crews.withdraw)(job)
        self.alarm.set((closes_h if is_open else opens_h) if maintenance else NEVER)

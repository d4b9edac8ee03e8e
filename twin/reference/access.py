"""Access to the tunnel: beam off, cooled down, in the hours when it is allowed; nobody is in with beam."""

from typing import TYPE_CHECKING

from twin.laws import NEVER
from twin.reference.clocks import Alarm
from twin.reference.crews import Job
from twin.tree import DUMP
from twin.windows import window

if TYPE_CHECKING:
    from twin.reference.run import Run


class Access:
    """Who may be in the tunnel. It opens ``cooldown_h`` after the beam went off, between two hours of the day.

    A stop holds the beam off from the moment it is asked for until the repair is over. Deferred work begins
    in maintenance blocks of the calendar while the tunnel is open; what has not got its hand when the tunnel
    closes waits for the next opening, what has begun is finished, and holds the beam off until then.
    Holding the beam off counts as a dump: the hours lost belong to the failure that asked for it.
    """

    def __init__(self, run: "Run"):
        self.run, self.access = run, run.plant.facility.access
        self.defers = any(mode.access == "defer" for _, mode, _ in run.plant.processes)
        self.deferred: list[Job] = []
        self.open = False
        self.alarm = Alarm(run.env, self.look)
        self.look()

    def window(self) -> tuple[float, float]:
        """(opens, closes) of the tunnel, if the beam stays off."""
        from_h = max(self.run.env.now, self.run.beam.off_since + self.access.cooldown_h)
        return window(from_h, self.access.from_h, self.access.to_h)

    def hold(self, p: int) -> None:
        """No beam from now on, because of a failure of process ``p``; a whole machine's lost hours are its."""
        accounting, logic = self.run.accounting, self.run.logic
        accounting.count()
        if accounting.good or not logic.machine_down:
            accounting.cause = p
        logic.down[DUMP] += 1

    def leave(self) -> None:
        """One is out of the tunnel."""
        self.run.logic.down[DUMP] -= 1
        self.run.settle()

    def stop(self, p: int):
        """Stop the beam and wait until the tunnel may be entered."""
        self.hold(p)
        self.run.settle()
        yield self.run.env.timeout(self.window()[0] - self.run.env.now)

    def defer(self, job: Job, p: int) -> None:
        """Let work begin as soon as the tunnel is open in a maintenance block."""
        tell = job.tell

        def enter(kind: str) -> None:
            if kind == "repair":
                self.deferred.remove(job)
                self.hold(p)
                tell("access")
            tell(kind)

        job.tell = enter
        self.deferred.append(job)
        if self.open:
            self.run.crews.post(job)

    def look(self) -> None:
        """A block begins, or the tunnel opens or closes in one: call the crews for deferred work, or off."""
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

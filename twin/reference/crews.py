"""Crews: a free member with the right skill takes the most urgent job, then the one that waits longest."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from twin.facility import Crew
from twin.laws import NEVER
from twin.reference.clocks import Alarm
from twin.windows import window

if TYPE_CHECKING:
    from twin.reference.run import Run


class Job:
    """A job of so many hours for one crew member with a ``skill`` (None: no crew is needed, it begins at once).

    ``report`` is called with "repair" when it begins, and with "paused" and "resumed" when a more urgent job
    interrupts it; ``done`` is triggered at its end. Its place in the queue is set when the job is created.
    """

    def __init__(
        self, crews: "Crews", skill: str | None, priority: int, hours: float, report: Callable[[str], None]
    ):
        self.skill, self.priority, self.left_h, self.report = skill or "", priority, hours, report
        self.place = -priority, next(crews.order)
        self.done = crews.env.event()
        self.alarm = Alarm(crews.env, self.finish)
        self.crew_state: CrewState | None = None
        self.begun, self.since_h = False, NEVER

    def begin(self, crew_state: "CrewState | None", now_h: float) -> None:
        kind = "resumed" if self.begun else "repair"
        self.crew_state, self.begun, self.since_h = crew_state, True, now_h
        self.alarm.set(now_h + self.left_h)
        self.report(kind)

    def pause(self, now_h: float) -> None:
        """Interrupt the job; the remaining hours are kept (preemptive resume)."""
        self.left_h -= now_h - self.since_h
        self.alarm.set(NEVER)
        self.report("paused")

    def finish(self) -> None:
        """The repaired unit returns to service first; then the crew member takes the next job."""
        if self.crew_state:
            self.crew_state.jobs.remove(self)
            self.done.callbacks.append(self.crew_state.release)  # type: ignore[union-attr]
        self.done.succeed()


class CrewState:
    """The state of one crew: free members, jobs of the others, and whether the crew is on site.

    It is on site during its shift. A crew with ``call_out_h`` also comes off shift, that time after a call, and
    stays while it has jobs or jobs for its skills wait. Other crews leave at the end of the shift after they have
    finished the jobs that they have begun.
    """

    def __init__(self, crews: "Crews", crew: Crew):
        self.crews, self.crew = crews, crew
        self.skills = crew.skills or [crew.name]
        self.free, self.jobs = crew.size, list[Job]()
        self.stays, self.arrives_h = False, NEVER

    def on_site(self, now_h: float) -> bool:
        return self.crew.shift is None or self.stays or self.shift(now_h)[0] <= now_h

    def shift(self, now_h: float) -> tuple[float, float]:
        """(begin, end) of the present shift, else of the next."""
        shift = self.crew.shift
        return window(now_h, shift.from_h, shift.to_h, shift.days) if shift else (now_h, NEVER)

    def take(self, job: Job, now_h: float) -> None:
        self.free -= 1
        self.jobs.append(job)
        job.begin(self, now_h)

    def release(self, _event) -> None:
        self.free += 1
        self.crews.assign()

    def would_drop(self, priority: int) -> Job | None:
        """The job that a preemptive crew interrupts: lowest priority, then last in the queue; None if none."""
        least = max(self.jobs, key=lambda job: job.place, default=None) if self.crew.preemptive else None
        return least if least and least.priority < priority else None


class Crews:
    """All crews and the jobs that wait for them, one queue for each skill.

    Of the jobs that can begin now, the one with the highest priority is first, then the one created first. It
    takes a free member of the first crew of the file that has the skill and is on site. If there is none, a
    preemptive crew on site interrupts its least urgent job of lower priority. If no crew with the skill is on
    site or on its way, the crew that can arrive first is called out.
    """

    def __init__(self, run: "Run"):
        self.env, self.order = run.env, count()
        self.crews = [CrewState(self, crew) for crew in run.plant.facility.crew]
        self.by_shift = [crew_state for crew_state in self.crews if crew_state.crew.shift]
        skills = dict.fromkeys(skill for crew_state in self.crews for skill in crew_state.skills)
        self.able = {
            skill: [crew_state for crew_state in self.crews if skill in crew_state.skills] for skill in skills
        }
        self.queues: dict[str, list[tuple[tuple[int, int], Job]]] = {skill: [] for skill in skills}
        self.alarm = Alarm(run.env, self.update_presence)

    def post(self, job: Job) -> None:
        """Queue a job, or begin it at once if it needs no crew."""
        if job.skill:
            heappush(self.queues[job.skill], (job.place, job))
            self.assign()
        else:
            job.begin(None, self.env.now)

    def withdraw(self, job: Job) -> None:
        """Remove a waiting job from its queue."""
        queue = self.queues[job.skill]
        queue.remove((job.place, job))
        heapify(queue)
        self.call_out()

    def assign(self) -> None:
        """Assign crew members to waiting jobs, as long as one can begin."""
        while any(self._serve(job) for _, job in sorted(queue[0] for queue in self.queues.values() if queue)):
            pass
        if self.by_shift:
            self.call_out()

    def _serve(self, job: Job) -> bool:
        now_h = self.env.now
        able = [crew_state for crew_state in self.able[job.skill] if crew_state.on_site(now_h)]
        crew_state = next((crew_state for crew_state in able if crew_state.free), None) or self._interrupt(
            able, job, now_h
        )
        if crew_state:
            heappop(self.queues[job.skill])
            crew_state.take(job, now_h)
        return crew_state is not None

    def _interrupt(self, able: list[CrewState], job: Job, now_h: float) -> CrewState | None:
        """The first crew that interrupts a job for this one; the interrupted job waits in its old place."""
        for crew_state in able:
            dropped = crew_state.would_drop(job.priority)
            if dropped:
                dropped.pause(now_h)
                crew_state.free += 1
                crew_state.jobs.remove(dropped)
                heappush(self.queues[dropped.skill], (dropped.place, dropped))
                return crew_state
        return None

    def update_presence(self) -> None:
        """A shift begins or ends while jobs wait, or a crew that was called out arrives."""
        for crew_state in self.by_shift:
            if crew_state.arrives_h <= self.env.now:
                crew_state.stays, crew_state.arrives_h = True, NEVER
        self.assign()

    def call_out(self) -> None:
        """Dismiss crews that are off shift without jobs, call out the crews that waiting jobs need, set the alarm."""
        now_h, wake_h = self.env.now, NEVER
        for crew_state in self.by_shift:
            to_do = crew_state.jobs or any(self.queues[skill] for skill in crew_state.skills)
            crew_state.stays = bool(
                crew_state.crew.call_out_h is not None and to_do and crew_state.on_site(now_h)
            )
            if crew_state.on_site(now_h) or crew_state.arrives_h < now_h:
                crew_state.arrives_h = NEVER  # it is on site, or it arrived when no job was left
        for skill in (skill for skill, queue in self.queues.items() if queue):
            able = self.able[skill]
            there = [
                crew_state for crew_state in able if crew_state.on_site(now_h) or crew_state.arrives_h < NEVER
            ]
            if not there:
                self._call(able, now_h)
            wake_h = min(wake_h, *(self._next_h(crew_state, now_h) for crew_state in able))
        self.alarm.set(wake_h)

    def _call(self, able: list[CrewState], now_h: float) -> None:
        """Call out the crew that can arrive first, unless a shift begins before."""
        first = min(able, key=lambda crew_state: self._could_come_h(crew_state, now_h))
        if self._could_come_h(first, now_h) < first.shift(now_h)[0]:
            first.arrives_h = self._could_come_h(first, now_h)

    def _could_come_h(self, crew_state: CrewState, now_h: float) -> float:
        delay_h = crew_state.crew.call_out_h
        return min(NEVER if delay_h is None else now_h + delay_h, crew_state.shift(now_h)[0])

    def _next_h(self, crew_state: CrewState, now_h: float) -> float:
        """The next time at which this crew's presence may change, [h]."""
        opens_h, closes_h = crew_state.shift(now_h)
        return min(crew_state.arrives_h, opens_h if opens_h > now_h else closes_h)

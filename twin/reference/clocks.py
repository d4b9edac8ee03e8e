"""Time as the lives of the plant feel it: clocks that run in some phases only, and alarms that can be moved."""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Protocol

import simpy

from twin.laws import NEVER


class Due(Protocol):
    """What can be due on a clock: the failure of a life, or an age that a life may reach."""

    p: int  # whose turn it is first at one moment
    called: int

    def next_due(self) -> float: ...

    def fail(self) -> None: ...


class Alarm:
    """A wake-up call that can be moved: only the latest time set for it rings.

    A call that is put off lets the earlier one pass and goes on from there, so that a process whose
    moment often moves does not fill the schedule with calls that nobody awaits.
    """

    def __init__(self, env: simpy.Environment, ring):
        self.env, self.ring = env, ring
        self.at_h, self.booked_h = NEVER, NEVER

    def set(self, at_h: float) -> None:
        self.at_h = at_h
        if at_h < self.booked_h:
            self._book(at_h)

    def _book(self, at_h: float) -> None:
        delay = max(at_h - self.env.now, 0.0)
        self.booked_h = self.env.now + delay
        simpy.Timeout(self.env, delay).callbacks.append(self._wake)

    def _wake(self, _event) -> None:
        now = self.env.now
        if self.booked_h > now and self.at_h > now:
            return  # a call that an earlier one has overtaken
        self.booked_h = NEVER
        if self.at_h <= now:
            self.at_h = NEVER
            self.ring()
        elif self.at_h < NEVER:
            self._book(self.at_h)


class Clock:
    """The own time of the lives that age together: calendar, beam, an operating phase, a unit in reserve.

    It runs at a ``rate`` (0: stands still); the lives due on it wait in a heap, one alarm serves them all.
    Stopping the clock therefore costs the same for one life and for ten thousand.
    """

    def __init__(self, env: simpy.Environment):
        self.env = env
        self.hours, self.since_h, self.rate = 0.0, env.now, 0.0
        self.heap: list[tuple[float, int, int, Due]] = []
        self.alarm = Alarm(env, self._ring)

    @property
    def now(self) -> float:
        """Own time, [h]."""
        return self.hours + (self.env.now - self.since_h) * self.rate

    def run(self, rate: float) -> None:
        if rate != self.rate:
            self.hours, self.since_h, self.rate = self.now, self.env.now, rate
            self.aim()

    def put(self, life: Due, due: float) -> None:
        """Await a life's failure at own time ``due``; what was awaited of it before is void."""
        life.called += 1
        if due < NEVER:
            heappush(self.heap, (due, life.p, life.called, life))

    def refill(self, lives: Sequence[Due]) -> None:
        """Take all lives at once, each due at its ``next_due()``."""
        self.heap = []
        for life in lives:
            life.called += 1
            due = life.next_due()
            if due < NEVER:
                self.heap.append((due, life.p, life.called, life))
        heapify(self.heap)
        self.aim()

    def aim(self) -> None:
        """Set the alarm for the first life that is due."""
        heap = self.heap
        while heap and heap[0][2] != heap[0][3].called:
            heappop(heap)
        if heap and self.rate > 0:
            self.alarm.set(self.since_h + (heap[0][0] - self.hours) / self.rate)
        else:
            self.alarm.set(NEVER)

    def _ring(self) -> None:
        life = heappop(self.heap)[3]
        life.called += 1
        life.fail()
        self.aim()

"""Clocks that run in some operating phases only, and alarms that can be moved."""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Protocol

import simpy

from twin.laws import NEVER


class Due(Protocol):
    """An item that can be due on a clock: a failure, or an age at which maintenance is due."""

    p: int  # orders items that are due at the same moment
    version: int  # a queued entry with another version is void

    def next_due(self) -> float: ...

    def fail(self) -> None: ...


class Alarm:
    """An alarm that can be moved: ``action`` is called only at the time that was set last.

    If the alarm is postponed, the earlier event passes without effect and a new one is scheduled then. So an
    alarm that is often moved does not fill the schedule with void events.
    """

    def __init__(self, env: simpy.Environment, action):
        self.env, self.action = env, action
        self.at_h, self.scheduled_h = NEVER, NEVER

    def set(self, at_h: float) -> None:
        self.at_h = at_h
        if at_h < self.scheduled_h:
            self._schedule(at_h)

    def _schedule(self, at_h: float) -> None:
        delay = max(at_h - self.env.now, 0.0)
        self.scheduled_h = self.env.now + delay
        simpy.Timeout(self.env, delay).callbacks.append(self._wake)

    def _wake(self, _event) -> None:
        now = self.env.now
        if self.scheduled_h > now and self.at_h > now:
            return  # an earlier event has replaced this one
        self.scheduled_h = NEVER
        if self.at_h <= now:
            self.at_h = NEVER
            self.action()
        elif self.at_h < NEVER:
            self._schedule(self.at_h)


class Clock:
    """The time in which a group of failure processes ages: calendar, beam, an operating phase, a unit in reserve.

    It runs at a ``rate`` (0: it stands still). Items due on it wait in a heap with one alarm, so stopping the
    clock costs the same for one item and for ten thousand.
    """

    def __init__(self, env: simpy.Environment):
        self.env = env
        self.hours, self.since_h, self.rate = 0.0, env.now, 0.0
        self.heap: list[tuple[float, int, int, Due]] = []
        self.alarm = Alarm(env, self._ring)

    @property
    def now(self) -> float:
        """Time of this clock, [h]."""
        return self.hours + (self.env.now - self.since_h) * self.rate

    def run(self, rate: float) -> None:
        if rate != self.rate:
            self.hours, self.since_h, self.rate = self.now, self.env.now, rate
            self.aim()

    def put(self, item: Due, due: float) -> None:
        """Queue an item at time ``due`` of this clock; an earlier entry of the item is void."""
        item.version += 1
        if due < NEVER:
            heappush(self.heap, (due, item.p, item.version, item))

    def refill(self, items: Sequence[Due]) -> None:
        """Queue all items at once, each at its ``next_due()``."""
        self.heap = []
        for item in items:
            item.version += 1
            due = item.next_due()
            if due < NEVER:
                self.heap.append((due, item.p, item.version, item))
        heapify(self.heap)
        self.aim()

    def aim(self) -> None:
        """Set the alarm for the first item that is due."""
        heap = self.heap
        while heap and heap[0][2] != heap[0][3].version:
            heappop(heap)
        if heap and self.rate > 0:
            self.alarm.set(self.since_h + (heap[0][0] - self.hours) / self.rate)
        else:
            self.alarm.set(NEVER)

    def _ring(self) -> None:
        item = heappop(self.heap)[3]
        item.version += 1
        item.fail()
        self.aim()

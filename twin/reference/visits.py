"""A beamline whose experiments differ: each has its own dose, and urgent ones are served first."""

from heapq import heappop, heappush
from math import exp
from statistics import NormalDist
from typing import TYPE_CHECKING

from twin.reference.lines import Line

if TYPE_CHECKING:
    from twin.reference.run import Run


class Visits(Line):
    """Measures one experiment after the other: urgent ones first, each class first come, first served.

    The present experiment is finished before the next one begins. Its exposure time is the reference exposure
    times exp(sigma z - sigma**2 / 2), z a standard normal random number of the experiment.
    """

    def __init__(self, run: "Run", b: int):
        super().__init__(run, b)
        self.line = run.plant.facility.beamline[b]
        self.waiting: list[tuple[int, int]] = []
        self.current, self.goal, self.completed = -1, 0.0, 0
        self.reference = self.times

    def arrive(self) -> None:
        """An experiment arrives with its samples and takes its place in the queue."""
        self.run.accumulate()
        urgent = self.run.streams.occurs(f"urgent {self.line.name}", self.line.urgent_share)
        heappush(self.waiting, (-int(urgent), self.arrived))
        if self.current < 0:
            self.next_experiment()
        super().arrive()

    def next_experiment(self) -> None:
        """Begin the next experiment, if one waits."""
        self.current = heappop(self.waiting)[1] if self.waiting else -1
        if self.current >= 0:
            self.goal = self.done + self.demand[self.current + 1] - self.demand[self.current]
            exchange_h, exposure_h = self.reference
            self.times = exchange_h, exposure_h * self.dose()

    def dose(self) -> float:
        """Dose of the present experiment relative to the reference; its mean is 1."""
        sigma, name = self.line.dose_sigma, f"dose {self.line.name}"
        if sigma == 0.0:
            return 1.0
        return exp(sigma * NormalDist().inv_cdf(self.run.streams.draw(name, self.current)) - sigma**2 / 2)

    def left(self) -> float:
        return self.goal - self.done

    def empty(self) -> None:
        """The present experiment is finished."""
        self.run.accumulate()
        self.done, self.completed = self.goal, self.completed + 1
        self.run.note("finished", self.b, self.current)
        self.next_experiment()
        self.aim()
        self.changed("next" if self.current >= 0 else "empty")

    def finished(self) -> int:
        return self.completed


def line_of(run: "Run", b: int) -> Line:
    """The model of a beamline, by its table in the facility file."""
    table = run.plant.facility.beamline[b]
    return Visits(run, b) if table.dose_sigma or table.urgent_share else Line(run, b)

"""A beamline whose experiments differ: each has its own dose, and urgent ones go before those that wait."""

from heapq import heappop, heappush
from math import exp
from statistics import NormalDist
from typing import TYPE_CHECKING

from twin.reference.lines import Line

if TYPE_CHECKING:
    from twin.reference.run import Run


class Visits(Line):
    """Measures one experiment after the other: urgent ones first, each class first come, first served.

    An experiment at work is finished before the next one begins. Its exposure is the reference's times
    exp(sigma z - sigma**2 / 2), z its own standard normal draw.
    """

    def __init__(self, run: "Run", b: int):
        super().__init__(run, b)
        self.line = run.plant.facility.beamline[b]
        self.waiting: list[tuple[int, int]] = []
        self.at_work, self.goal, self.completed = -1, 0.0, 0
        self.reference = self.times

    def arrive(self) -> None:
        """An experiment arrives with its samples and takes its place in the queue."""
        self.run.accumulate()
        urgent = self.run.streams.occurs(f"urgent {self.line.name}", self.line.urgent_share)
        heappush(self.waiting, (-int(urgent), self.arrived))
        if self.at_work < 0:
            self.next_experiment()
        super().arrive()

    def next_experiment(self) -> None:
        """Put the next experiment to work, if one waits."""
        self.at_work = heappop(self.waiting)[1] if self.waiting else -1
        if self.at_work >= 0:
            self.goal = self.done + self.demand[self.at_work + 1] - self.demand[self.at_work]
            exchange_h, exposure_h = self.reference
            self.times = exchange_h, exposure_h * self.dose()

    def dose(self) -> float:
        """Dose of the experiment at work, in units of the reference's; its mean is 1."""
        sigma, name = self.line.dose_sigma, f"dose {self.line.name}"
        if sigma == 0.0:
            return 1.0
        return exp(sigma * NormalDist().inv_cdf(self.run.streams.draw(name, self.at_work)) - sigma**2 / 2)

    def left(self) -> float:
        return self.goal - self.done

    def empty(self) -> None:
        """The experiment at work is finished."""
        self.run.accumulate()
        self.done, self.completed = self.goal, self.completed + 1
        self.run.note("finished", self.b, self.at_work)
        self.next_experiment()
        self.aim()
        self.ring("next" if self.at_work >= 0 else "empty")

    def finished(self) -> int:
        return self.completed


def line_of(run: "Run", b: int) -> Line:
    """The beamline as the facility describes it."""
    table = run.plant.facility.beamline[b]
    return Visits(run, b) if table.dose_sigma or table.urgent_share else Line(run, b)

"""The inventory of spare parts: each part that is taken starts one order or one shop repair."""

from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

import simpy
from scipy.special import ndtri

from twin.facility import Spare

if TYPE_CHECKING:
    from twin.reference.run import Run


class SpareStore:
    """Base stock S, continuous review, order size one: the (S - 1, S) policy.

    Each request orders a new part at once, or sends the old one to the shop, so that at any time
    on hand + on order - back orders = S. Parts go to the highest priority, then to the earliest request.
    """

    def __init__(self, run: "Run", spare: Spare, names: list[str]):
        self.run, self.names = run, names
        self.lead_h, self.shop = spare.lead_h or 0.0, spare.shop.time if spare.shop else None
        self.on_hand, self.order = spare.stock, count()
        self.waiting: list[tuple[int, int, simpy.Event]] = []

    def take(self, p: int, ordinal: int, priority: int) -> simpy.Event:
        """Request a part for failure number ``ordinal`` of process ``p``; the event is triggered when it is there."""
        env = self.run.env
        env.timeout(self.away_h(p, ordinal)).callbacks.append(self._restock)  # type: ignore[union-attr]
        part = env.event()
        if self.on_hand:
            self.on_hand -= 1
            part.succeed()
        else:
            heappush(self.waiting, (-priority, next(self.order), part))
        return part

    def away_h(self, p: int, ordinal: int) -> float:
        """Hours until a part returns: the lead time, or the shop repair time at the quantile of its stream."""
        if self.shop is None:
            return self.lead_h
        return float(self.shop.hours(ndtri(self.run.streams.draw(f"shop {self.names[p]}", ordinal))))

    def _restock(self, _event: simpy.Event) -> None:
        """A part arrives: it goes to the most urgent request, else into store."""
        if self.waiting:
            heappop(self.waiting)[2].succeed()
        else:
            self.on_hand += 1


def spare_stores(run: "Run") -> dict[str, SpareStore]:
    """The facility's spare parts by name."""
    facility = run.plant.facility
    names = facility.process_names if any(spare.shop for spare in facility.spare) else []
    return {spare.name: SpareStore(run, spare, names) for spare in facility.spare}

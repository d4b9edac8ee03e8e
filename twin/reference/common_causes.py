"""Failures that no wear brings: common causes that strike many units at once, and starts that fail."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.reference.failures import Life
    from twin.reference.run import Run


class Shocks:
    """The common causes: what each of them hits.

    A shock comes by its own hazard and is over at once. Each unit of the modes it hits that is up at
    that moment, at work or in reserve, fails with the shock's probability for its mode, by the process's
    coin of this shock: its life ends there, and the next budget is the next life's. What is down is not
    struck. The shock counts among ``failures_by``; hours lost by what it struck are laid to the shock.

    A mode's beta factor is a shock of rate beta / mtbf that hits all its units, each of which fails
    by itself at the rate (1 - beta) / mtbf (K. N. Fleming, A reliability model for common mode
    failures in redundant safety systems, 1975).
    """

    def __init__(self, run: "Run"):
        self.run = run
        facility = run.plant.facility
        shocks = facility.shocks
        self.first = len(run.plant.processes) - len(shocks)
        names = facility.process_names[: self.first] if shocks else []
        modes = [".".join(name.split(".")[:2]) for name in names]
        self.hits = [
            [
                (p, f"hit {shock.name} {names[p]}", shock.hits[mode])
                for p, mode in enumerate(modes)
                if mode in shock.hits
            ]
            for shock in shocks
        ]

    def strike(self, shock: "Life", ordinal: int) -> None:
        """The shock's n-th coming, n = ``ordinal``: all coins fall first, then units fail in their order."""
        run, accounting, logic = self.run, self.run.accounting, self.run.logic
        run.note("shock", shock.p, ordinal)
        shock.renew()
        accounting.count()
        whole, troubles = accounting.good or not logic.machine_down, logic.machine_down
        hits = self.hits[shock.p - self.first]
        lives = [run.lives[p] for p, coin, chance in hits if run.streams.occurs(coin, chance)]
        for struck in [life for life in lives for _ in range(life.up)]:
            if struck.up:
                struck.fail()
        accounting.failed(shock.p, whole, troubles)


class Starts:
    """Failure on demand: at each start-up of the beam a unit at work fails with probability ``at_start``.

    The n-th start-up takes the n-th coin of each process, whether its unit works or not. If what
    fails stops the beam, the start-up ends there; with a repair time R and a start-up that takes r,
    beam is back after R / (1 - at_start) + r on the average.
    """

    def __init__(self, run: "Run"):
        facility = run.plant.facility
        chances = [process.mode.at_start for process in run.plant.processes]
        names = facility.process_names if any(chances) else []
        self.run = run
        self.demands = [(p, f"start {name}", chances[p]) for p, name in enumerate(names) if chances[p]]

    def demand(self) -> None:
        """The beam starts up: all coins fall first, then units fail in their order."""
        run = self.run
        failing = [run.lives[p] for p, coin, chance in self.demands if run.streams.occurs(coin, chance)]
        for life in [life for life in failing if life.serves]:
            if life.up:
                life.fail()

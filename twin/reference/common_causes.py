"""Failures without ageing: common-cause events, and failures on demand."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.reference.failures import FailureProcess
    from twin.reference.run import Run


class CommonCauses:
    """The common-cause events, and the units that each of them can fail.

    A common-cause event occurs with its own hazard and ends at once. Each unit of the modes in ``hits`` that is
    up at that moment, in service or in reserve, fails with the probability for its mode, decided by a Bernoulli
    stream of event and process. The unit then takes its next ageing budget. Units that are down are not
    affected. The event counts in ``failures_by``; hours lost by the failures it causes are attributed to it.

    A mode's beta factor is a common-cause event of rate beta / mtbf that hits all its units. Each unit fails
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

    def occur(self, shock: "FailureProcess", ordinal: int) -> None:
        """Event number ``ordinal``: all random numbers are taken first, then units fail in their order."""
        run, accounting, logic = self.run, self.run.accounting, self.run.logic
        run.note("shock", shock.p, ordinal)
        shock.renew()
        accounting.count()
        up_before, down_before = accounting.good or not logic.machine_down, logic.machine_down
        hits = self.hits[shock.p - self.first]
        processes = [
            run.processes[p] for p, stream, probability in hits if run.streams.occurs(stream, probability)
        ]
        for hit in [process for process in processes for _ in range(process.up)]:
            if hit.up:
                hit.fail()
        accounting.failed(shock.p, up_before, down_before)


class Demands:
    """Failure on demand: at each start-up of the beam a unit in service fails with probability ``at_start``.

    The n-th start-up takes the n-th number of each process's Bernoulli stream, whether its unit works or not.
    If a failure stops the beam, the start-up ends; with a mean repair time R and a start-up time r, beam is
    restored after R / (1 - at_start) + r on average.
    """

    def __init__(self, run: "Run"):
        facility = run.plant.facility
        probabilities = [process.mode.at_start for process in run.plant.processes]
        names = facility.process_names if any(probabilities) else []
        self.run = run
        self.demands = [
            (p, f"start {name}", probabilities[p]) for p, name in enumerate(names) if probabilities[p]
        ]

    def start(self) -> None:
        """The beam starts up: all random numbers are taken first, then units fail in their order."""
        run = self.run
        failing = [
            run.processes[p]
            for p, stream, probability in self.demands
            if run.streams.occurs(stream, probability)
        ]
        for process in [process for process in failing if process.in_service]:
            if process.up:
                process.fail()

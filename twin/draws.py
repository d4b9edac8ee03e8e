"""The random inputs of a run, drawn before it starts. Each number belongs to (run, process, ordinal)."""

import zlib
from typing import Any, NamedTuple

import numpy as np

from twin.facility import Beamline, Facility
from twin.streams import Sample, exponential, fold, normal, of_seed, uniform


class Draws(NamedTuple):
    """Random inputs of R runs, P failure processes, B beamlines; leading axis R unless cut to one run.

    Two scenarios on the same random inputs differ only by what was changed in them.
    """

    budget: Any  # [R, P, N] ageing budget until the n-th failure, unit exponential; infinite if not drawn
    repair_z: Any  # [R, P, N] standard normal quantile of the n-th repair
    arrive_h: Any  # [R, B, A] arrival of the a-th experiment; the first is there at the start
    demand: Any  # [R, B, A + 1] samples of the first a experiments together
    coin: Any  # [R, J, N] uniform random numbers of the streams in ``Facility.bernoulli_streams``

    def run(self, r: int) -> "Draws":
        """The random inputs of run ``r`` alone, as numpy arrays."""
        return Draws(*(np.asarray(field)[r] for field in self))


def _hash(name: str) -> np.uint32:
    return np.uint32(zlib.crc32(name.encode()))


def _table(seed: int, kind: str, names: list[str], runs: range, size: int, sample: Sample) -> np.ndarray:
    """[R, names, size] random numbers; each name and run has a stream of its own."""
    of_kind = fold(of_seed(seed), _hash(kind))
    of_name = fold(fold(of_kind, [_hash(name) for name in names]), 0)
    return sample(fold(of_name, np.arange(runs.start, runs.stop)[:, None]), size)


def draw(facility: Facility, runs: int, max_failures, experiments: int, seed: int, first: int = 0) -> Draws:
    """Random inputs of ``runs`` runs, for at most ``max_failures`` of each process ([P], or one number for all) and
    ``experiments`` of each beamline.

    Keys follow from names, so another process, more runs or more failures leave the rest unchanged.
    ``first`` is the number of the first run: runs n to m are the same, drawn alone or among others.
    """
    names = facility.process_names
    max_failures = np.broadcast_to(np.asarray(max_failures), len(names))
    most = int(max(max_failures, default=1))

    def table(kind, names, size, sample):
        if not names:
            return np.ones((runs, 0, size))
        return _table(seed, kind, names, range(first, first + runs), size, sample)

    def by_process(kind, sample, none):
        if np.all(max_failures == most):
            return table(kind, names, most, sample)
        found = np.full((runs, len(names), most), none)
        for size in np.unique(max_failures).tolist():
            chosen = np.flatnonzero(max_failures == size)
            found[:, chosen, :size] = table(kind, [names[p] for p in chosen], size, sample)
        return found

    lines = [b.name for b in facility.beamline]
    budget = by_process("budget", exponential, np.inf)
    repair_z = by_process("repair", normal, 0.0)
    coin = table("coin", facility.bernoulli_streams, max(most, experiments), uniform)
    gaps = table("arrive", lines, experiments, exponential)
    sizes = table("size", lines, experiments, uniform)
    drawn = [_experiments(facility, b, gaps[:, i], sizes[:, i]) for i, b in enumerate(facility.beamline)]
    arrive, samples = (np.stack(field, axis=1) for field in zip(*drawn, strict=True))
    demand = np.concatenate([np.zeros((runs, len(lines), 1)), np.cumsum(samples, axis=-1)], axis=-1)
    return Draws(budget, repair_z, arrive, demand, coin)


def _experiments(facility: Facility, line: Beamline, gaps, sizes) -> tuple[np.ndarray, np.ndarray]:
    """(arrival [h], samples) of a beamline's experiments, [R, A]: at random, the first at time 0, or as booked."""
    if not line.visit:
        arrive = np.cumsum(gaps * 168.0 / line.experiments_per_week, axis=-1)
        return arrive - arrive[:, :1], np.maximum(1.0, np.round(line.samples_per_experiment * (0.5 + sizes)))
    booked = sorted(line.visit, key=lambda visit: visit.start_h)
    rounds = -(-gaps.shape[-1] // len(booked))
    start = [r * facility.schedule.period_h + visit.start_h for r in range(rounds) for visit in booked]
    samples = [float(visit.samples) for visit in booked] * rounds
    size = gaps.shape[-1]
    return np.broadcast_to(start[:size], gaps.shape), np.broadcast_to(samples[:size], gaps.shape)


def enough(facility: Facility, horizon_h: float, hazard=None) -> tuple[np.ndarray, int]:
    """(maximum failures [P], experiments) that are very rarely exceeded within a horizon, as powers of two.

    ``hazard`` [P]: the highest expected rates, 1/h; default four times each mode's own.
    """
    rates = [4.0 * n / m.mean_h for _, m, n in facility.processes] if hazard is None else list(hazard)
    booked = [len(b.visit) / facility.schedule.period_h for b in facility.beamline]
    arrivals = max(*booked, *((b.experiments_per_week or 0.0) / 168.0 for b in facility.beamline))

    def room(rate):
        mean = np.asarray(rate) * horizon_h
        return 2 ** np.ceil(np.log2(mean + 6.0 * np.sqrt(mean) + 8.0)).astype(int)

    most = np.array(rates)
    if facility.bernoulli_streams:  # several processes share them, and all rows have one length: the largest
        most = np.full(len(rates), max([*rates, *_planned(facility, rates)], default=0.0))
    return room(most + _sudden(facility, rates)), int(room(arrivals))


def _planned(facility: Facility, rates: list[float]) -> list[float]:
    """Random numbers used per hour: of streams that units share for standby switching, and of those for maintenance."""
    subsystems = [s.name for s, _, _ in facility.processes]
    switchings = [
        sum(rate for rate, name in zip(rates, subsystems, strict=True) if name == s.name)
        for s in facility.subsystem
        if s.standby
    ]
    return switchings + [1.0 / s.preventive.every_h for s in facility.subsystem if s.preventive]


def _sudden(facility: Facility, rates: list[float]) -> float:
    """An upper bound of the failures per hour of a process by common-cause events and on demand at beam starts.

    Each failure and each block of the calendar may lead to a start, and each failed start to another.
    """
    processes = facility.processes
    own = len(rates) - len(facility.shocks)
    common = sum(rates[own:]) * max((n for _, _, n in processes), default=0)
    bad = [m.at_start for _, m, _ in processes if m.at_start > 0]
    blocks_per_h = len(facility.schedule.block) / facility.schedule.period_h
    starts = (sum(rates) + common + blocks_per_h) / np.prod([1.0 - p for p in bad]) if bad else 0.0
    return float(common + starts)

"""All chance of a run, drawn before it starts; each draw belongs to (run, process, ordinal)."""

import zlib
from typing import Any, NamedTuple

import numpy as np

from twin.facility import Beamline, Facility
from twin.streams import Sample, exponential, fold, normal, of_seed, uniform


class Draws(NamedTuple):
    """Chance of R runs, P failure processes, B beamlines; leading axis R unless cut to one run.

    Two scenarios on the same draws differ only by what was changed in them.
    """

    budget: Any  # [R, P, N] unit-exponential hazard that the n-th life can spend; infinite if not drawn
    repair_z: Any  # [R, P, N] standard normal quantile of the n-th repair
    arrive_h: Any  # [R, B, A] when the a-th experiment arrives; the first waits at the start
    demand: Any  # [R, B, A + 1] samples brought by the first a experiments together
    coin: Any  # [R, J, N] uniform draws of the chances that ``Facility.bernoulli_streams`` names

    def run(self, r: int) -> "Draws":
        """The draws of run ``r`` alone, as numpy arrays."""
        return Draws(*(np.asarray(field)[r] for field in self))


def _hash(name: str) -> np.uint32:
    return np.uint32(zlib.crc32(name.encode()))


def _table(seed: int, kind: str, names: list[str], runs: range, size: int, sample: Sample) -> np.ndarray:
    """[R, names, size] draws; each name and run has a stream of its own."""
    of_kind = fold(of_seed(seed), _hash(kind))
    of_name = fold(fold(of_kind, [_hash(name) for name in names]), 0)
    return sample(fold(of_name, np.arange(runs.start, runs.stop)[:, None]), size)


def draw(facility: Facility, runs: int, lives, experiments: int, seed: int, first: int = 0) -> Draws:
    """Draws for ``runs`` runs with at most ``lives`` failures of each process, [P] or one number for all, and
    ``experiments`` a beamline.

    Keys come from names, so another process, more runs or a longer life leave the rest unchanged.
    Run ``first`` is the first of them: runs n to m are the same, drawn alone or among others.
    """
    names = facility.process_names
    lives = np.broadcast_to(np.asarray(lives), len(names))
    most = int(max(lives, default=1))

    def table(kind, names, size, sample):
        if not names:
            return np.ones((runs, 0, size))
        return _table(seed, kind, names, range(first, first + runs), size, sample)

    def by_process(kind, sample, none):
        if np.all(lives == most):
            return table(kind, names, most, sample)
        found = np.full((runs, len(names), most), none)
        for size in np.unique(lives).tolist():
            mine = np.flatnonzero(lives == size)
            found[:, mine, :size] = table(kind, [names[p] for p in mine], size, sample)
        return found

    lines = [b.name for b in facility.beamline]
    budget = by_process("budget", exponential, np.inf)
    repair_z = by_process("repair", normal, 0.0)
    coin = table("coin", facility.bernoulli_streams, max(most, experiments), uniform)
    gaps = table("arrive", lines, experiments, exponential)
    sizes = table("size", lines, experiments, uniform)
    came = [_experiments(facility, b, gaps[:, i], sizes[:, i]) for i, b in enumerate(facility.beamline)]
    arrive, brought = (np.stack(field, axis=1) for field in zip(*came, strict=True))
    demand = np.concatenate([np.zeros((runs, len(lines), 1)), np.cumsum(brought, axis=-1)], axis=-1)
    return Draws(budget, repair_z, arrive, demand, coin)


def _experiments(facility: Facility, line: Beamline, gaps, sizes) -> tuple[np.ndarray, np.ndarray]:
    """(arrival [h], samples) of a beamline's experiments, [R, A]: at random, the first at once, or as booked."""
    if not line.visit:
        arrive = np.cumsum(gaps * 168.0 / line.experiments_per_week, axis=-1)
        return arrive - arrive[:, :1], np.maximum(1.0, np.round(line.samples_per_experiment * (0.5 + sizes)))
    booked = sorted(line.visit, key=lambda visit: visit.start_h)
    rounds = -(-gaps.shape[-1] // len(booked))
    start = [r * facility.schedule.period_h + visit.start_h for r in range(rounds) for visit in booked]
    brought = [float(visit.samples) for visit in booked] * rounds
    size = gaps.shape[-1]
    return np.broadcast_to(start[:size], gaps.shape), np.broadcast_to(brought[:size], gaps.shape)


def enough(facility: Facility, horizon_h: float, hazard=None) -> tuple[np.ndarray, int]:
    """(lives [P], experiments) that a horizon hardly ever uses up, as powers of two.

    ``hazard`` [P]: the highest expected rates, 1/h; default four times each mode's own.
    """
    rates = [4.0 * n / m.mean_h for _, m, n in facility.processes] if hazard is None else list(hazard)
    booked = [len(b.visit) / facility.schedule.period_h for b in facility.beamline]
    arrivals = max(*booked, *((b.experiments_per_week or 0.0) / 168.0 for b in facility.beamline))

    def room(rate):
        mean = np.asarray(rate) * horizon_h
        return 2 ** np.ceil(np.log2(mean + 6.0 * np.sqrt(mean) + 8.0)).astype(int)

    most = np.array(rates)
    if (
        facility.bernoulli_streams
    ):  # several processes toss them, and all have one length: all processes are given the most
        most = np.full(len(rates), max([*rates, *_planned(facility, rates)], default=0.0))
    return room(most + _sudden(facility, rates)), int(room(arrivals))


def _planned(facility: Facility, rates: list[float]) -> list[float]:
    """Uses an hour of coins that units share: switchings of a reserve; and of those of maintenance."""
    subsystems = [s.name for s, _, _ in facility.processes]
    switchings = [
        sum(rate for rate, name in zip(rates, subsystems, strict=True) if name == s.name)
        for s in facility.subsystem
        if s.standby
    ]
    return switchings + [1.0 / s.preventive.every_h for s in facility.subsystem if s.preventive]


def _sudden(facility: Facility, rates: list[float]) -> float:
    """Failures an hour, at most, that a process suffers by common causes and by starts of the beam.

    Each failure and each block of the calendar may lead to a start, and each failed start to another.
    """
    processes = facility.processes
    own = len(rates) - len(facility.shocks)
    common = sum(rates[own:]) * max((n for _, _, n in processes), default=0)
    bad = [m.at_start for _, m, _ in processes if m.at_start > 0]
    turns = len(facility.schedule.block) / facility.schedule.period_h
    starts = (sum(rates) + common + turns) / np.prod([1.0 - p for p in bad]) if bad else 0.0
    return float(common + starts)

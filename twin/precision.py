"""Runs until a metric has the required precision, or until the largest allowed number of runs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from twin.draws import Draws, draw
from twin.errors import UserError, unknown
from twin.intervals import Estimate
from twin.outcome import METRICS, Tally, pooled
from twin.plant import Law, Plant
from twin.scenario import Scenario

LEAST = 32


class Wanted(NamedTuple):
    """The required half width of a metric's 90 % interval, in its unit, or ``relative`` to the metric."""

    metric: str
    half_width: float
    relative: bool = False


class Precise(NamedTuple):
    """The number of runs, their tally and metrics, whether the precision was ``reached``, and a message (``told``)."""

    runs: int
    tally: Tally
    metrics: dict[str, Estimate]
    reached: bool
    told: str


def until(
    wanted: Wanted, more: Callable[[int, int], Tally], plant: Plant, least: int = LEAST, most: int = 4096
) -> Precise:
    """Simulate with ``more(first, runs)`` until the interval of a metric is narrow enough, or ``most`` runs are done.

    The interval is checked after ``least`` runs, then each time their number has doubled. Few checks, the first
    after many runs, keep its coverage: stopping at the first run whose interval happens to be narrow would
    select intervals that are too narrow (Chow and Robbins, Ann. Math. Statist. 36, 457, 1965).
    Batches hold ``least`` runs, so a compiled engine compiles once.
    """
    _check(wanted, least, most)
    parts, runs = [], 0
    while True:
        goal = min(max(2 * runs, least), most)
        while runs < goal:
            parts.append(more(runs, min(least, goal - runs)))
            runs += len(parts[-1].user_h)
        tally = Tally(*(np.concatenate(field) for field in zip(*parts, strict=True)))
        found = pooled(tally, plant)
        half = _half_width(found[wanted.metric], wanted.relative)
        if half <= wanted.half_width or runs >= most:
            return Precise(runs, tally, found, half <= wanted.half_width, _message(wanted, runs, half))


def precise(
    wanted: Wanted,
    simulate: Callable[[Plant, Law, Draws, Scenario], Tally],
    plant: Plant,
    law: Law,
    scenario: Scenario,
    room: tuple[Any, int],
    seed: int,
    least: int = LEAST,
    most: int = 4096,
) -> Precise:
    """Runs of an engine, ``simulate``, until a metric has the required precision; ``room`` is that of ``draws.enough``.

    Run r has the same random inputs whatever the number of runs (``draws.draw``), so no run is repeated.
    """

    def more(first: int, runs: int) -> Tally:
        tally = simulate(plant, law, draw(plant.facility, runs, *room, seed, first), scenario)
        if np.any(tally.exhausted):
            raise UserError(
                f"{int(np.sum(tally.exhausted))} of runs {first} to {first + runs - 1} used up their random inputs "
                f"({np.max(room[0])} failures, {room[1]} experiments); their figures would be too good, allow more"
            )
        return tally

    return until(wanted, more, plant, least, most)


def _check(wanted: Wanted, least: int, most: int) -> None:
    names = [m.name for m in METRICS]
    if wanted.metric not in names:
        raise unknown("metric", wanted.metric, names)
    if not wanted.half_width > 0.0:
        raise UserError(
            f"half_width = {wanted.half_width:g} is not above 0; no number of runs gives that precision"
        )
    if not 2 <= least <= most:
        raise UserError(f"least = {least} and most = {most} runs: give 2 <= least <= most")


def _half_width(found: Estimate, relative: bool) -> float:
    half = 0.5 * (found.high - found.low)
    if not relative:
        return half
    return half / found.value if found.value > 0.0 else np.inf


def _message(wanted: Wanted, runs: int, half: float) -> str:
    metric = next(m for m in METRICS if m.name == wanted.metric)
    unit = " of it" if wanted.relative else f" {metric.unit}".rstrip()
    if half <= wanted.half_width:
        return f"{metric.title}: within {half:.3g}{unit} after {runs} runs, {wanted.half_width:g}{unit} was wanted"
    need = float(f"{runs * (half / wanted.half_width) ** 2:.2g}")
    mend = f"; about {need:.0f} runs would do" if np.isfinite(half) else ""
    return (
        f"{metric.title}: only within {half:.3g}{unit} after {runs} runs, the most allowed; "
        f"{wanted.half_width:g}{unit} was wanted{mend}"
    )

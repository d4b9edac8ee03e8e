"""The engines that analyses run on, which of them a facility needs, and runs in parts that report their progress."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twin import Facility, UserError, batched, reference
from twin.outcome import Tally
from twin.supported import lacking
from twin.types import Progress

ENGINES: dict[str, Any] = {"reference": reference, "batched": batched}
TOGETHER = {"reference": 8, "batched": 1024}
"""Runs that an engine is given at once: the reference engine takes one after the other anyway."""


def engine_of(facilities: Sequence[Facility], wanted: str = "auto") -> tuple[str, list[str]]:
    """(the name of the engine, what the batched one lacks): the one asked for, or the batched one where it can."""
    if wanted not in (*ENGINES, "auto"):
        raise UserError(f"engine = {wanted!r} is not known; give one of: auto, {', '.join(ENGINES)}")
    lacks = list(dict.fromkeys(word for facility in facilities for word in lacking(facility)))
    if wanted != "auto":
        return wanted, []
    return ("reference" if lacks else "batched"), lacks


def year_h(facility: Facility) -> float:
    """Hours of the calendar that hold a year's user time."""
    user = sum(b.hours for b in facility.schedule.block if b.phase == "user")
    return facility.schedule.user_h_per_year * facility.schedule.period_h / user


def in_parts(
    engine: str, runs: int, play: Callable[[int, int], Tally], text: str, progress: Progress
) -> Tally:
    """``runs`` runs by way of ``play(first, runs)``, an engine's usual number at a time.

    Each part is of the same size, so that a compiled engine compiles once; runs beyond ``runs`` are dropped.
    """
    parts = -(-runs // TOGETHER[engine])
    size = -(-runs // parts)
    progress(text, 0.0)
    tallies = []
    for i in range(parts):
        tallies.append(play(i * size, size))
        progress(text, (i + 1) / parts)
    return Tally(*(np.concatenate(field)[:runs] for field in zip(*tallies, strict=True)))


def refuse_exhausted(tally: Tally, mend: str) -> None:
    """A UserError where random numbers were used up, for such runs look too good."""
    if spent := int(np.sum(tally.exhausted)):
        whole = len(tally.exhausted)
        raise UserError(
            f"{spent} of {whole} runs used up their draws; their figures would be too good: {mend}"
        )

"""The engines of analyses: the choice for a facility, and runs in parts with progress."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from twin import Facility, UserError, batched, reference
from twin.outcome import Tally
from twin.supported import lacking
from twin.types import Progress

ENGINES: dict[str, Any] = {"reference": reference, "batched": batched}
TOGETHER = {"reference": 8, "batched": 1024}
"""Runs of one call of an engine. The reference engine runs them one after the other."""


def engine_of(facilities: Sequence[Facility], wanted: str = "auto") -> tuple[str, list[str]]:
    """(engine, what the batched engine lacks): the engine asked for, or with "auto" the batched one if it can."""
    if wanted not in (*ENGINES, "auto"):
        raise UserError(f"engine = {wanted!r} is not known; give one of: auto, {', '.join(ENGINES)}")
    lacks = list(dict.fromkeys(word for facility in facilities for word in lacking(facility)))
    if wanted != "auto":
        return wanted, []
    return ("reference" if lacks else "batched"), lacks


def year_h(facility: Facility) -> float:
    """Calendar hours that contain one year of user time."""
    user = sum(b.hours for b in facility.schedule.block if b.phase == "user")
    return facility.schedule.user_h_per_year * facility.schedule.period_h / user


def in_parts(
    engine: str, runs: int, simulate: Callable[[int, int], Tally], text: str, progress: Progress
) -> Tally:
    """The tally of ``runs`` runs, from calls of ``simulate(first, runs)`` on parts of equal size.

    Equal sizes let a compiled engine compile once; the runs beyond ``runs`` are dropped.
    """
    parts = -(-runs // TOGETHER[engine])
    size = -(-runs // parts)
    progress(text, 0.0)
    tallies = []
    for i in range(parts):
        tallies.append(simulate(i * size, size))
        progress(text, (i + 1) / parts)
    return Tally(*(np.concatenate(field)[:runs] for field in zip(*tallies, strict=True)))


def refuse_exhausted(tally: Tally, remedy: str) -> None:
    """Raise UserError if runs used up their random inputs, since their metrics would be too good."""
    if spent := int(np.sum(tally.exhausted)):
        whole = len(tally.exhausted)
        raise UserError(
            f"{spent} of {whole} runs used up their random inputs; their metrics would be too good: {remedy}"
        )

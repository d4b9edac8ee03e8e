"""One run of the reference engine on draws made by hand, and what is read off its trace."""

import numpy as np

from twin import Facility, reference
from twin.draws import draw
from twin.nominal import nominal
from twin.plant import build
from twin.reference import Run
from twin.scenario import ahead

NEVER = 1e9
"""A budget that no life spends."""


def play(
    facility: Facility,
    hours: float,
    budgets: dict[str, list[float]],
    coins: dict[str, list[float]] | None = None,
):
    """The run with these budgets by process and coins by name; other lives never end, other coins are 1/2.

    Repairs take the median of their law.
    """
    draws = draw(facility, 1, 16, 4, 0).run(0)
    budget, coin = np.full_like(draws.budget, NEVER), np.full_like(draws.coin, 0.5)
    for table, names, rows in (
        (budget, facility.process_names, budgets),
        (coin, facility.bernoulli_streams, coins or {}),
    ):
        for name, values in rows.items():
            table[names.index(name), : len(values)] = values
    scene = ahead(facility, hours, hours)
    made = draws._replace(budget=budget, repair_z=np.zeros_like(budget), coin=coin)
    run = reference.start(build(facility), made, scene.calendar)
    run.advance(nominal(facility), scene.settings[0], scene.conditions[0], hours)
    return run


def story(run: Run, *kinds: str) -> list[tuple[float, str, str]]:
    """(hour, kind, process) of the events of these kinds, in their order."""
    names = run.plant.facility.process_names
    return [(round(e.at_h, 6), e.kind, names[e.subject]) for e in run.trace if e.kind in kinds]

"""Study of replays of synthetic logs, whose hidden plant is known, under the true law and under wrong models.

The truth is the hidden plant at other settings with the same random events. In the wrong models, hazards do not react
to settings, or react with the wrong sign.
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from replay_data import hidden, replay
from replay_data.fit import fits
from replay_data.random_inputs import operating_points, play
from replay_data.synthesize import EPOCH_H, synthesize
from replay_data.view import LogView
from twin import Facility, Space
from twin.draws import draw, enough
from twin.outcome import Tally, metrics
from twin.plant import LawOutput

DAYS, EACH = 28.0, 32
MODELS = {"the true law": 1.0, "hazards that do not react": 0.0, "slopes of the wrong sign": -1.0}
METRICS = ("failures", "lost_h", "samples")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bent:
    """A law whose hazards react with another power: present * (h / present)**power."""

    law: Any
    present: Any  # [P] hazards at the present settings and mean conditions
    power: Any  # [] 1: the law itself, -1: every slope of the wrong sign

    def __call__(self, settings, conditions) -> LawOutput:
        point = self.law(settings, conditions)
        return LawOutput(self.present * (point.hazard / self.present) ** self.power, point.quantity)


def bent(facility: Facility, seed: int, power: float) -> Bent:
    """The law of the hidden plant of a seed with the given power: 1 is the true law, others are wrong models."""
    law = hidden.plant_law(facility, seed)
    mean = np.array([c.value for c in facility.condition] + [0.0] * hidden.DRIFTS)
    present = np.asarray(law(Space.of(facility).present, mean).hazard)
    return Bent(law, present, np.asarray(power))


def known(facility: Facility, days: float, seed: int) -> replay.Window:
    """A whole synthetic log as a window, with the true conditions of the hidden plant."""
    view = replay.window(LogView(synthesize(facility, days, seed), facility), np.inf)
    middle = (np.floor(view.scenario.edges_h[:-1] / EPOCH_H + 1e-9) + 0.5) * EPOCH_H
    conditions = hidden.conditions(facility, middle, seed)
    return replace(view, scenario=replace(view.scenario, conditions=conditions))


def truth(changed: replay.Window, law, seed: int) -> dict[str, np.ndarray]:
    """The metrics of the changed window under the random inputs that made the log."""
    facility = changed.facility
    draws = draw(facility, 1, *enough(facility, changed.scenario.horizon_h), seed=seed).run(0)
    tally = Tally(
        *(np.asarray(field)[None] for field in play(changed, operating_points(changed, law), draws).tally())
    )
    return metrics(tally, changed.plant) | {"lost_h": tally.user_h - tally.delivered_h}


def covered(facility: Facility, change: dict[str, float], seed: int) -> dict[str, list[bool]]:
    """For each model: whether its 90 % interval of each metric contains the truth."""
    view = known(facility, DAYS, seed)
    changed = replay.altered(view, change)
    true, found = truth(changed, bent(facility, seed, 1.0), seed), {}
    for name, power in MODELS.items():
        laws = jax.tree.map(lambda a: np.asarray(a)[None], bent(facility, seed, power))
        result = replay.counterfactual(view, changed, laws, 1, EACH, 1000 + seed)
        ends = {m: replay.interval(result.after[m]) for m in METRICS}
        found[name] = [bool(ends[m][0] - 1e-6 <= true[m][0] <= ends[m][1] + 1e-6) for m in METRICS]
    return found


def noticed(facility: Facility, days: float, seed: int) -> dict[str, bool]:
    """For each model: whether the recovered ageing budgets of any failure mode reject it."""
    view, found = known(facility, days, seed), {}
    for name, power in MODELS.items():
        inputs = replay.recover(view, bent(facility, seed, power))
        found[name] = any(fit.fails for fit in fits(view, inputs).values())
    return found

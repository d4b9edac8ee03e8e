"""Hidden plants for any facility: drawn from a seed around the numbers of its file; models have no access to them.

The facility file states a law; the plant of a synthetic log differs from it as real machines do: other mean
lives, other sensitivities, curved responses where the file has a power law, and slow drifts that no channel
records. All spreads are assumed.
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from twin import Facility, Space
from twin.nominal import NominalLaw, nominal
from twin.plant import LawOutput

LIVES = 0.3  # log spread of mean lives about those of the file
EFFECTS = 0.3  # log spread of each stated power and slope
FIXED = (
    0.02  # the same for a linear quantity, whose slopes are physics (an energy gain), and a Touschek voltage
)
LEVEL = 0.05  # log spread of a quantity at the reference
GAIN, BEND, MIXED = 0.10, 0.30, 0.10  # of the log of a quantity, over a knob's range or a condition's swing
DRIFTING, FAILING = 0.02, 0.25  # of the log of a quantity and of a hazard, for a drift of 1
NOISE, OF_LINEAR = 0.02, 0.001  # relative noise of a reading; of a linear quantity
STEADY, SMALL = (
    0.01,
    0.1,
)  # swing of a condition without a stated one: share of its value; for a value of zero
DAILY_NOISE = 0.3  # daily noise of a condition, relative to its swing


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class HiddenDrawn:
    """The file's law with other numbers, multiplied by a smooth response to all I inputs and D drifts."""

    law: NominalLaw
    scale: Any  # [I] a knob's range, a condition's swing
    gain: Any  # [Q, I] linear response
    bend: Any  # [Q, I] quadratic response, at least 0: it has a maximum
    mixed: Any  # [Q, I] weights of a sum whose square is an interaction of the inputs
    added: Any  # [Q] scale of an additive response; 0: the response multiplies the quantity
    drifting: Any  # [Q, D] effect of the drifts on quantities
    failing: Any  # [P, D] effect of the drifts on hazards

    def __call__(self, settings, conditions) -> LawOutput:
        inputs = len(self.scale)
        stated, drifts = conditions[: inputs - len(settings)], conditions[inputs - len(settings) :]
        point = self.law(settings, stated)
        u = (jnp.concatenate([settings, stated]) - self.law.reference) / self.scale
        response = (
            self.gain @ u - 0.5 * self.bend @ u**2 - 0.5 * (self.mixed @ u) ** 2 + self.drifting @ drifts
        )
        factor = jnp.exp(response)
        additive = self.added > 0
        quantity = jnp.where(additive, point.quantity + self.added * (factor - 1.0), point.quantity * factor)
        return LawOutput(point.hazard * jnp.exp(self.failing @ drifts), quantity)


def drawn_law(facility: Facility, drifts: int, rng: np.random.Generator) -> HiddenDrawn:
    """Draw a plant around the numbers of the facility's file."""
    stated = nominal(facility)
    quantities, inputs = stated.quantity_power.shape
    known = stated.linear & (stated.quantity_slope != 0).any(axis=1)  # a sum of known slopes
    loose = np.where(known, 0.0, 1.0)[:, None]
    return HiddenDrawn(
        law=_law(facility, stated, known, rng),
        scale=np.concatenate([Space.of(facility).high - Space.of(facility).low, swing(facility)]),
        gain=loose * rng.normal(0.0, GAIN, (quantities, inputs)),
        bend=loose * np.abs(rng.normal(0.0, BEND, (quantities, inputs))),
        mixed=loose * rng.normal(0.0, MIXED, (quantities, inputs)),
        added=np.where(
            known, 0.0, np.where(stated.linear | (stated.quantity == 0), _size(stated.quantity), 0.0)
        ),
        drifting=np.where(known, 0.1, 1.0)[:, None] * rng.normal(0.0, DRIFTING, (quantities, drifts)),
        failing=rng.normal(0.0, FAILING, (len(stated.hazard), drifts)),
    )


def _law(facility: Facility, stated: NominalLaw, known: np.ndarray, rng: np.random.Generator) -> NominalLaw:
    """The stated law with other mean lives and sensitivities; promised bounds hold at the reference."""
    shape = np.array([mode.shape if mode.law == "weibull" else 1.0 for _, mode, _ in facility.processes])
    lives = np.exp(rng.normal(0.0, LIVES, len(shape)))
    spread = np.where(known, FIXED, EFFECTS)[:, None]

    def around(values, width: Any = EFFECTS):
        return values * np.exp(width * rng.normal(size=values.shape))

    level = stated.quantity * np.exp(np.where(known, 0.0, LEVEL) * rng.normal(size=len(stated.quantity)))
    return replace(
        stated,
        hazard=stated.hazard * lives**-shape,
        hazard_power=around(stated.hazard_power),
        hazard_slope=around(stated.hazard_slope),
        quantity=_promised(facility, stated.quantity, level),
        quantity_power=around(stated.quantity_power),
        quantity_slope=around(stated.quantity_slope, spread),
    )


def _promised(facility: Facility, value: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Levels [Q] clipped so that they keep at least half of the file value's distance to a promised bound."""
    bounds = [
        (-np.inf if q.low is None else q.low, np.inf if q.high is None else q.high) for q in facility.quantity
    ]
    low, high = np.array(bounds).reshape(-1, 2).T
    kept = (low <= value) & (value <= high)
    return np.where(kept, np.clip(level, (low + value) / 2, (high + value) / 2), level)


def _size(values: np.ndarray) -> np.ndarray:
    return np.where(values == 0, 1.0, np.abs(values))


def swing(facility: Facility) -> np.ndarray:
    """The swing [C] of each condition about its mean: as the file states, else ``STEADY`` or ``SMALL``."""
    rows = facility.condition
    stated = np.array([max(abs(c.daily), abs(c.yearly)) for c in rows])
    mean = np.array([abs(c.value) for c in rows])
    return np.where(stated > 0, stated, np.where(mean > 0, STEADY * mean, SMALL))


def reading_noise(facility: Facility) -> dict[str, float]:
    """The relative noise of a reading of each quantity."""
    return {q.name: OF_LINEAR if q.law == "linear" and q.slope else NOISE for q in facility.quantity}

"""The law that a facility file states, and the evaluation of any law at one operating point; both in JAX."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from twin import laws
from twin.facility import Facility, Mode
from twin.plant import Law, LawOutput


@jax.jit
def at(law: Law, settings, conditions) -> LawOutput:
    """The output of a law at one operating point, compiled once for each type of law."""
    return law(settings, conditions)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NominalLaw:
    """The law of the facility file: powers and slopes about the reference settings.

    hazard = base * prod((x/x_ref)**power) * exp(slope . (x - x_ref)); quantities likewise,
    times the Touschek shape of the voltage or as a linear sum where the file says so.
    """

    reference: Any  # [I] inputs: knobs, then conditions
    hazard: Any  # [P] at the reference
    hazard_power: Any  # [P, I]
    hazard_slope: Any  # [P, I]
    quantity: Any  # [Q] at the reference
    quantity_power: Any  # [Q, I]
    quantity_slope: Any  # [Q, I]
    voltage: Any  # [Q] knob of the Touschek shape, -1 = none
    linear: Any  # [Q] sum(slope * x) instead

    def __call__(self, settings, conditions) -> LawOutput:
        x = jnp.concatenate([settings, conditions])
        powered = jnp.any(self.hazard_power != 0, axis=0) | jnp.any(self.quantity_power != 0, axis=0)
        ratio = jnp.log(jnp.where(powered, x / self.reference, 1.0))
        step = x - self.reference
        hazard = self.hazard * jnp.exp(self.hazard_power @ ratio + self.hazard_slope @ step)
        scaled = self.quantity * jnp.exp(
            self.quantity_power @ ratio + jnp.where(self.linear[:, None], 0.0, self.quantity_slope) @ step
        )
        voltage = [jnp.where(self.voltage >= 0, v[self.voltage], 2.0) for v in (x, self.reference)]
        shape = laws.touschek_shape(voltage[0], jnp) / laws.touschek_shape(voltage[1], jnp)
        summed = self.quantity + self.quantity_slope @ step
        return LawOutput(
            hazard, jnp.where(self.linear, summed, scaled * jnp.where(self.voltage >= 0, shape, 1.0))
        )


def _base(mode: Mode) -> float:
    """Hazard of one unit at the reference, without the share ``beta`` that common-cause events take."""
    return (1.0 - mode.beta) * mode.life.hazard


def nominal(facility: Facility) -> NominalLaw:
    """The law that the facility file states; hazards follow from each mode's mean life."""
    inputs = facility.inputs
    reference = [k.value for k in facility.knob] + [c.value for c in facility.condition]

    def matrix(rows):
        return np.array([[row.get(name, 0.0) for name in inputs] for row in rows], float).reshape(
            -1, len(inputs)
        )

    processes, quantities = facility.processes, facility.quantity
    return NominalLaw(
        reference=np.array(reference, float),
        hazard=np.array([n * _base(m) for _, m, n in processes]),
        hazard_power=matrix(m.power for _, m, _ in processes),
        hazard_slope=matrix(m.slope for _, m, _ in processes),
        quantity=np.array([q.value for q in quantities], float),
        quantity_power=matrix(q.power for q in quantities),
        quantity_slope=matrix(q.slope for q in quantities),
        voltage=np.array([inputs.index(q.voltage) if q.voltage else -1 for q in quantities]),
        linear=np.array([q.law == "linear" for q in quantities]),
    )

"""Physics-informed model: the law of the facility file with a correction learned by perceptrons."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from surrogate.models.perceptrons import Networks, Perceptrons
from surrogate.models.protocol import Fit, Task
from twin.facility import Facility
from twin.nominal import NominalLaw, nominal


class KnownLaw(eqx.Module):
    """The ``power`` and ``slope`` sensitivities of a facility file (see ``twin.nominal.NominalLaw``), standardised."""

    reference: Any  # [I]
    quantity: Any  # [Q]
    power: Any  # [Q, I]
    slope: Any  # [Q, I]
    voltage: Any  # [Q]
    linear: Any  # [Q]
    x_mean: Any  # [I]
    x_scale: Any  # [I]
    y_mean: Any  # [Q]
    y_scale: Any  # [Q]
    logged: Any  # [Q]

    def __call__(self, z) -> Any:
        """Standardised outputs [Q] of the file's law at inputs z [J]; the first I are settings and conditions."""
        inputs = self.x_mean.shape[0]
        none = jnp.zeros((0, inputs))
        law = NominalLaw(
            self.reference, jnp.zeros(0), none, none, self.quantity, self.power, self.slope, self.voltage,
            self.linear,
        )  # fmt: skip
        y = law(self.x_mean + self.x_scale * z[:inputs], jnp.zeros(0)).quantity
        y = jnp.where(self.logged, jnp.log(jnp.maximum(jnp.where(self.logged, y, 1.0), 1e-300)), y)
        return (y - self.y_mean) / jnp.where(self.y_scale > 0, self.y_scale, 1.0)


def known_law(facility: Facility, scale: Any) -> KnownLaw | None:
    """The law of the facility file, standardised; None if the file has no sensitivity of a quantity."""
    law = nominal(facility)
    if not (law.quantity_power.any() or law.quantity_slope.any() or (law.voltage >= 0).any()):
        return None
    parts = (
        law.reference, law.quantity, law.quantity_power, law.quantity_slope, law.voltage, law.linear,
        scale.x_mean, scale.x_scale, scale.y_mean, scale.y_scale, scale.logged,
    )  # fmt: skip
    return KnownLaw(*map(jnp.asarray, parts))


class Corrected(eqx.Module):
    """Members [M, Q] = known law + correction: a factor where outputs are logarithms, else a difference."""

    known: KnownLaw
    correction: Networks

    def __call__(self, z) -> Any:
        return self.known(z)[None] + self.correction(z)


class Physics(Perceptrons):
    """Known law with a learned correction; outside the data the law extrapolates and the correction is held."""

    name: ClassVar[str] = "physics-informed"
    kinds: ClassVar[tuple[type[eqx.Module], ...]] = (Corrected, KnownLaw, Networks)

    def refuses(self, task: Task) -> str:
        return "" if task.known is not None else "the facility file names no sensitivity of a quantity"

    def fit(self, task: Task, effort: int | None = None) -> Fit:
        assert task.known is not None, self.refuses(task)
        known = np.asarray(eqx.filter_jit(eqx.filter_vmap(task.known))(jnp.asarray(task.z)))
        found = super().fit(task._replace(t=task.t - known), effort)
        return Fit(Corrected(task.known, found.model), found.effort)

"""The learned law: beam quantities and hazards, both with their posterior, and the support of the data."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from surrogate import models, stored
from surrogate.conformal import Band
from surrogate.ensemble import Ensemble
from surrogate.faults import Faults, Nets, RepairTimes
from surrogate.loglinear import LogLinear, repeated
from surrogate.support import Support
from twin.plant import LawOutput


class LearnedLaw(eqx.Module):
    """A law (see ``twin.plant.Law``) learned from logs; a call returns its best estimate.

    Inputs are settings [K] and conditions [C] in the facility's units.
    """

    quantities: Ensemble
    band: Band
    hazards: Faults | LogLinear  # models of earlier versions have only log-linear hazards
    extrapolation_error: Any  # [Q] error outside the data in units of the members' spread
    seen: Support | None  # support of the training data; None in draws

    def __call__(self, settings, conditions) -> LawOutput:
        x = jnp.concatenate([settings, conditions])
        return LawOutput(self.hazards(x), self.quantities(x))

    def mean(self) -> "LearnedLaw":
        """The law of the posterior means, without its hazards' spread."""
        return eqx.tree_at(lambda law: law.hazards, self, self.hazards.posterior_mean())

    def draws(self, key, n: int) -> "LearnedLaw":
        """``n`` posterior draws in one module, every array with a leading axis n for ``jax.vmap``.

        The hazards are a posterior draw. The quantities are a random mix of the members about their mean, with
        ``extrapolation_error`` times their spread.
        """
        # numpy, not jax: no n needs a compilation.
        rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
        members, outputs = np.shape(self.quantities.weights)
        mix = rng.normal(size=(n, members, outputs))
        mix = (mix - mix.mean(1, keepdims=True)) / np.sqrt(max(members - 1, 1))
        weights = np.asarray(self.quantities.weights) + np.asarray(self.extrapolation_error) * mix
        plain = eqx.tree_at(lambda law: (law.seen, law.hazards), self, (None, None))
        return eqx.tree_at(
            lambda law: (law.quantities.weights, law.hazards),
            repeated(plain, n),
            (jnp.asarray(weights), self.hazards.draws(rng, n)),
            is_leaf=lambda part: part is None,
        )

    def predict(self, settings, conditions) -> tuple[Any, Any, Any]:
        """Mean, low and high [Q] of the quantities: a calibrated 90 % interval for one measurement."""
        out = self.quantities.members(jnp.concatenate([settings, conditions]))
        mean, half = out.mean(0), self.band.half_width(out.std(0))
        natural = self.quantities.natural
        return natural(mean), natural(mean - half), natural(mean + half)

    def support(self, settings, conditions) -> Any:
        """Distance from the training data in standard deviations; beyond ``seen.limit`` the law extrapolates."""
        if self.seen is None:
            raise ValueError(
                "a draw of a learned law has no support; call support of the law it was drawn from"
            )
        return self.seen(settings, conditions)


KINDS: dict[str, type[eqx.Module]] = {
    kind.__name__: kind
    for kind in (LearnedLaw, Ensemble, Band, Faults, LogLinear, Nets, RepairTimes, Support)
}


def save(law: LearnedLaw, path: str | Path) -> None:
    """Write a law as .npz (plain arrays, no pickle)."""
    stored.save(law, path)


def load(path: str | Path) -> LearnedLaw:
    """Read a law that ``save`` wrote."""
    return stored.load(path, KINDS | models.kinds())

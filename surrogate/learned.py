"""The learned law: beam quantities from an ensemble, hazards log-linear, both with their posterior."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from surrogate.conformal import Band
from surrogate.ensemble import Ensemble
from surrogate.support import Support
from twin.plant import Point


class LearnedLaw(eqx.Module):
    """A law (see ``twin.plant.Law``) learned from logs; called, it says what is most likely.

    Inputs are settings [K] and conditions [C] in the facility's units.
    """

    quantities: Ensemble
    band: Band
    hazard_mean: Any  # [G, 1 + I] log hazard of G modes = w . (1, z)
    hazard_root: Any  # [G, 1 + I, R] square root of its covariance; R = 0: no spread of its own
    x_mean: Any  # [I]
    x_scale: Any  # [I]
    group: Any  # [P] the mode of each process
    reach: Any  # [Q] how many times wider the ensemble errs at the edge of the data than its members differ
    seen: Support | None  # absent in draws, which would only repeat it

    def __call__(self, settings, conditions) -> Point:
        x = jnp.concatenate([settings, conditions])
        z = jnp.concatenate([jnp.ones(1), (x - self.x_mean) / self.x_scale])
        log_h = jnp.clip(self.hazard_mean @ z, -60.0, 60.0)
        return Point(jnp.exp(log_h)[self.group], self.quantities(x))

    def mean(self) -> "LearnedLaw":
        """The law of the posterior means, without its hazards' spread."""
        return eqx.tree_at(lambda law: law.hazard_root, self, self.hazard_root[..., :0])

    def draws(self, key, n: int) -> "LearnedLaw":
        """``n`` laws in one, every array with a leading axis n for ``jax.vmap``.

        A draw's hazards are a posterior draw; its quantities a random mix of the members about their mean,
        with ``reach`` times their spread.
        """
        # numpy, not jax: nothing is compiled, whatever n is.
        rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
        members, outputs = np.shape(self.quantities.weights)
        mix = rng.normal(size=(n, members, outputs))
        mix = (mix - mix.mean(1, keepdims=True)) / np.sqrt(max(members - 1, 1))
        weights = np.asarray(self.quantities.weights) + np.asarray(self.reach) * mix
        luck = rng.normal(size=(n, *self.hazard_root.shape[::2]))
        hazards = np.asarray(self.hazard_mean) + np.einsum("gir,ngr->ngi", np.asarray(self.hazard_root), luck)
        plain = eqx.tree_at(lambda law: (law.seen, law.hazard_root), self, (None, self.hazard_root[..., :0]))
        many = jax.tree.map(lambda a: jnp.asarray(np.broadcast_to(a, (n, *np.shape(a)))), plain)
        return eqx.tree_at(
            lambda law: (law.quantities.weights, law.hazard_mean),
            many,
            (jnp.asarray(weights), jnp.asarray(hazards)),
        )

    def predict(self, settings, conditions) -> tuple[Any, Any, Any]:
        """Mean, low and high [Q] of the quantities: a calibrated 90 % interval for one measurement."""
        out = self.quantities.members(jnp.concatenate([settings, conditions]))
        mean, half = out.mean(0), self.band.half_width(out.std(0))
        natural = self.quantities.natural
        return natural(mean), natural(mean - half), natural(mean + half)

    def support(self, settings, conditions) -> Any:
        """Distance from the training data in its standard deviations; compare with ``seen.limit``."""
        if self.seen is None:
            raise ValueError("a draw of a learned law has no support measure; ask the law it was drawn from")
        return self.seen(settings, conditions)


PARTS = {
    "quantities": ("x_mean", "x_scale", "y_mean", "y_scale", "logged", "weights", "x_low", "x_high"),
    "band": ("factor", "floor"),
    "seen": ("points", "mean", "scale", "low", "high", "condition_scale", "limit"),
}
OWN = ("hazard_mean", "hazard_root", "x_mean", "x_scale", "group", "reach")


def arrays(law: LearnedLaw) -> dict[str, np.ndarray]:
    """All arrays of a law by name."""
    found = {name: np.asarray(getattr(law, name)) for name in OWN}
    for part, names in PARTS.items():
        found |= {f"{part}.{name}": np.asarray(getattr(getattr(law, part), name)) for name in names}
    for i, (weight, bias) in enumerate(law.quantities.layers):
        found |= {f"weight.{i}": np.asarray(weight), f"bias.{i}": np.asarray(bias)}
    return found


def from_arrays(found) -> LearnedLaw:
    """The law of ``arrays``."""

    def part(name):
        return [jnp.asarray(found[f"{name}.{field}"]) for field in PARTS[name]]

    layers = tuple((jnp.asarray(found[f"weight.{i}"]), jnp.asarray(found[f"bias.{i}"])) for i in range(4))
    own = {name: jnp.asarray(found[name]) for name in OWN}
    quantities, band = Ensemble(layers, *part("quantities")), Band(*part("band"))
    return LearnedLaw(quantities, band, **own, seen=Support(*part("seen")))


def save(law: LearnedLaw, path: str | Path) -> None:
    """Write a law as .npz (plain arrays, no pickle)."""
    np.savez(path, **arrays(law))  # type: ignore[arg-type]


def load(path: str | Path) -> LearnedLaw:
    """Read a law that ``save`` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return from_arrays(file)

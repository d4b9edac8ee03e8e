"""The learned beam quantities: a mix of the best models of each, with a spread that measures uncertainty."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

FURTHEST_SD = 12.0
WIDE = 2.0


class Ensemble(eqx.Module):
    """M members of Q quantities: a mix of models of standardised inputs and outputs, and the last measurement.

    Inputs are knobs, then conditions. Outputs are logarithms where ``logged`` (positive quantities that vary
    by a factor). A category is not a number: its column is held at the mean, and each of its ``codes`` has a
    column of 0 and 1 after the other columns. With g_m the members of the mix, y' the last measurement, and
    x' the settings and conditions at which it was made,

        f_m(x) = follow g_m(x) + retain (y' - follow g_m(x')).

    follow 1, retain 0 is the static model; follow 0, retain 1 is persistence; 1 and 1 corrects an offset that
    drifts. ``last`` holds the second term.
    """

    parts: Any  # tuple of models: z [J] -> [M, Q]
    share: Any  # [parts, Q] share of each model in each quantity
    x_mean: Any  # [I]
    x_scale: Any  # [I]
    y_mean: Any  # [Q]
    y_scale: Any  # [Q], 0 for a quantity that was never measured
    logged: Any  # [Q] bool
    weights: Any  # [M, Q] of the members in each quantity; 1 / M, except in a posterior draw
    coded: Any  # [C] the input that each column of 0 and 1 encodes
    codes: Any  # [C] the value that it encodes
    follow: Any  # [Q]
    retain: Any  # [Q]
    last: Any  # [M, Q] standardised

    def members(self, x) -> Any:
        """Each member's outputs [M, Q] for inputs [I], logarithms where ``logged``, with the stored last measurement.

        Wide inputs [I + I + Q] hold their own last measurement: its inputs and its values (NaN: none).
        """
        inputs = self.x_mean.shape[0]
        last = self.last if x.shape[0] == inputs else self._retained(x[inputs : 2 * inputs], x[2 * inputs :])
        out = self.follow[None] * self._mixed(x[:inputs]) + last
        return self.y_mean[None] + self.y_scale[None] * jnp.clip(out, -FURTHEST_SD, FURTHEST_SD)

    def _mixed(self, x) -> Any:
        z = encoded(x, self.x_mean, self.x_scale, self.coded, self.codes)
        return sum(share[None] * part(z) for share, part in zip(self.share, self.parts, strict=True))

    def _retained(self, x, y) -> Any:
        """The offset [M, Q] that a measurement [Q] at inputs [I] adds to later outputs."""
        logged = jnp.log(jnp.where(self.logged & (y > 0), y, jnp.where(self.logged, jnp.nan, 1.0)))
        t = (jnp.where(self.logged, logged, y) - self.y_mean) / jnp.where(self.y_scale > 0, self.y_scale, 1.0)
        known = jnp.isfinite(t)
        left = self.retain[None] * (jnp.where(known, t, 0.0)[None] - self.follow[None] * self._mixed(x))
        return jnp.where((known & (self.retain > 0))[None], left, 0.0)

    def reading(self, x, y) -> "Ensemble":
        """The ensemble after quantities [Q] were measured at inputs [I]; NaN (not measured) removes the offset."""
        return eqx.tree_at(lambda own: own.last, self, self._retained(jnp.asarray(x), jnp.asarray(y)))

    def natural(self, y) -> Any:
        """Outputs [..., Q] in the facility's units."""
        logged = self.logged.reshape((1,) * (jnp.ndim(y) - 1) + (-1,))
        return jnp.where(logged, jnp.exp(jnp.where(logged, y, 0.0)), y)

    def __call__(self, x) -> Any:
        """The quantities [Q] for inputs [I], in the facility's units."""
        return self.natural((self.weights * self.members(x)).sum(0))

    def modelled(self, y) -> np.ndarray:
        """Measured quantities [N, Q] in the output units of the members (logarithms where ``logged``)."""
        logged = np.asarray(self.logged)
        return np.where(logged, np.log(np.where(logged, np.maximum(y, 1e-300), 1.0)), y)


def encoded(x, mean, scale, coded, codes) -> Any:
    """Standardised inputs [J] of inputs [I]: the column of a category is 0, and each code has a column of 0 and 1."""
    z = (x - mean) / scale
    if not len(coded):
        return z
    return jnp.concatenate([z.at[coded].set(0.0), (jnp.abs(x[coded] - codes) < 0.5).astype(z.dtype)])


@eqx.filter_jit
def evaluate(ensemble: Ensemble, x) -> tuple[Any, Any]:
    """Mean and standard deviation over members, [N, Q] each, for inputs [N, I]; logs where ``logged``."""
    out = jax.vmap(ensemble.members)(x)
    return out.mean(1), out.std(1)


def predict(ensemble: Ensemble, x) -> tuple[np.ndarray, np.ndarray]:
    """``evaluate`` in batches of one fixed shape, so that any number of rows uses one compiled program."""
    mean, spread = in_batches(lambda part: evaluate(ensemble, part), x)
    return mean, spread


def in_batches(function, x, size: int = 1024) -> list[np.ndarray]:
    """The arrays that a function returns for inputs [N, ...], ``size`` rows per call."""
    rows = len(x)
    filled = np.zeros((-(-max(rows, 1) // size) * size, np.shape(x)[1]))
    filled[:rows] = x
    parts = [function(filled[i : i + size]) for i in range(0, len(filled), size)]
    return [np.concatenate([np.asarray(a) for a in arrays])[:rows] for arrays in zip(*parts, strict=True)]


class Scaling(NamedTuple):
    """Means and scales of inputs and outputs, the outputs that are logarithms, the inputs that are categories."""

    x_mean: np.ndarray
    x_scale: np.ndarray
    y_mean: np.ndarray
    y_scale: np.ndarray
    logged: np.ndarray
    coded: np.ndarray = np.zeros(0, int)
    codes: np.ndarray = np.zeros(0)


def _wide(y) -> np.ndarray:
    """Whether each quantity [Q] varies by more than a factor WIDE from its 1 % to its 99 % quantile."""
    spans = [
        np.quantile(column[np.isfinite(column)], [0.01, 0.99]) if np.isfinite(column).any() else [1.0, np.inf]
        for column in y.T
    ]
    return np.array([high > WIDE * max(low, 1e-300) for low, high in spans], bool)


def logarithms(y, y_default, part: Any = slice(None)) -> np.ndarray:
    """Whether each quantity [Q] is learned as its logarithm: positive in all rows, and wide in a ``part`` of them.

    Errors are in these units, so the choice is made once for all fits of a training.
    """
    positive = np.where(np.isfinite(y), y > 0, True).all(0) & (np.asarray(y_default) > 0)
    return positive & _wide(y[part])


def scaling(
    x,
    y,
    x_floor,
    y_default,
    categories: dict[int, np.ndarray] | None = None,
    logged: np.ndarray | None = None,
) -> Scaling:
    """Standardisation by the data; the scale of an input is at least ``x_floor`` [I].

    A quantity that was never measured is held at ``y_default`` [Q]. ``categories``: the codes of each
    category, by the index of the input. ``logged``: the quantities that are logarithms (default: ``logarithms``).
    """
    measured = np.isfinite(y)
    logged = logarithms(y, y_default) if logged is None else logged
    values = np.where(logged, np.log(np.where(measured & logged, y, 1.0)), y)
    count = np.maximum(measured.sum(0), 1)
    mean = np.where(measured, values, 0.0).sum(0) / count
    scale = np.sqrt((np.where(measured, values - mean, 0.0) ** 2).sum(0) / count)
    default = np.where(logged, np.log(np.where(logged, y_default, 1.0)), y_default)
    never = measured.sum(0) == 0
    kinds = categories or {}
    return Scaling(
        x.mean(0),
        np.maximum(x.std(0), x_floor),
        np.where(never, default, mean),
        np.where(never, 0.0, np.maximum(scale, 1e-9 + 1e-6 * np.abs(mean))),
        logged,
        np.array([i for i, codes in kinds.items() for _ in codes], int),
        np.array([code for codes in kinds.values() for code in codes], float),
    )


def ensemble(parts, share, scale: Scaling, members: int) -> Ensemble:
    """A static mix of models, with inputs and outputs scaled by ``scale``."""
    outputs = len(scale.y_mean)
    even = jnp.full((members, outputs), 1.0 / members)
    own = {name: jnp.asarray(value) for name, value in scale._asdict().items()}
    return Ensemble(
        tuple(parts), jnp.asarray(share, float), **own, weights=even,
        follow=jnp.ones(outputs), retain=jnp.zeros(outputs), last=jnp.zeros((members, outputs)),
    )  # fmt: skip

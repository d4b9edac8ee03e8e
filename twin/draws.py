"""All chance of a run, drawn before it starts; each draw belongs to (run, process, ordinal)."""

import zlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from twin.facility import Facility


class Draws(NamedTuple):
    """Chance of R runs, P failure processes, B beamlines; leading axis R unless cut to one run.

    Two scenarios on the same draws differ only by what was changed in them.
    """

    budget: Any  # [R, P, N] unit-exponential hazard that the n-th life can spend
    repair_z: Any  # [R, P, N] standard normal quantile of the n-th repair
    arrive_h: Any  # [R, B, A] when the a-th experiment arrives; the first waits at the start
    demand: Any  # [R, B, A + 1] samples brought by the first a experiments together

    def run(self, r: int) -> "Draws":
        """The draws of run ``r`` alone, as numpy arrays."""
        return Draws(*(np.asarray(field)[r] for field in self))


def _key(seed: int, *names: str):
    key = jax.random.key(seed)
    for name in names:
        key = jax.random.fold_in(key, zlib.crc32(name.encode()))
    return key


def draw(facility: Facility, runs: int, lives: int, experiments: int, seed: int) -> Draws:
    """Draws for ``runs`` runs with at most ``lives`` failures a process and ``experiments`` a beamline.

    Keys come from names, so another process, more runs or a longer life leave the rest unchanged.
    """

    def table(kind, names, size, sample):
        keys = jnp.stack([jax.random.fold_in(_key(seed, kind, name), 0) for name in names])
        per_run = jax.vmap(lambda k: jax.vmap(lambda r: jax.random.fold_in(k, r))(jnp.arange(runs)))(keys)
        values = jax.vmap(jax.vmap(lambda k: sample(k, (size,), dtype=jnp.float64)))(per_run)
        return np.asarray(jnp.swapaxes(values, 0, 1))

    names = facility.process_names
    lines = [b.name for b in facility.beamline]
    gap_h = np.array([168.0 / b.experiments_per_week for b in facility.beamline])[:, None]
    mean = np.array([b.samples_per_experiment for b in facility.beamline])[:, None]
    if names:
        budget = table("budget", names, lives, jax.random.exponential)
        repair_z = table("repair", names, lives, jax.random.normal)
    else:
        budget = repair_z = np.ones((runs, 0, lives))
    arrive = np.cumsum(table("arrive", lines, experiments, jax.random.exponential) * gap_h, axis=-1)
    size = np.maximum(1.0, np.round(mean * (0.5 + table("size", lines, experiments, jax.random.uniform))))
    return Draws(
        budget,
        repair_z,
        arrive - arrive[..., :1],
        np.concatenate([np.zeros((runs, len(lines), 1)), np.cumsum(size, axis=-1)], axis=-1),
    )


def enough(facility: Facility, horizon_h: float, hazard=None) -> tuple[int, int]:
    """(lives, experiments) that a horizon hardly ever uses up, as powers of two.

    ``hazard`` [P]: the highest expected rates, 1/h; default four times each mode's own.
    """
    rates = [4.0 * n / m.mtbf_h for _, m, n in facility.processes] if hazard is None else list(hazard)
    arrivals = max(b.experiments_per_week for b in facility.beamline) / 168.0

    def room(rate):
        mean = rate * horizon_h
        return 2 ** int(np.ceil(np.log2(mean + 6.0 * np.sqrt(mean) + 8.0)))

    return room(max(rates, default=0.0)), room(arrivals)

"""Model selection for each quantity by error on later time, within the training rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from surrogate import ensemble, fitting
from surrogate.baselines import block_bootstrap
from surrogate.checkpoint import Checkpoint
from surrogate.ensemble import Ensemble, Scaling, encoded, in_batches
from surrogate.fitting import STANDARD, Recipe
from surrogate.models.physics import KnownLaw
from surrogate.models.protocol import Fit, Learner, Some, Task
from surrogate.samples import Samples
from twin.errors import UserError

FEWEST = 20
STOP_SHARE, LATER_SHARE = 0.10, 0.20  # of the training rows: to stop early, to choose (and calibrate) on

MEMORIES = ((1.0, 0.0), (1.0, 0.5), (1.0, 1.0), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0))
"""Candidate pairs (follow, retain) of ``Ensemble``: shares of the model and of the last residual."""


class Choice(NamedTuple):
    """The models chosen for one quantity, and the mean absolute error of each candidate on later time."""

    models: tuple[str, ...]  # of equal weight
    follow: float
    retain: float
    scores: dict[str, float]


@dataclass(frozen=True)
class Study:
    """What all fits of a training share: learners, scaling, seed, recipe and checkpoint."""

    learners: dict[str, Learner]
    scale: Scaling
    seed: int = 0
    recipe: Recipe = STANDARD
    room: int = 0
    known: KnownLaw | None = None
    checkpoint: Checkpoint | None = None
    efforts: dict[str, int] = field(default_factory=dict)  # found by early stopping, once chosen

    def task(self, x, y, later: int = 0) -> Task:
        """The task of a learner: rows of inputs [N, I] and quantities [N, Q], standardised."""
        s, recipe = self.scale, self.recipe
        inputs = len(s.x_mean)
        z = eqx.filter_vmap(
            lambda row: encoded(row, *map(jnp.asarray, (s.x_mean, s.x_scale, s.coded, s.codes)))
        )(jnp.asarray(x[:, :inputs]))
        values = np.where(s.logged, np.log(np.where(s.logged & (y > 0), y, 1.0)), y)
        t = np.where(s.y_scale > 0, (values - s.y_mean) / np.where(s.y_scale > 0, s.y_scale, 1.0), np.nan)
        weight = fitting.bootstrap(recipe.members, len(x), recipe.block_rows, self.seed)
        return Task(
            np.asarray(z), t, weight, self.seed, later, self.room, recipe, self.known, self.checkpoint
        )

    def fits(self, x, y, names: Sequence[str], later: int = 0) -> dict[str, Fit]:
        """Models of the named learners, fitted to rows; with ``later``, early stopping finds their effort."""
        task = self.task(x, y, later)
        return {
            name: self.learners[name].fit(task, None if later else self.efforts.get(name)) for name in names
        }

    def refusals(self, x, y) -> dict[str, str]:
        """The learners that cannot use these rows, with the reason."""
        task = self.task(x, y)
        found = {name: learner.refuses(task) for name, learner in self.learners.items()}
        return {name: reason for name, reason in found.items() if reason}

    def mixed(self, fits: dict[str, Fit], choices: Sequence[Choice]) -> Ensemble:
        """The ensemble of the choices [Q]."""
        share = [[(name in c.models) / len(c.models) for c in choices] for name in fits]
        made = ensemble.ensemble([f.model for f in fits.values()], share, self.scale, self.recipe.members)
        memory = [jnp.array([getattr(c, name) for c in choices]) for name in ("follow", "retain")]
        return eqx.tree_at(lambda own: (own.follow, own.retain), made, tuple(memory))

    def fitted(self, samples: Samples, choices: Sequence[Choice]) -> Ensemble:
        """The ensemble of the choices [Q], its models fitted to all rows."""
        task, fits = self.task(samples.x, samples.y), {}
        for name, learner in self.learners.items():
            place = np.flatnonzero([name in c.models for c in choices])
            if len(place):
                part = task._replace(t=task.t[:, place]) if learner.apart else task
                fits[name] = learner.fit(part, self.efforts.get(name))
                if learner.apart and len(place) < len(choices):
                    some = Some(fits[name].model, jnp.asarray(place), jnp.zeros(len(choices)))
                    fits[name] = fits[name]._replace(model=some)
        return self.mixed(fits, choices)


def tail(n: int) -> tuple[int, int]:
    """Of n training rows: how many of the last are for selection, and how many before those for early stopping."""
    stop, later = (max(FEWEST, int(share * n)) for share in (STOP_SHARE, LATER_SHARE))
    if n < 3 * FEWEST:
        raise UserError(f"{n} rows before the test time are too few or at one time; add logs of other times")
    return later, stop


class Chosen(NamedTuple):
    """The choices [Q], the fits without the last rows, and the learners that were left out, with the reason."""

    choices: list[Choice]
    fits: dict[str, Fit]
    refused: dict[str, str]


def choose(study: Study, samples: Samples, progress: Callable[[float], None] = lambda share: None) -> Chosen:
    """For each quantity the model or mix of two, and the (follow, retain) pair, of least error on later rows.

    With enough rows there are two cuts in time: fitted to the first 60 % (80 %), scored on the next 20 %. Early
    stopping at the second cut sets ``study.efforts``. Samples must have ``last`` (``with_last_measured``).
    """
    wide, y = samples.wide, samples.y
    later, stop = tail(len(wide))
    refused = study.refusals(wide, y)
    names = [name for name in study.learners if name not in refused]
    if not names:
        raise UserError("no model can use these rows: " + "; ".join(f"{k}: {v}" for k, v in refused.items()))
    cuts = [len(wide) - later]
    if len(wide) - 2 * later >= 3 * stop and len(names) > 1:
        cuts.insert(0, len(wide) - 2 * later)
    held_out, fits = [], {}
    for i, cut in enumerate(cuts):
        fits = study.fits(wide[:cut], y[:cut], names, stop)
        next_rows = slice(cut, cut + later)
        held_out.append(HeldOut(_predictions(study, fits, wide[next_rows]), wide[next_rows], y[next_rows]))
        progress((i + 1) / len(cuts))
    study.efforts.update({name: fit.effort for name, fit in fits.items()})
    return Chosen([_choice(study, names, held_out, q) for q in range(y.shape[1])], fits, refused)


class HeldOut(NamedTuple):
    """Rows that a fit did not use, and the predictions of its models for them."""

    predicted: dict[
        str, tuple[np.ndarray, np.ndarray]
    ]  # [N, Q] each: at the rows, and at the last measurement
    wide: np.ndarray  # [N, I + I + Q]
    y: np.ndarray  # [N, Q]


def _predictions(study: Study, fits: dict[str, Fit], wide) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Standardised predictions [N, Q] of each model, at the inputs of the rows and of the last measurement."""
    inputs = len(study.scale.x_mean)
    found = {}
    for name, fit in fits.items():
        here, there = (
            _means(fit.model, study.task(x, np.full((len(x), len(study.scale.y_mean)), np.nan)).z)
            for x in (wide[:, :inputs], wide[:, inputs : 2 * inputs])
        )
        found[name] = here, there
    return found


@eqx.filter_jit
def _mean(model, z):
    return (eqx.filter_vmap(model)(z).mean(1),)


def _means(model, z) -> np.ndarray:
    return in_batches(lambda part: _mean(model, part), z)[0]


def _choice(study: Study, names: list[str], held_out: list[HeldOut], q: int) -> Choice:
    """The choice for one quantity, by the errors of each model on later rows."""

    def errors(models: tuple[str, ...], follow: float = 1.0, retain: float = 0.0) -> np.ndarray:
        return np.concatenate([_errors(study.scale, part, q, models, follow, retain) for part in held_out])

    def score(*candidate) -> float:
        found = errors(*candidate)
        return float(found.mean()) if len(found) else np.inf

    scores = {name: score((name,)) for name in names}
    ranked = sorted(names, key=lambda name: scores[name])
    models: tuple[str, ...] = (ranked[0],)
    if len(ranked) > 1:
        pair = (ranked[0], ranked[1])
        scores[" + ".join(pair)] = score(pair)
        if scores[" + ".join(pair)] < scores[ranked[0]]:
            models = pair
    by_memory = {memory: errors(models, *memory) for memory in MEMORIES}
    memory = _cautious(by_memory, study.seed)
    for (follow, retain), found in list(by_memory.items())[1:]:
        scores[f"follow {follow:g}, retain {retain:g}"] = float(found.mean()) if len(found) else np.inf
    return Choice(models, *memory, scores)


def _cautious(by_memory: dict[tuple[float, float], np.ndarray], seed: int) -> tuple[float, float]:
    """The (follow, retain) pair to use, by the errors [N] of each in order of time.

    It is the static model, unless another pair is significantly better (90 % interval of the difference by block
    bootstrap). Then it is, of the pairs within one standard error of the best (Breiman et al., Classification and
    regression trees, 1984), the one with the least ``follow``, because a drifting machine limits what a model
    can predict.
    """
    static = MEMORIES[0]
    best = min(by_memory, key=lambda memory: by_memory[memory].mean() if len(by_memory[memory]) else 0.0)
    if not len(by_memory[best]) or block_bootstrap(by_memory[static] - by_memory[best], seed)[0] <= 0.0:
        return static
    eligible = [m for m in by_memory if m == best or _near(by_memory[m] - by_memory[best], seed)]
    return min(eligible, key=lambda m: (m[0], by_memory[m].mean()))


def _near(more: np.ndarray, seed: int) -> bool:
    """Whether the mean of error differences [N] is at most one standard error."""
    low, high = block_bootstrap(more, seed)
    return bool(more.mean() <= (high - low) / 2.0 / 1.645)


def _errors(scale: Scaling, part: HeldOut, q: int, models, follow: float, retain: float) -> np.ndarray:
    """Absolute errors of a mix with (follow, retain) on the measured rows, in the facility's units."""
    predicted, wide, y = part
    here, there = (np.mean([predicted[name][i][:, q] for name in models], axis=0) for i in range(2))
    logged, mean, sd = scale.logged[q], scale.y_mean[q], scale.y_scale[q]
    before = wide[:, 2 * len(scale.x_mean) + q]
    if logged:
        before = np.log(np.where(before > 0, before, np.nan))
    left = retain * ((before - mean) / (sd or 1.0) - follow * there)
    out = mean + sd * (follow * here + np.where(np.isfinite(left), left, 0.0))
    error = np.abs(y[:, q] - (np.exp(out) if logged else out))
    return error[np.isfinite(error)]

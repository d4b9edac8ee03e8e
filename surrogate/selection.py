"""Which model for which quantity: chosen by skill on later time, within the rows that may train."""

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
"""How far a quantity follows its model and how much of the last residual it retains; the first is static."""


class Choice(NamedTuple):
    """What one quantity is made of, and how each candidate did on later time (mean absolute error)."""

    models: tuple[str, ...]  # of equal weight
    follow: float
    retain: float
    scores: dict[str, float]


@dataclass(frozen=True)
class Study:
    """What all fits of a training share: learners, scaling, seed and where they lay down how far they are."""

    learners: dict[str, Learner]
    scale: Scaling
    seed: int = 0
    recipe: Recipe = STANDARD
    room: int = 0
    known: KnownLaw | None = None
    keep: Checkpoint | None = None
    efforts: dict[str, int] = field(default_factory=dict)  # found by early stopping, once chosen

    def task(self, x, y, later: int = 0) -> Task:
        """Rows of inputs [N, I] and quantities [N, Q] as a learner sees them."""
        s, recipe = self.scale, self.recipe
        inputs = len(s.x_mean)
        z = eqx.filter_vmap(
            lambda row: encoded(row, *map(jnp.asarray, (s.x_mean, s.x_scale, s.coded, s.codes)))
        )(jnp.asarray(x[:, :inputs]))
        values = np.where(s.logged, np.log(np.where(s.logged & (y > 0), y, 1.0)), y)
        t = np.where(s.y_scale > 0, (values - s.y_mean) / np.where(s.y_scale > 0, s.y_scale, 1.0), np.nan)
        weight = fitting.bootstrap(recipe.members, len(x), recipe.block_rows, self.seed)
        return Task(np.asarray(z), t, weight, self.seed, later, self.room, recipe, self.known, self.keep)

    def fits(self, x, y, names: Sequence[str], later: int = 0) -> dict[str, Fit]:
        """The models of some learners, fitted to rows; with ``later``, early stopping finds their effort."""
        task = self.task(x, y, later)
        return {
            name: self.learners[name].fit(task, None if later else self.efforts.get(name)) for name in names
        }

    def refusals(self, x, y) -> dict[str, str]:
        """Why which learner is not for these rows."""
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
    """Of n training rows: how many of the last are to choose on, and how many before those are to stop early."""
    stop, later = (max(FEWEST, int(share * n)) for share in (STOP_SHARE, LATER_SHARE))
    if n < 3 * FEWEST:
        raise UserError(f"{n} rows before the test time are too few or at one time; add logs of other times")
    return later, stop


class Chosen(NamedTuple):
    """The choices [Q], the fits that did not see the last rows, and why some learners were left out."""

    choices: list[Choice]
    fits: dict[str, Fit]
    refused: dict[str, str]


def choose(study: Study, samples: Samples, say: Callable[[float], None] = lambda share: None) -> Chosen:
    """For each quantity the model, the mix of two and the memory of least error on later rows.

    Two cuts in time, where there are rows enough: fitted to the first 60 % (80 %), held against the next 20 %.
    ``study`` keeps the efforts that early stopping found at the second. The rows know what was measured last.
    """
    wide, y = samples.wide, samples.y
    later, stop = tail(len(wide))
    refused = study.refusals(wide, y)
    names = [name for name in study.learners if name not in refused]
    if not names:
        raise UserError("no model is for these rows: " + "; ".join(f"{k}: {v}" for k, v in refused.items()))
    cuts = [len(wide) - later]
    if len(wide) - 2 * later >= 3 * stop and len(names) > 1:
        cuts.insert(0, len(wide) - 2 * later)
    seen, fits = [], {}
    for i, cut in enumerate(cuts):
        fits = study.fits(wide[:cut], y[:cut], names, stop)
        next_rows = slice(cut, cut + later)
        seen.append(Seen(_said(study, fits, wide[next_rows]), wide[next_rows], y[next_rows]))
        say((i + 1) / len(cuts))
    study.efforts.update({name: fit.effort for name, fit in fits.items()})
    return Chosen([_choice(study, names, seen, q) for q in range(y.shape[1])], fits, refused)


class Seen(NamedTuple):
    """Rows that a fit did not see, and what its models said of them."""

    said: dict[str, tuple[np.ndarray, np.ndarray]]  # [N, Q] each: of the rows, and of what was measured last
    wide: np.ndarray  # [N, I + I + Q]
    y: np.ndarray  # [N, Q]


def _said(study: Study, fits: dict[str, Fit], wide) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What each model says [N, Q], standardised, at the inputs of rows and at those measured last."""
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


def _choice(study: Study, names: list[str], seen: list[Seen], q: int) -> Choice:
    """The choice for one quantity from what each model said of later rows."""

    def errors(models: tuple[str, ...], follow: float = 1.0, retain: float = 0.0) -> np.ndarray:
        return np.concatenate([_errors(study.scale, part, q, models, follow, retain) for part in seen])

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
    held = {memory: errors(models, *memory) for memory in MEMORIES}
    memory = _cautious(held, study.seed)
    for (follow, retain), found in list(held.items())[1:]:
        scores[f"follow {follow:g}, retain {retain:g}"] = float(found.mean()) if len(found) else np.inf
    return Choice(models, *memory, scores)


def _cautious(held: dict[tuple[float, float], np.ndarray], seed: int) -> tuple[float, float]:
    """The memory to rely on, by each one's errors [N] in order of time.

    The static model, unless another is surely better (90 % interval of the difference by block bootstrap). Else, of
    those within one standard error of the best (Breiman et al., Classification and regression trees, 1984), the
    one that follows its model least: what a model says of a machine that drifts has to be earned.
    """
    static = MEMORIES[0]
    best = min(held, key=lambda memory: held[memory].mean() if len(held[memory]) else 0.0)
    if not len(held[best]) or block_bootstrap(held[static] - held[best], seed)[0] <= 0.0:
        return static
    able = [m for m in held if m == best or _near(held[m] - held[best], seed)]
    return min(able, key=lambda m: (m[0], held[m].mean()))


def _near(more: np.ndarray, seed: int) -> bool:
    """Whether errors [N] are ``more`` than others by at most one standard error."""
    low, high = block_bootstrap(more, seed)
    return bool(more.mean() <= (high - low) / 2.0 / 1.645)


def _errors(scale: Scaling, part: Seen, q: int, models, follow: float, retain: float) -> np.ndarray:
    """Absolute errors of a mix with memory on the rows whose quantity is known, in the facility's units."""
    said, wide, y = part
    here, there = (np.mean([said[name][i][:, q] for name in models], axis=0) for i in range(2))
    logged, mean, sd = scale.logged[q], scale.y_mean[q], scale.y_scale[q]
    before = wide[:, 2 * len(scale.x_mean) + q]
    if logged:
        before = np.log(np.where(before > 0, before, np.nan))
    left = retain * ((before - mean) / (sd or 1.0) - follow * there)
    out = mean + sd * (follow * here + np.where(np.isfinite(left), left, 0.0))
    error = np.abs(y[:, q] - (np.exp(out) if logged else out))
    return error[np.isfinite(error)]

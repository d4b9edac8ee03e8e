"""What a performance model is: one way to be fitted, one way to answer inside the compiled twin."""

from typing import Any, ClassVar, NamedTuple, Protocol

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from surrogate.checkpoint import Checkpoint
from surrogate.fitting import STANDARD, Recipe


class Task(NamedTuple):
    """Rows to learn from, in order of time, standardised: what every learner is given."""

    z: np.ndarray  # [N, J] inputs, mean 0 and sd 1; a category is a column of 0 and 1 for each of its values
    t: np.ndarray  # [N, Q] outputs, mean 0 and sd 1, NaN where unmeasured
    weight: np.ndarray  # [M, N] how much each row counts for each member (a Bayesian block bootstrap)
    seed: int
    later: int = 0  # of the last rows, to stop early by; they may be fitted too where nothing is stopped
    room: int = 0  # rows that other fits of this training have at most, so that they share compiled programs
    recipe: Recipe = STANDARD  # of networks
    known: Any = None  # the facility's own law: z [J] to t [Q]; None if it says nothing
    keep: Checkpoint | None = None  # where a long fit lays down how far it is


class Fit(NamedTuple):
    """A fitted model and how much effort early stopping found right (0: the learner knows no such thing)."""

    model: Any  # called with z [J] inside jax: [M, Q] standardised outputs of its members
    effort: int = 0


class Learner(Protocol):
    """A way to learn beam quantities. Its models are equinox modules of plain arrays.

    The members' mean is the model's best guess, their spread what is not known about it. Equal tasks give
    equal models. ``kinds`` are the classes of the modules it makes, by whose names they are stored; ``apart``:
    each quantity is learned by itself, so that those which other models serve need not be learned.
    """

    name: ClassVar[str]
    kinds: ClassVar[tuple[type[eqx.Module], ...]]
    apart: ClassVar[bool]

    def refuses(self, task: Task) -> str:
        """Why this learner is not for these rows, "" if it is."""
        ...

    def fit(self, task: Task, effort: int | None = None) -> Fit:
        """A model of all rows but the ``later`` ones, or of all with the ``effort`` found before."""
        ...


def rows(task: Task, effort: int | None) -> slice:
    """The rows to fit: all, or without the ``later`` ones while effort is still to be found."""
    return slice(0, len(task.z) - (task.later if effort is None else 0))


class Some(eqx.Module):
    """A model of some of the quantities: 0 for the others."""

    model: Any
    place: Any  # [P] where its outputs belong
    outputs: Any  # [Q] nothing but its length

    def __call__(self, z) -> Any:
        own = self.model(z)
        return jnp.zeros((own.shape[0], self.outputs.shape[0])).at[:, self.place].set(own)


def centred(members: Any, best: Any) -> Any:
    """Members [M, ...] moved so that their mean is ``best`` [...], their standard deviation being unbiased."""
    count = members.shape[0]
    widen = (count / max(count - 1, 1)) ** 0.5
    return jnp.expand_dims(best, 0) + widen * (members - members.mean(0, keepdims=True))

"""The interface of performance models: how they are fitted and called inside the compiled twin."""

from typing import Any, ClassVar, NamedTuple, Protocol

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from surrogate.checkpoint import Checkpoint
from surrogate.fitting import STANDARD, Recipe


class Task(NamedTuple):
    """The training data of a learner: standardised rows in order of time."""

    z: np.ndarray  # [N, J] inputs, mean 0 and sd 1; a category is a column of 0 and 1 for each of its values
    t: np.ndarray  # [N, Q] outputs, mean 0 and sd 1, NaN where unmeasured
    weight: np.ndarray  # [M, N] weight of each row for each member (Bayesian block bootstrap)
    seed: int
    later: int = 0  # number of last rows for early stopping; a learner that does not stop early may fit them
    room: int = 0  # largest number of rows of all fits of this training, so that they share compiled programs
    recipe: Recipe = STANDARD  # of networks
    known: Any = None  # the law of the facility file, z [J] to t [Q]; None if it has no sensitivities
    checkpoint: Checkpoint | None = None  # where a long fit stores its state


class Fit(NamedTuple):
    """A fitted model and the training effort that early stopping found (0: the learner does not stop early)."""

    model: Any  # called with z [J] inside jax: [M, Q] standardised outputs of its members
    effort: int = 0


class Learner(Protocol):
    """A way to learn beam quantities. Its models are equinox modules of plain arrays.

    The mean of the members is the best estimate, their spread its uncertainty. Equal tasks give equal models.
    ``kinds`` are the classes of the modules it makes; models are stored by their names. ``apart``: each quantity
    is learned separately, so that only the chosen quantities need to be learned.
    """

    name: ClassVar[str]
    kinds: ClassVar[tuple[type[eqx.Module], ...]]
    apart: ClassVar[bool]

    def refuses(self, task: Task) -> str:
        """The reason why this learner cannot use these rows; "" if it can."""
        ...

    def fit(self, task: Task, effort: int | None = None) -> Fit:
        """A model of all rows except the ``later`` ones, or of all rows with the ``effort`` found before."""
        ...


def rows(task: Task, effort: int | None) -> slice:
    """The rows to fit: all, or without the ``later`` ones if the effort is still to be found."""
    return slice(0, len(task.z) - (task.later if effort is None else 0))


class Some(eqx.Module):
    """A model of some of the quantities; its output is 0 for the others."""

    model: Any
    place: Any  # [P] indices of its outputs among the quantities
    outputs: Any  # [Q] only its length is used

    def __call__(self, z) -> Any:
        own = self.model(z)
        return jnp.zeros((own.shape[0], self.outputs.shape[0])).at[:, self.place].set(own)


def centred(members: Any, best: Any) -> Any:
    """Members [M, ...] shifted so that their mean is ``best`` [...], scaled for an unbiased standard deviation."""
    count = members.shape[0]
    widen = (count / max(count - 1, 1)) ** 0.5
    return jnp.expand_dims(best, 0) + widen * (members - members.mean(0, keepdims=True))

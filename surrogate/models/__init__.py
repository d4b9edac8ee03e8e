"""Performance models by name: those of beamtwin, and those of other packages by entry point."""

from functools import cache
from importlib.metadata import entry_points

import equinox as eqx

from surrogate.models.gaussian import GaussianProcess
from surrogate.models.perceptrons import Perceptrons
from surrogate.models.physics import Physics
from surrogate.models.protocol import Fit, Learner, Some, Task
from surrogate.models.trees import BoostedTrees, ExtraTrees
from twin.errors import UserError, unknown

__all__ = ["GROUP", "Fit", "Learner", "Task", "chosen", "kinds", "learners"]

GROUP = "beamtwin.models"
"""The group of entry points: each names a Learner class without arguments."""

OWN: tuple[type, ...] = (Perceptrons, Physics, GaussianProcess, BoostedTrees, ExtraTrees)


@cache
def learners() -> dict[str, type]:
    """Every learner class by name, those of beamtwin first."""
    found = {kind.name: kind for kind in OWN}
    for point in entry_points(group=GROUP):
        kind = point.load()
        if kind.name in found:
            raise UserError(
                f"entry point {point.value}: a model {kind.name!r} exists already; give it another name"
            )
        found[kind.name] = kind
    return found


def chosen(names=None) -> dict[str, Learner]:
    """The named learners; all if None."""
    known = learners()
    for name in names or ():
        if name not in known:
            raise UserError(unknown("model", name, list(known)))
    return {name: known[name]() for name in (known if names is None else names)}


def kinds() -> dict[str, type[eqx.Module]]:
    """The classes of all modules that learners make, by name; a stored model may consist of these."""
    made: list[type[eqx.Module]] = [
        Some,
        *(kind for learner in learners().values() for kind in learner.kinds),
    ]
    return {kind.__name__: kind for kind in made}

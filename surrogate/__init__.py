"""Models learned from logs: beam quantities, hazards and repair times, with their skill on later time."""

from typing import TYPE_CHECKING

from twin.lazy import lazy_names

if TYPE_CHECKING:
    from surrogate.learned import LearnedLaw
    from surrogate.registry import Entry, Model
    from surrogate.train import Trained

__all__ = ["Entry", "LearnedLaw", "Model", "Trained"]

__getattr__ = lazy_names(
    __name__,
    {
        "Entry": "surrogate.registry",
        "LearnedLaw": "surrogate.learned",
        "Model": "surrogate.registry",
        "Trained": "surrogate.train",
    },
)

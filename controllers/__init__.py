"""What to do: searches, the judge that compares policies on the same draws, and the recommendation."""

from typing import TYPE_CHECKING

from twin.lazy import lazy_names

if TYPE_CHECKING:
    from controllers.judge import Court, Interval, paired
    from controllers.policy import Policy
    from controllers.searches import SEARCHES, BayesianOptimisation, KeepAsIs, Random, Search

__all__ = [
    "SEARCHES",
    "BayesianOptimisation",
    "Court",
    "Interval",
    "KeepAsIs",
    "Policy",
    "Random",
    "Search",
    "paired",
]

__getattr__ = lazy_names(
    __name__,
    {
        "SEARCHES": "controllers.searches",
        "BayesianOptimisation": "controllers.searches",
        "Court": "controllers.judge",
        "Interval": "controllers.judge",
        "KeepAsIs": "controllers.searches",
        "Policy": "controllers.policy",
        "Random": "controllers.searches",
        "Search": "controllers.searches",
        "paired": "controllers.judge",
    },
)

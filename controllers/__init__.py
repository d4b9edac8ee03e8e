"""What to do: searches, the judge that compares policies on the same draws, and the recommendation."""

from controllers import bayes, evolution, pareto, safe, tracking  # noqa: F401  (register themselves)
from controllers.bayes import BayesianOptimisation
from controllers.judge import Court, Interval, paired
from controllers.policy import Policy
from controllers.search import SEARCHES, KeepAsIs, Random, Search

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

"""What to do: searches, the judge that compares policies on the same draws, and the recommendation."""

from controllers.judge import Court, Interval, paired
from controllers.policy import Policy
from controllers.searches import bayes, evolution, pareto, safe, tracking  # noqa: F401  (register themselves)
from controllers.searches.bayes import BayesianOptimisation
from controllers.searches.search import SEARCHES, KeepAsIs, Random, Search

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

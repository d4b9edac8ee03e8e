"""Searches: ask for settings, tell how good they were; all registered in ``search.SEARCHES``."""

from controllers.searches import bayes, evolution, pareto, safe, tracking  # noqa: F401  (register themselves)
from controllers.searches.bayes import BayesianOptimisation
from controllers.searches.search import SEARCHES, KeepAsIs, Random, Search

__all__ = ["SEARCHES", "BayesianOptimisation", "KeepAsIs", "Random", "Search"]

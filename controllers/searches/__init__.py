"""Searches: ``ask`` for settings to evaluate, ``tell`` their scores, with all state in one frozen value.

A new search is a new file in this folder that ends in ``SEARCHES["name"] = MySearch()``, and its case in
``tests/cases_claims.py``. The files are imported at the first look-up in ``SEARCHES``, so that importing this package
is fast.
"""

from typing import TYPE_CHECKING

from twin.lazy import lazy_names

if TYPE_CHECKING:
    from controllers.searches.bayes import BayesianOptimisation
    from controllers.searches.search import SEARCHES, KeepAsIs, Random, Search

__all__ = ["SEARCHES", "BayesianOptimisation", "KeepAsIs", "Random", "Search"]

__getattr__ = lazy_names(
    __name__,
    {
        "SEARCHES": "controllers.searches.search",
        "BayesianOptimisation": "controllers.searches.bayes",
        "KeepAsIs": "controllers.searches.search",
        "Random": "controllers.searches.search",
        "Search": "controllers.searches.search",
    },
)

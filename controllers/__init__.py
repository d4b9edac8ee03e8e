"""Decisions: searches, policies, the policy evaluator, the recommendation and its outcomes."""

from typing import TYPE_CHECKING

from twin.lazy import lazy_names

if TYPE_CHECKING:
    from controllers.evaluation import Interval, PolicyEvaluator, paired
    from controllers.policy import Policy
    from controllers.searches import SEARCHES, BayesianOptimisation, KeepAsIs, Random, Search

__all__ = [
    "SEARCHES",
    "BayesianOptimisation",
    "Interval",
    "KeepAsIs",
    "Policy",
    "PolicyEvaluator",
    "Random",
    "Search",
    "paired",
]

__getattr__ = lazy_names(
    __name__,
    {
        "SEARCHES": "controllers.searches",
        "BayesianOptimisation": "controllers.searches",
        "PolicyEvaluator": "controllers.evaluation",
        "Interval": "controllers.evaluation",
        "KeepAsIs": "controllers.searches",
        "Policy": "controllers.policy",
        "Random": "controllers.searches",
        "Search": "controllers.searches",
        "paired": "controllers.evaluation",
    },
)

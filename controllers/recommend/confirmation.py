"""Runs of a recommendation repeated on the reference engine."""

import jax
import numpy as np

from controllers.evaluation import CHANCE, PolicyEvaluator
from controllers.policy import Policy
from controllers.recommend.case import Case
from controllers.recommendation import Confirmed
from twin import reference
from twin.outcome import Tally

RUNS = 2  # of each policy


def confirmed(this: Case, evaluator: PolicyEvaluator, evaluated: list[tuple[Policy, Tally]]) -> Confirmed:
    """Runs of each policy repeated on the reference engine with the same random inputs, and the largest difference.

    Each run has another law.
    """
    places = [(policy, tally, CHANCE * i) for policy, tally in evaluated for i in range(RUNS)]
    worst = max(_difference(this, evaluator, *place) for place in places)
    return Confirmed(runs=len(places), largest_difference=worst)


def _difference(this: Case, evaluator: PolicyEvaluator, policy: Policy, tally: Tally, r: int) -> float:
    """The largest difference of any tally entry of run ``r`` of the first batch between the two engines."""
    law = jax.tree.map(lambda a: np.asarray(a)[r // CHANCE], evaluator.laws[0])
    run = reference.start(evaluator.plant, evaluator.draws[0].run(r), this.scenario.calendar)
    plan = policy.plan(this.space, this.scenario.edges_h)
    for e, until_h in enumerate(this.scenario.edges_h[1:]):
        run.advance(law, plan[e], this.scenario.conditions[e], float(until_h))
    pairs = zip(run.tally()[:-1], tally[:-1], strict=True)
    return max(float(np.max(np.abs(np.subtract(a, b[r])), initial=0.0)) for a, b in pairs)

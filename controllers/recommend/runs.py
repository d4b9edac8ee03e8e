"""The three sets of runs of a recommendation: search, selection and hold-out runs, without common random inputs."""

from typing import NamedTuple

import jax
import numpy as np

from controllers.evaluation import LAWS, PolicyEvaluator, build_evaluator
from controllers.recommend.case import Case, Effort
from controllers.searches.search import sobol
from surrogate.calibration import posterior_samples
from twin.nominal import at


class Evaluators(NamedTuple):
    """Policy evaluators that share no run, so that the stated gain does not contain the luck of the winner."""

    search: PolicyEvaluator  # candidates are sought here
    selection: PolicyEvaluator  # the best is selected and its gain attributed to knobs here
    holdout: PolicyEvaluator  # the stated gain comes from here


def evaluators(this: Case, effort: Effort, seed: int) -> Evaluators:
    """Evaluators whose runs differ in random inputs and in the posterior samples of the machine."""
    ends = 1, 1 + effort.choosing, 1 + effort.choosing + effort.batches
    plants = [posterior_samples(this.facility, this.law, LAWS, seed + 7919 * b) for b in range(ends[-1])]
    whole = build_evaluator(
        this.facility, this.space, this.scenario, lambda b, n: plants[b].laws, ends[-1], seed,
        _hazard(this, [plant.laws for plant in plants], seed),
        lambda b, plant, draws: plants[b].as_drawn(draws, plant),
    )  # fmt: skip
    return Evaluators(*(whole.part(first, last) for first, last in zip((0, *ends), ends, strict=False)))


def _hazard(this: Case, laws: list, seed: int) -> np.ndarray:
    """The hazard [P] that sizes the random inputs: few settings inside the envelope exceed it under any law."""
    points = this.space.from_unit(sobol(len(this.space.names), 64, seed))
    points = np.concatenate([this.space.present[None], points[this.envelope.allowed(points)]])
    hazards = [np.concatenate(np.asarray(_hazards(law, points, this.conditions))) for law in laws]
    return np.max([np.quantile(rows, 0.99, axis=0) for rows in hazards], axis=0)


@jax.jit
def _hazards(laws, points, conditions):
    """Hazards [n laws, m points, P]; P is 0 where the facility has no failure mode."""
    return jax.vmap(lambda law: jax.vmap(lambda s: at(law, s, conditions).hazard)(points))(laws)

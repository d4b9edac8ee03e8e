"""Policy evaluator: policies compared on common random numbers, with intervals of their paired differences."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy import stats

from controllers.policy import Policy
from twin import Facility, Space, batched
from twin.draws import Draws, draw, enough
from twin.outcome import Tally, metrics
from twin.plant import Plant, build, rates
from twin.scenario import Scenario

CHANCE = 8  # runs of each law, which differ in their random inputs only
LAWS = 16  # laws (posterior draws) in one compiled batch of CHANCE * LAWS runs


class Interval(NamedTuple):
    """A mean with its 90 % interval; ``parameters`` is the least share of its variance due to unknown parameters."""

    mean: float
    low: float
    high: float
    parameters: float


@dataclass(frozen=True)
class PolicyEvaluator:
    """Evaluates policies in the batched engine: one facility, horizon and set of random inputs; laws in batches.

    Run r of every policy has the same random inputs and the same law, so differences between policies are paired.
    """

    facility: Facility
    plant: Plant
    space: Space
    scenario: Scenario
    draws: list[Draws]  # random inputs, one element per batch
    laws: list[Any]  # one element per batch, with a leading axis of LAWS

    def part(self, first: int, last: int | None = None) -> "PolicyEvaluator":
        """An evaluator with some of the batches, so that selection and hold-out runs share no random inputs."""
        return replace(self, draws=self.draws[first:last], laws=self.laws[first:last])

    def evaluate(self, policy: Policy) -> Tally:
        """The tallies of a policy over all batches, axis R.

        Raises RuntimeError where the policy cannot be ranked: a law gives no finite hazard at its settings, or a run
        needs more random inputs than were drawn.
        """
        plan = policy.plan(self.space, self.scenario.edges_h)
        for laws in self.laws:
            if not np.isfinite(_hazards(laws, plan[-1], self.scenario.conditions[-1])).all():
                raise RuntimeError(
                    f"{policy.name}: a law gives no finite hazard at these settings; not ranked"
                )
        parts = []
        for draws, laws in zip(self.draws, self.laws, strict=True):
            settings = np.broadcast_to(plan, (draws.budget.shape[0], *plan.shape))
            per_run = jax.tree.map(lambda a: np.repeat(np.asarray(a), CHANCE, axis=0), laws)
            parts.append(
                batched.simulate(self.plant, per_run, draws, self.scenario, settings, law_per_run=True)
            )
        tally = Tally(*(np.concatenate(field) for field in zip(*parts, strict=True)))
        if tally.exhausted.any():
            raise RuntimeError(
                f"{policy.name}: {int(tally.exhausted.sum())} of {len(tally.exhausted)} runs used up their draws; "
                "not ranked. Shorten the horizon or draw more failures of each process"
            )
        return tally

    def score(self, tally: Tally) -> np.ndarray:
        """Useful beam of each run [R], %."""
        return metrics(tally, self.plant)["useful_beam"]


@jax.jit
def _hazards(laws, settings, conditions):
    """Hazards [n, P] of n stacked laws at settings [K] and conditions [C]."""
    return jax.vmap(lambda law: law(settings, conditions).hazard)(laws)


def build_evaluator(
    facility: Facility,
    space: Space,
    scenario: Scenario,
    sample: Callable[[int, int], Any],
    batches: int,
    seed: int,
    hazard: np.ndarray,
    as_drawn: Callable[[int, Plant, Draws], Draws] | None = None,
) -> PolicyEvaluator:
    """A policy evaluator with ``batches`` batches of LAWS * CHANCE runs.

    ``sample(batch, n)`` gives n stacked laws. The number of random inputs follows from ``hazard`` [P] and the horizon.
    ``as_drawn(batch, plant, draws)`` adapts the random inputs to the plants of a batch
    (``calibration.PosteriorSamples``).
    """
    plant = build(facility)
    counts = enough(facility, scenario.horizon_h, 2.0 * rates(plant, hazard))
    draws = [draw(facility, CHANCE * LAWS, *counts, 1000 * seed + b) for b in range(batches)]
    if as_drawn is not None:
        draws = [as_drawn(b, plant, own) for b, own in enumerate(draws)]
    laws = [sample(b, LAWS) for b in range(batches)]
    return PolicyEvaluator(facility, plant, space, scenario, draws, laws)


def paired(challenger: np.ndarray, holder: np.ndarray) -> Interval:
    """The expected gain of the scores [R] of one policy over another, paired run by run; runs are sorted by law.

    Analysis of variance: the variance between laws beyond what chance explains is due to unknown parameters; the part
    of chance shrinks with the number of runs. The interval is that of the expected gain. The variance between laws is
    itself uncertain: the interval uses it plus one standard error, and ``parameters``, a lower bound of the share,
    uses it minus one standard error.
    """
    gain = (challenger - holder).reshape(-1, CHANCE)
    laws = len(gain)
    within = gain.var(axis=1, ddof=1).mean() / CHANCE
    means = gain.mean(axis=1).var(ddof=1)
    error = means * np.sqrt(2.0 / (laws - 1))
    least, most = (max(means + sign * error - within, 0.0) for sign in (-1.0, 1.0))
    half = stats.t.ppf(0.95, laws - 1) * np.sqrt(most + within / laws)
    mean = float(gain.mean())
    share = least / max(least + within / laws, 1e-300)
    return Interval(mean, float(mean - half), float(mean + half), float(share))


def ranks(scores: list[np.ndarray]) -> list[int]:
    """The rank of each policy from its scores [R] in the same runs: 1 plus the number of surely better policies.

    Policies whose difference is not significant may share a rank.
    """
    return [1 + sum(paired(other, mine).low > 0 for other in scores if other is not mine) for mine in scores]


def under_one_law(challenger: np.ndarray, holder: np.ndarray) -> Interval:
    """The expected gain, paired run by run, where all runs have one known law: the interval contains chance alone."""
    gain = challenger - holder
    half = stats.t.ppf(0.95, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
    return Interval(float(gain.mean()), float(gain.mean() - half), float(gain.mean() + half), 0.0)


def quantile(gain: Interval, share: float) -> float:
    """The quantile ``share`` of the expected gain, from its interval; normal distribution."""
    deviation = (gain.high - gain.low) / (2 * 1.645)
    return gain.mean + float(stats.norm.ppf(share)) * deviation

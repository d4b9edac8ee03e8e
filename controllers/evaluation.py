"""The judge: policies compared on the same draws, with paired intervals, or not ranked at all."""

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

CHANCE = 8  # runs of pure chance for each law
LAWS = 16  # laws (posterior draws) in one compiled batch of CHANCE * LAWS runs


class Interval(NamedTuple):
    """A mean with its 90 % interval, and the least share of its variance that is not knowing the parameters."""

    mean: float
    low: float
    high: float
    parameters: float


@dataclass(frozen=True)
class PolicyEvaluator:
    """Where policies are judged: one facility, horizon and set of draws; laws come in batches.

    Run r of every policy has the same draws and the same law, so differences are paired.
    """

    facility: Facility
    plant: Plant
    space: Space
    scenario: Scenario
    draws: list[Draws]  # one batch each
    laws: list[Any]  # with a leading axis of LAWS, one batch each

    def part(self, first: int, last: int | None = None) -> "PolicyEvaluator":
        """The court of some of its batches: what is chosen on some is judged anew on others."""
        return replace(self, draws=self.draws[first:last], laws=self.laws[first:last])

    def evaluate(self, policy: Policy) -> Tally:
        """The tallies of a policy over all batches, axis R.

        Raises RuntimeError where a law gives no hazard there, and when draws were used up: neither may be ranked.
        """
        plan = policy.plan(self.space, self.scenario.edges_h)
        for laws in self.laws:
            if not np.isfinite(_hazards(laws, plan[-1], self.scenario.conditions[-1])).all():
                raise RuntimeError(f"{policy.name}: a law knows no hazard there; not ranked")
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
                "not ranked. Shorten the horizon or allow more lives"
            )
        return tally

    def score(self, tally: Tally) -> np.ndarray:
        """Useful beam of each run, [%]."""
        return metrics(tally, self.plant)["useful_beam"]


@jax.jit
def _hazards(laws, settings, conditions):
    """Hazards [n, P] of n laws in one, at settings [K] and conditions [C]."""
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
    """A court of ``batches`` batches. ``sample(batch, n)`` gives n laws in one; ``hazard`` [P] sizes the draws.

    ``as_drawn(batch, plant, draws)`` gives the draws as the plants of that batch take them:
    ``calibration.PosteriorSamples``.
    """
    plant = build(facility)
    room = enough(facility, scenario.horizon_h, 2.0 * rates(plant, hazard))
    draws = [draw(facility, CHANCE * LAWS, *room, 1000 * seed + b) for b in range(batches)]
    if as_drawn is not None:
        draws = [as_drawn(b, plant, chance) for b, chance in enumerate(draws)]
    laws = [sample(b, LAWS) for b in range(batches)]
    return PolicyEvaluator(facility, plant, space, scenario, draws, laws)


def paired(challenger: np.ndarray, holder: np.ndarray) -> Interval:
    """The gain of one policy over another, run by run on the same draws; runs of one law stand together.

    Analysis of variance: the spread between laws beyond what chance explains is not knowing the
    parameters; chance itself shrinks with the number of runs. The interval holds for the expected gain.
    The variance between laws is itself uncertain: it enters the interval one standard error up, and
    the share of the parameters, "at least so much", one standard error down.
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
    """The rank of each policy from its scores [R] in the same runs: 1, and one more for each that is surely better.

    What cannot be told apart may share a rank; nobody is called better than that.
    """
    return [1 + sum(paired(other, mine).low > 0 for other in scores if other is not mine) for mine in scores]


def under_one_law(challenger: np.ndarray, holder: np.ndarray) -> Interval:
    """The gain run by run where all runs have the same law, which is known: chance is all there is."""
    gain = challenger - holder
    half = stats.t.ppf(0.95, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
    return Interval(float(gain.mean()), float(gain.mean() - half), float(gain.mean() + half), 0.0)


def quantile(gain: Interval, share: float) -> float:
    """A quantile of the expected gain from its interval (normal)."""
    deviation = (gain.high - gain.low) / (2 * 1.645)
    return gain.mean + float(stats.norm.ppf(share)) * deviation

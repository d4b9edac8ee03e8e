"""Teach a policy for a facility: the best settings to hold, from there by trial on the twin, then a fair judgement."""

import time
from dataclasses import asdict, dataclass, field
from typing import Any

import jax
import numpy as np

from controllers.policies import comparison, ppo, rules, trained
from controllers.policies.batched_environment import world
from controllers.policies.tasks import Task
from controllers.searches.search import SEARCHES
from twin.batched import RunInputs
from twin.types import Progress

READY = 0.2  # an urgency that orders a replacement at the next access day: where training begins if that rule is best


@dataclass(frozen=True)
class TrainingEffort:
    """How much is spent."""

    recipe: ppo.Recipe = field(default_factory=lambda: ppo.Recipe(updates=60, rate=1e-3, sigma=0.12))
    pool: int = 512  # runs whose luck is learned from
    asks: int = 30  # of the search for the best settings to hold
    every: int = 10  # updates: so often a policy is a candidate; the best on the pool is kept, the beginning among them
    runs: int = 1024  # judged on


def train_policy(
    task: Task, lesson: TrainingEffort, seed: int, tell: Progress
) -> tuple[ppo.Actor, dict[str, Any]]:
    """(policy, its card); the policy is the same bit for bit from one seed."""
    begun = time.perf_counter(), time.process_time()
    tell("Searching for the best settings to hold", 0.0)
    pool = world(task, task.draw(lesson.pool, comparison.seed_of(seed, comparison.POOL)))
    held = rules.best_to_hold(task, pool, SEARCHES["bayes"], lesson.asks, seed)
    first = opening(task, pool, held)
    candidates, scores = practised(task, pool, lesson, seed, first, tell)
    means = {n: float(rules.score(task, pool, actor.act).mean()) for n, actor in candidates.items()}
    kept = max(means, key=lambda n: means[n])
    spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
    tell("Judging on fresh draws", 0.0)
    card = {
        **trained.described(task, lesson.recipe.width),
        "seed": seed,
        "held": dict(zip(task.space.names, held.tolist(), strict=True)),
        "first": first.tolist(),
        "lesson": asdict(lesson),
        "scores": scores,
        "pool_means": means,
        "kept": kept,
        "cost": {
            "wall_s": round(spent[0], 1),
            "cpu_s": round(spent[1], 1),
            "shifts": lesson.recipe.updates * lesson.recipe.runs * task.shifts,
        },
        "judged": judged(task, candidates[kept].act, held, lesson.runs, seed),
    }
    return candidates[kept], card


def practised(
    task: Task, pool: RunInputs, lesson: TrainingEffort, seed: int, first, tell: Progress
) -> tuple[dict[int, ppo.Actor], list[float]]:
    """(Candidates by the number of updates they have had, none among them; mean score of each update's rollout [%])."""
    scores, found = [], {0: beginning(task, lesson, seed, first)}
    for n, (actor, score) in enumerate(ppo.training(task, pool, lesson.recipe, seed, first), 1):
        scores.append(round(score, 3))
        if n % lesson.every == 0 or n == lesson.recipe.updates:
            found[n] = actor
        tell("Training on the twin", n / lesson.recipe.updates)
    return found, scores


def beginning(task: Task, lesson: TrainingEffort, seed: int, first) -> ppo.Actor:
    """The rule that training begins with, as an actor: it always wants ``first`` [K + M]."""
    return ppo.actor(task, lesson.recipe, jax.random.key(seed), first, eager=0.0)


def opening(task: Task, pool: RunInputs, held) -> np.ndarray:
    """The first action [K + M]: the best settings to hold and, if that is the better rule, orders for each access."""
    best = rules.hold(task, held)
    if not task.wards:
        return ppo.opening(task, held)
    gain = rules.score(task, pool, rules.replace_when_old(task, best, 0.0)) - rules.score(task, pool, best)
    return ppo.opening(task, held, READY if gain.mean() > 0.0 else ppo.URGENCY)


def judged(task: Task, act: rules.Act, held, runs: int, seed: int, planner: bool = False) -> dict[str, Any]:
    """How a policy stands against its rivals on fresh draws, as a card tells it."""
    mean, found = comparison.standings(task, act, comparison.rivals(task, held, planner), runs, seed)
    return {
        "runs": runs,
        "draws": comparison.seed_of(seed, comparison.FRESH),
        "mean": mean,
        "against": [asdict(row) for row in found],
        "better": all(row.beaten for row in found),
        "verdict": comparison.verdict(found),
    }

"""Train a policy: find the best settings to hold, improve on them on the twin, then evaluate on new draws."""

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

READY = 0.2  # initial urgency, which orders a replacement at the next access day, if that rule is better


@dataclass(frozen=True)
class TrainingEffort:
    """How much computation a training takes."""

    recipe: ppo.Recipe = field(default_factory=lambda: ppo.Recipe(updates=60, rate=1e-3, sigma=0.12))
    pool: int = 512  # runs whose random inputs are used for training
    asks: int = 30  # evaluations in the search for the best settings to hold
    every: int = 10  # updates between candidates; the best on the pool, the initial policy included, is kept
    runs: int = 1024  # of the final evaluation


def train_policy(
    task: Task, effort: TrainingEffort, seed: int, progress: Progress
) -> tuple[ppo.Actor, dict[str, Any]]:
    """(Policy, its card); one seed gives the same policy, bit for bit."""
    begun = time.perf_counter(), time.process_time()
    progress("Searching for the best settings to hold", 0.0)
    pool = world(task, task.draw(effort.pool, comparison.seed_of(seed, comparison.POOL)))
    held = rules.best_to_hold(task, pool, SEARCHES["bayes"], effort.asks, seed)
    first = initial_action(task, pool, held)
    candidates, scores = train_candidates(task, pool, effort, seed, first, progress)
    means = {n: float(rules.score(task, pool, actor.act).mean()) for n, actor in candidates.items()}
    kept = max(means, key=lambda n: means[n])
    spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
    progress("Judging on fresh draws", 0.0)
    card = {
        **trained.described(task, effort.recipe.width),
        "seed": seed,
        "held": dict(zip(task.space.names, held.tolist(), strict=True)),
        "first": first.tolist(),
        "lesson": asdict(effort),
        "scores": scores,
        "pool_means": means,
        "kept": kept,
        "cost": {
            "wall_s": round(spent[0], 1),
            "cpu_s": round(spent[1], 1),
            "shifts": effort.recipe.updates * effort.recipe.runs * task.shifts,
        },
        "judged": judged(task, candidates[kept].act, held, effort.runs, seed),
    }
    return candidates[kept], card


def train_candidates(
    task: Task, pool: RunInputs, effort: TrainingEffort, seed: int, first, progress: Progress
) -> tuple[dict[int, ppo.Actor], list[float]]:
    """(Candidates by their number of updates, the initial policy at 0; mean score of each update's rollout [%])."""
    scores, found = [], {0: initial_policy(task, effort, seed, first)}
    for n, (actor, score) in enumerate(ppo.training(task, pool, effort.recipe, seed, first), 1):
        scores.append(round(score, 3))
        if n % effort.every == 0 or n == effort.recipe.updates:
            found[n] = actor
        progress("Training on the twin", n / effort.recipe.updates)
    return found, scores


def initial_policy(task: Task, effort: TrainingEffort, seed: int, first) -> ppo.Actor:
    """The initial policy as an actor: its mean action is always ``first`` [K + M]."""
    return ppo.actor(task, effort.recipe, jax.random.key(seed), first, eager=0.0)


def initial_action(task: Task, pool: RunInputs, held) -> np.ndarray:
    """The initial action [K + M]: the best settings to hold and, if that is better, orders for each access day."""
    best = rules.hold(task, held)
    if not task.wearing:
        return ppo.opening(task, held)
    gain = rules.score(task, pool, rules.replace_when_old(task, best, 0.0)) - rules.score(task, pool, best)
    return ppo.opening(task, held, READY if gain.mean() > 0.0 else ppo.URGENCY)


def judged(task: Task, act: rules.Act, held, runs: int, seed: int, planner: bool = False) -> dict[str, Any]:
    """The comparison of a policy with its rivals on new draws, as a card stores it."""
    mean, found = comparison.standings(task, act, comparison.rivals(task, held, planner), runs, seed)
    return {
        "runs": runs,
        "draws": comparison.seed_of(seed, comparison.FRESH),
        "mean": mean,
        "against": [asdict(row) for row in found],
        "better": all(row.beaten for row in found),
        "verdict": comparison.verdict(found),
    }

"""Comparison of policies on new draws: common random numbers, paired intervals, and the criterion for "better"."""

from dataclasses import dataclass

import numpy as np

from controllers.evaluation import under_one_law
from controllers.policies import rules
from controllers.policies.batched_environment import world
from controllers.policies.mpc import Planner
from controllers.policies.rules import Act
from controllers.policies.tasks import Task

CHUNK = 256  # runs at a time, so that their states fit in the processor's cache
POOL, FRESH = 1, 2  # training and evaluation never share a draw
AGES = (0.0, 0.5, 1.0)  # ages, in mean lives, from which the rules replace
THUMB, TUNED, PLANNER = "rule of thumb", "tuned on the twin", "planner"


@dataclass(frozen=True)
class Comparison:
    """A rival's useful beam [%], and the paired gain of the evaluated policy over it: mean and 90 % interval."""

    rival: str
    kind: str
    mean: float
    gain: float
    low: float
    high: float

    @property
    def beaten(self) -> bool:
        """Whether the evaluated policy is surely better: the interval of its gain lies above zero."""
        return self.low > 0.0


def seed_of(seed: int, what: int) -> int:
    """The seed of the draws for training (``POOL``) or evaluating (``FRESH``) a policy of this seed."""
    return 10 * seed + what


def thumbs(task: Task) -> dict[str, Act]:
    """Rules of thumb, which need no twin: leave the settings, or push one knob while beam is stored and all is up."""
    pushes = {f"push {knob} when quiet": rules.push_when_quiet(task, knob) for knob in task.space.names}
    return {"leave as it is": rules.hold(task, task.space.present), **pushes}


def tuned(task: Task, held) -> dict[str, Act]:
    """Rules tuned on the twin: hold the best settings [K], without and with age replacement."""
    best = rules.hold(task, held)
    found: dict[str, Act] = {"best settings held": best}
    if not task.wearing:
        return found
    life_h = float(np.mean(task.mean_h[task.wearing_processes.any(0)]))
    for age in AGES:
        for now in (False, True) if age else (False,):
            name = f"the same, old units {'now' if now else 'at access'} beyond {age:g} mean lives"
            found[name] = rules.replace_when_old(task, best, age * life_h, now)
    return found


def rivals(task: Task, held, planner: bool = False) -> list[tuple[str, str, Act]]:
    """(kind, name, policy) of all rivals in a comparison; ``held`` [K] are the best settings to hold."""
    found = [(THUMB, *row) for row in thumbs(task).items()] + [
        (TUNED, *row) for row in tuned(task, held).items()
    ]
    return [*found, (PLANNER, "planner on the twin", Planner(task).policy)] if planner else found


def fresh(task: Task, act: Act, runs: int, seed: int) -> np.ndarray:
    """Useful beam [R] of a policy on the evaluation draws of a seed, [%]; the same runs for every policy."""
    draws = seed_of(seed, FRESH)
    parts = [
        rules.score(task, world(task, task.draw(CHUNK, draws, first)), act, first)
        for first in range(0, runs, CHUNK)
    ]
    return np.concatenate(parts)[:runs]


def standings(
    task: Task, judged: Act, against: list[tuple[str, str, Act]], runs: int, seed: int
) -> tuple[float, list[Comparison]]:
    """(Mean useful beam of a policy [%], its comparison with each rival), all on the same new runs."""
    mine, found = fresh(task, judged, runs, seed), []
    for kind, name, act in against:
        theirs = fresh(task, act, runs, seed)
        gain = under_one_law(mine, theirs)
        found.append(Comparison(name, kind, float(theirs.mean()), gain.mean, gain.low, gain.high))
    return float(mine.mean()), found


def verdict(found: list[Comparison]) -> str:
    """A sentence that states which rivals the policy is surely better and surely worse than."""
    open_, lost = (
        [s.rival for s in found if test(s)] for test in (lambda s: not s.beaten, lambda s: s.high < 0)
    )
    if not open_:
        return "surely better than every rival"
    text = f"surely better than {len(found) - len(open_)} of {len(found)} rivals; not surely better than: "
    text += "; ".join(open_)
    return f"{text}. Surely worse than: {'; '.join(lost)}" if lost else text

"""Policies against each other on fresh draws: the same runs for all, paired intervals, and what "better" takes."""

from dataclasses import dataclass

import numpy as np

from controllers.evaluation import under_one_law
from controllers.policies import rules
from controllers.policies.batched_environment import world
from controllers.policies.mpc import Planner
from controllers.policies.rules import Act
from controllers.policies.tasks import Task

CHUNK = 256  # runs at a time: their states stay in the processor's cache
POOL, FRESH = 1, 2  # what is learned from and what is judged on never share a draw
AGES = (0.0, 0.5, 1.0)  # mean lives, beyond which rules replace
THUMB, TUNED, PLANNER = "rule of thumb", "tuned on the twin", "planner"


@dataclass(frozen=True)
class Standing:
    """A rival's useful beam [%], and what the judged policy brings beyond it: mean with its 90 % interval."""

    rival: str
    kind: str
    mean: float
    gain: float
    low: float
    high: float

    @property
    def beaten(self) -> bool:
        """The judged policy is surely better."""
        return self.low > 0.0


def seed_of(seed: int, what: int) -> int:
    """The seed of the draws a policy of this seed is trained (``POOL``) or judged (``FRESH``) on."""
    return 10 * seed + what


def thumbs(task: Task) -> dict[str, Act]:
    """What an operator does without a twin: leave the settings, or push one knob while all is quiet."""
    pushes = {f"push {knob} when quiet": rules.push_when_quiet(task, knob) for knob in task.space.names}
    return {"leave as it is": rules.hold(task, task.space.present), **pushes}


def tuned(task: Task, held) -> dict[str, Act]:
    """Rules about the settings [K] that the twin finds best to hold: these, and with age replacement."""
    best = rules.hold(task, held)
    found: dict[str, Act] = {"best settings held": best}
    if not task.wards:
        return found
    life_h = float(np.mean(task.mean_h[task.ward.any(0)]))
    for age in AGES:
        for now in (False, True) if age else (False,):
            name = f"the same, old units {'now' if now else 'at access'} beyond {age:g} mean lives"
            found[name] = rules.replace_when_old(task, best, age * life_h, now)
    return found


def rivals(task: Task, held, planner: bool = False) -> list[tuple[str, str, Act]]:
    """(kind, name, policy) of all that a policy is held against; ``held`` [K] are the best settings to hold."""
    found = [(THUMB, *row) for row in thumbs(task).items()] + [
        (TUNED, *row) for row in tuned(task, held).items()
    ]
    return [*found, (PLANNER, "planner on the twin", Planner(task).policy)] if planner else found


def fresh(task: Task, act: Act, runs: int, seed: int) -> np.ndarray:
    """Useful beam [R] of a policy on the judging draws of a seed, [%]; the same runs for every policy."""
    draws = seed_of(seed, FRESH)
    parts = [
        rules.score(task, world(task, task.draw(CHUNK, draws, first)), act, first)
        for first in range(0, runs, CHUNK)
    ]
    return np.concatenate(parts)[:runs]


def standings(
    task: Task, judged: Act, against: list[tuple[str, str, Act]], runs: int, seed: int
) -> tuple[float, list[Standing]]:
    """(Mean useful beam of the judged policy [%], how it stands against each rival), on the same fresh runs."""
    mine, found = fresh(task, judged, runs, seed), []
    for kind, name, act in against:
        theirs = fresh(task, act, runs, seed)
        gain = under_one_law(mine, theirs)
        found.append(Standing(name, kind, float(theirs.mean()), gain.mean, gain.low, gain.high))
    return float(mine.mean()), found


def verdict(found: list[Standing]) -> str:
    """In words, how surely a policy is better than its rivals."""
    open_, lost = (
        [s.rival for s in found if test(s)] for test in (lambda s: not s.beaten, lambda s: s.high < 0)
    )
    if not open_:
        return "surely better than every rival"
    words = f"surely better than {len(found) - len(open_)} of {len(found)} rivals; not surely better than: "
    words += "; ".join(open_)
    return f"{words}. Surely worse than: {'; '.join(lost)}" if lost else words

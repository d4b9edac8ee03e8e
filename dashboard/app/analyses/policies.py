"""Policies that act shift by shift: train one on the twin, or score one against the rules on fresh draws."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from controllers.policies import tasks, trained, training
from controllers.policies.training import TrainingEffort
from dashboard.app import bounds
from dashboard.app.progress import staged
from twin import load
from twin.types import Json, Progress

STAGES = {
    "Searching for the best settings to hold": 15.0,
    "Training on the twin": 60.0,
    "Judging on fresh draws": 25.0,
}


@dataclass(frozen=True)
class TrainRequest:
    """How much is spent: updates of the policy (default: the lesson's) and the runs that it is judged on."""

    facility: str
    output: str | None = None  # default: in BEAMTWIN_HOME, served from then on
    updates: int | None = None
    runs: int = 1024
    horizon_days: float = 14.0
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.one_or_more(runs=self.runs, updates=1 if self.updates is None else self.updates)
        bounds.above_zero(horizon_days=self.horizon_days)
        bounds.seed(self.seed)


@dataclass(frozen=True)
class ScoreRequest:
    """A policy (one's own or else the shipped one, if no file is named) on fresh runs."""

    facility: str
    file: str | None = None
    runs: int = 512
    planner: bool = False  # against model-predictive control too
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.one_or_more(runs=self.runs)
        bounds.seed(self.seed)


@dataclass(frozen=True)
class Answer:
    """A policy file and what is known of it: its card, or only how it stands against its rivals."""

    path: Path
    found: Json

    @property
    def judged(self) -> Json:
        """How it stands against its rivals."""
        return self.found.get("judged", self.found)


def train(request: TrainRequest, progress: Progress) -> Answer:
    """Train, judge and write a policy, whatever the judgement."""
    task = tasks.task(load(request.facility), 24.0 * request.horizon_days)
    lesson = replace(TrainingEffort(), runs=request.runs)
    if request.updates:
        lesson = replace(lesson, recipe=replace(lesson.recipe, updates=request.updates))
    path = Path(request.output) if request.output else trained.own(task.facility.name)
    progress = staged(progress, STAGES)
    actor, card = training.train_policy(task, lesson, request.seed, progress)
    progress("Judging on fresh draws", 1.0)
    trained.save(actor, card, path)
    return Answer(path, card)


def score(request: ScoreRequest, progress: Progress) -> Answer:
    """Judge a policy on fresh draws of a seed of one's own."""
    facility = load(request.facility)
    path = Path(request.file) if request.file else trained.find(facility.name)
    found = trained.load(facility, path)
    held = np.array([found.card["held"][name] for name in found.task.space.names])
    seed = seed_apart(request.seed, found.card)
    progress("Judging on fresh draws", 0.0)
    judged = training.judged(found.task, found.actor.act, held, request.runs, seed, request.planner)
    progress("Judging on fresh draws", 1.0)
    return Answer(path, judged)


def card(policy: str) -> Answer:
    """The card of a policy file, or of the policy that serves a facility."""
    file = Path(policy)
    path = file if file.suffix == ".npz" else trained.find(load(policy).name)
    return Answer(path, trained.read(path))


def seed_apart(seed: int, card: Json) -> int:
    """A seed whose draws are none that the policy was trained on, nor those of its card."""
    return seed + 1 if seed >= card["seed"] else seed


def as_json(answer: Answer) -> Json:
    """The same as plain JSON values."""
    return answer.found

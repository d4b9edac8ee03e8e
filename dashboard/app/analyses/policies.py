"""Policies that set the machine every shift: train one on the twin, or evaluate one on new random inputs."""

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
    "Evaluating on new runs": 25.0,
}


@dataclass(frozen=True)
class TrainRequest:
    """The effort of training: policy updates (default: those of TrainingEffort) and runs of the evaluation."""

    facility: str
    output: str | None = None  # default: the facility's file in BEAMTWIN_HOME, used from then on
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
    """A policy to evaluate on new runs; without a file, the user's own or else the shipped one."""

    facility: str
    file: str | None = None
    runs: int = 512
    planner: bool = False  # compare with model-predictive control too
    seed: int = 0

    def __post_init__(self) -> None:
        bounds.one_or_more(runs=self.runs)
        bounds.seed(self.seed)


@dataclass(frozen=True)
class Answer:
    """A policy file with its card or its evaluation."""

    path: Path
    found: Json

    @property
    def judged(self) -> Json:
        """Its comparison with other policies."""
        return self.found.get("judged", self.found)


def train(request: TrainRequest, progress: Progress) -> Answer:
    """Train, evaluate and write a policy; it is written whatever the evaluation says."""
    task = tasks.task(load(request.facility), 24.0 * request.horizon_days)
    effort = replace(TrainingEffort(), runs=request.runs)
    if request.updates:
        effort = replace(effort, recipe=replace(effort.recipe, updates=request.updates))
    path = Path(request.output) if request.output else trained.own(task.facility.name)
    progress = staged(progress, STAGES)
    actor, card = training.train_policy(task, effort, request.seed, progress)
    progress("Evaluating on new runs", 1.0)
    trained.save(actor, card, path)
    return Answer(path, card)


def score(request: ScoreRequest, progress: Progress) -> Answer:
    """Evaluate a policy on random inputs that it was not trained on."""
    facility = load(request.facility)
    path = Path(request.file) if request.file else trained.find(facility.name)
    found = trained.load(facility, path)
    held = np.array([found.card["held"][name] for name in found.task.space.names])
    seed = seed_apart(request.seed, found.card)
    progress("Evaluating on new runs", 0.0)
    judged = training.judged(found.task, found.actor.act, held, request.runs, seed, request.planner)
    progress("Evaluating on new runs", 1.0)
    return Answer(path, judged)


def card(policy: str) -> Answer:
    """The card of a policy file, or of the policy in use for a facility."""
    file = Path(policy)
    path = file if file.suffix == ".npz" else trained.find(load(policy).name)
    return Answer(path, trained.read(path))


def seed_apart(seed: int, card: Json) -> int:
    """A seed that differs from that of the policy's training and card."""
    return seed + 1 if seed >= card["seed"] else seed


def as_json(answer: Answer) -> Json:
    """The answer as plain JSON values."""
    return answer.found

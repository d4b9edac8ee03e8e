"""The tools of the comparison with the field: each asks for one setting at a time and hears of one look.

Ours need nothing; Xopt (BoTorch, PyTorch on one thread) and cma are peers of the benchmark only and may be absent.
Xopt runs by itself, not through our wrapper, with its defaults. One of them ends its inner search after about 4 s of
the wall clock, which on a busy machine comes far too early: here that clock counts seconds of the processor.
"""

import logging
import random
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np

from benchmarks.field_problems import Look, Problem
from controllers import SEARCHES
from controllers.exchange.vocs import described, rows
from controllers.searches.identify import IdentifyThenControl
from controllers.searches.pareto import ParetoSearch
from controllers.searches.search import Search


class Runner(Protocol):
    """One run of a tool."""

    def tell(self, settings: np.ndarray, look: Look) -> None:
        """Settings [1, K] and what was seen there."""

    def ask(self) -> np.ndarray:
        """The next settings [K]."""
        ...

    def chosen(self) -> np.ndarray:
        """The settings [K] that the tool would leave the machine at."""
        ...


@dataclass(frozen=True)
class Tool:
    """A tool, how to begin a run of it, and what it can do."""

    name: str
    begin: Callable[[Problem, int], Runner]
    package: str | None = None  # None: ours, or numpy alone
    slow: bool = False  # runs fewer seeds
    alone: bool = False  # begins from the present settings; the others from the whole design

    @property
    def version(self) -> str:
        """Its version, of ours a print of the sources; empty if it is not installed."""
        if self.package is None:
            return _print()
        return metadata.version(self.package) if find_spec(self.package) else ""


@cache
def _print() -> str:
    """What the searches are now: rows of other sources are not theirs."""
    folder = Path(str(import_module("controllers.searches").__file__)).parent
    return blake2b(
        b"".join(path.read_bytes() for path in sorted(folder.glob("*.py"))), digest_size=4
    ).hexdigest()


class Ours:
    """A search of ours."""

    def __init__(self, search: Search, problem: Problem, seed: int):
        self.search, self.state = search, search.start(problem.space(seed), seed)

    def tell(self, settings: np.ndarray, look: Look) -> None:
        self.state = self.search.tell(self.state, settings, **look)

    def ask(self) -> np.ndarray:
        return self.search.ask(self.state, 1)[0]

    def chosen(self) -> np.ndarray:
        return self.search.best(self.state)[0]


class Uniform(Ours):
    """Settings drawn evenly; of them the best seen is chosen, as with every peer that says no other."""

    def __init__(self, problem: Problem, seed: int):
        super().__init__(SEARCHES["keep"], problem, seed)
        self.inputs = np.random.default_rng([seed, 11])

    def ask(self) -> np.ndarray:
        space = self.state.space
        return self.inputs.uniform(space.low, space.high)


class Strategy(Uniform):
    """CMA-ES of the package cma, from the present settings with a fifth of each range."""

    def __init__(self, problem: Problem, seed: int):
        import cma

        super().__init__(problem, seed)
        unit = self.state.space.to_unit(self.state.space.present)
        options = {"bounds": [0, 1], "seed": seed + 1, "verbose": -9}
        self.strategy = cma.CMAEvolutionStrategy(np.clip(unit, 0.0, 1.0), 0.2, options)
        self.asked: list[np.ndarray] = []
        self.costs: list[float] = []

    def tell(self, settings: np.ndarray, look: Look) -> None:
        super().tell(settings, look)
        self.costs += [-float(look["scores"][0])] if self.asked else []
        if self.asked and len(self.costs) == len(self.asked):
            self.strategy.tell(self.asked, self.costs)
            self.asked, self.costs = [], []

    def ask(self) -> np.ndarray:
        if not self.asked:
            self.asked = self.strategy.ask()
        return self.state.space.clip(self.state.space.from_unit(self.asked[len(self.costs)]))


class Xopt(Uniform):
    """A generator of Xopt. It gets what it is told as its data, and keeps its own state from look to look."""

    def __init__(self, name: str, settings: dict[str, Any], problem: Problem, seed: int):
        import torch
        from gest_api.vocs import VOCS
        from xopt.generators import get_generator

        super().__init__(problem, seed)
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        for module in (import_module("botorch.generation.gen"), import_module("botorch.optim.utils.timeout")):
            module.time = SimpleNamespace(**{**vars(time), "monotonic": time.process_time})
        self.make = lambda words: get_generator(name)(vocs=VOCS(**words), **settings)
        self.generator: Any = None

    def tell(self, settings: np.ndarray, look: Look) -> None:
        super().tell(settings, look)
        if self.generator is not None:
            self.generator.ingest([self._rows()[-1]])

    def ask(self) -> np.ndarray:
        if self.generator is None:
            self.generator = self.make(described(self.state))
            self.generator.ingest(self._rows())
        (row,) = self.generator.suggest(1)
        space = self.state.space
        return space.clip(np.array([float(row[name]) for name in space.names]))

    def _rows(self) -> list[dict[str, float]]:
        return rows(self.state)


def _ours(name: str) -> Callable[[Problem, int], Runner]:
    return lambda problem, seed: Ours(SEARCHES[name], problem, seed)


def _identify(problem: Problem, seed: int) -> Runner:
    if problem.model is None:
        raise ValueError(f"{problem.name} has no model to identify")
    return Ours(IdentifyThenControl(problem.model), problem, seed)


def _pareto(problem: Problem, seed: int) -> Runner:
    corner = tuple(-edge for edge in problem.corner or ())
    return Ours(ParetoSearch(corner=corner), problem, seed)


def _xopt(name: str, **settings: Any) -> Callable[[Problem, int], Runner]:
    return lambda problem, seed: Xopt(name, settings, problem, seed)


def _mobo(problem: Problem, seed: int) -> Runner:
    corner = {f"objective_{i + 1}": -edge for i, edge in enumerate(problem.corner or ())}
    return _xopt("mobo", reference_point=corner)(problem, seed)


def _rcds(problem: Problem, seed: int) -> Runner:
    return Xopt(
        "rcds", {"noise": max(problem.noise * (1e6 if problem.unit == "um" else 1.0), 1e-5)}, problem, seed
    )


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("bayes", _ours("bayes")),
        Tool("trust", _ours("trust")),
        Tool("safe", _ours("safe")),
        Tool("cma (ours)", _ours("cma"), alone=True),
        Tool("identify", _identify, alone=True),
        Tool("pareto", _pareto),
        Tool("random", Uniform),
        Tool("cma", Strategy, "cma", alone=True),
        Tool("Xopt rcds", _rcds, "xopt", alone=True),
        Tool("Xopt neldermead", lambda p, seed: Xopt("neldermead", {}, p, seed), "xopt", alone=True),
        Tool("Xopt EI", _xopt("expected_improvement"), "xopt", slow=True),
        Tool("Xopt EI, trust", _xopt("expected_improvement", turbo_controller="optimize"), "xopt", slow=True),
        Tool("Xopt EI, safety", _xopt("expected_improvement", turbo_controller="safety"), "xopt", slow=True),
        Tool("Xopt mobo", _mobo, "xopt", slow=True),
    )
}
QUICK = ("bayes", "trust", "cma (ours)", "random", "cma", "Xopt rcds", "Xopt neldermead")
CASES = {
    "sphere": (*QUICK, "Xopt EI"),
    "rosenbrock": (*QUICK, "Xopt EI"),
    "ares": ("identify", *QUICK, "Xopt EI", "Xopt EI, trust"),
    "ring": (*QUICK, "Xopt EI"),
    "tnk": ("safe", "bayes", "trust", "random", "Xopt EI", "Xopt EI, safety"),
    "front": ("pareto", "random", "Xopt mobo"),
}
"""Which tools run on which problem; the first is the one of ours that the docs advise there."""

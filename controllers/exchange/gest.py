"""Searches and the community's generators (the contract gest-api: suggest, ingest), each usable as the other.

The contract is spoken by its methods only, so gest-api need not be installed.
"""

import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from controllers.exchange.vocs import described, read, rows
from controllers.searches.bayes import BayesianOptimisation
from controllers.searches.search import Allowed, Search, State, design, permitted
from twin import Space
from twin.errors import UserError

ROUNDING = (
    1e-9  # of a knob's range, by which a suggestion may lie beyond its limits or off what was evaluated
)


class SearchGenerator:
    """A search as a generator: what it was told is in ``state``, and so can be saved.

    Suggestions of which nothing was heard yet are waited for: further ones are the next of the same batch. ``space``
    gives what a VOCS lacks (units, ramp rates, present settings, interlocks); ``allowed`` is as in ``Search.start``.
    """

    name = "beamtwin"
    returns_id = False

    def __init__(
        self,
        vocs: Any,
        search: Search = BayesianOptimisation(),
        seed: int = 0,
        space: Space | None = None,
        allowed: Allowed | None = None,
    ):
        self.vocs, self.problem, self.search = vocs, read(vocs, space), search
        self.state: State = search.start(self.problem.space, seed, allowed)
        self.waiting: list[np.ndarray] = []

    def suggest(self, num_points: int | None = None) -> list[dict[str, Any]]:
        """The next settings to evaluate (one if no number is given), each with the constants of the VOCS."""
        begun = len(self.waiting)
        asked = self.search.ask(self.state, begun + (1 if num_points is None else num_points))[begun:]
        self.waiting += list(asked)
        names = self.problem.space.names
        return [dict(zip(names, row.tolist(), strict=True)) | self.problem.constants for row in asked]

    def ingest(self, results: Sequence[Mapping[str, Any]]) -> None:
        """Tell the search of evaluated rows, its own or others."""
        told = self.problem.told(results)
        self.state = self.search.tell(self.state, **told)
        space = self.problem.space
        for settings in told["settings"]:
            off = [np.max(np.abs(row - settings) / (space.high - space.low)) for row in self.waiting]
            if off and min(off) <= ROUNDING:
                self.waiting.pop(int(np.argmin(off)))

    def finalize(self) -> None:
        """Nothing is left open."""


@dataclass(frozen=True, eq=False)
class GeneratorSearch(Search):
    """A generator as a search: it is built anew for each ask from all that was told, so the state stays a value.

    ``build`` takes a VOCS as a dict (``exchange.vocs.described``). The first ``begin`` settings (K + 2 if not given,
    at least the present ones) are the design of the other searches. Suggestions beyond the limits, or that the
    state's check refuses, are replaced by the design's: ``replaced`` counts them. Chance from Python, numpy and torch
    is seeded by the state. What a generator keeps beside its data (the edge of a trust region) starts anew each time.
    """

    build: Callable[[dict[str, Any]], Any]
    begin: int | None = None

    def ask(self, state: State, n: int) -> np.ndarray:
        if state.told < self._first(state):
            return design(state, n)
        found = _suggested(self.build, state, n)
        slack = ROUNDING * (state.space.high - state.space.low)
        settings = state.space.clip(found)
        fit = (np.abs(found - settings) <= slack).all(1) & permitted(state, settings)
        return settings if fit.all() else np.where(fit[:, None], settings, design(state, n))

    def replaced(self, state: State) -> int:
        """How many told settings after the first are the design's, not the generator's."""
        planned = design(self.start(state.space, state.seed, state.allowed), state.told)
        return int((state.settings == planned).all(1)[self._first(state) :].sum())

    def _first(self, state: State) -> int:
        return len(state.space.names) + 2 if self.begin is None else max(self.begin, 1)


def _suggested(build: Callable[[dict[str, Any]], Any], state: State, n: int) -> np.ndarray:
    """What a generator built anew suggests after all that was told: settings [n, K], nan where it says none."""
    with _seeded([state.seed, state.told]):
        generator = build(described(state))
        if hasattr(generator, "set_data"):
            raise UserError(
                f"generator {getattr(generator, 'name', generator)!r} keeps a state of its own beside its data, "
                "so it cannot be built anew for each suggestion: choose one that goes by its data"
            )
        generator.ingest(rows(state))
        found = generator.suggest(n)
    if len(found) != n:
        raise UserError(
            f"generator {getattr(generator, 'name', generator)!r} gave {len(found)} suggestions in place of {n}"
        )
    return np.array([[float(row.get(name, np.nan)) for name in state.space.names] for row in found])


@contextmanager
def _seeded(entropy: list[int]) -> Iterator[None]:
    """The global generators of chance seeded, and afterwards as they were."""
    number, torch = int(np.random.SeedSequence(entropy).generate_state(1)[0]), sys.modules.get("torch")
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state() if torch else None
    random.seed(number)
    np.random.seed(number)
    if torch:
        torch.manual_seed(number)
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
        if torch:
            torch.set_rng_state(kept[2])

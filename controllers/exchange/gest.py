"""A search as a generator of gest-api (``suggest``, ``ingest``), and such a generator as a search.

Only the methods of the interface are used, so gest-api need not be installed.
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
    1e-9  # of a knob's range: allowed difference of a suggestion from the limits or the evaluated settings
)


class SearchGenerator:
    """A search as a generator; all its evaluations are in ``state``, which can be saved.

    Suggestions without a result yet are kept in ``waiting``: further suggestions continue the same batch. ``space``
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
        """Add evaluated rows to the state, of this search's suggestions or of other settings."""
        evaluated = self.problem.evaluations(results)
        self.state = self.search.tell(self.state, **evaluated)
        space = self.problem.space
        for settings in evaluated["settings"]:
            off = [np.max(np.abs(row - settings) / (space.high - space.low)) for row in self.waiting]
            if off and min(off) <= ROUNDING:
                self.waiting.pop(int(np.argmin(off)))

    def finalize(self) -> None:
        """End the run; nothing has to be closed."""


@dataclass(frozen=True, eq=False)
class GeneratorSearch(Search):
    """A generator as a search: for each ``ask`` a new generator is built and receives all evaluations.

    ``build`` takes a VOCS as a dict (``exchange.vocs.described``). The first ``begin`` settings (K + 2 if not given,
    at least the present ones) are the design of the other searches. Suggestions beyond the limits, or that
    ``allowed`` refuses, are replaced by those of the design; ``replaced`` counts them. The random numbers of Python,
    numpy and torch are seeded by the state. State of a generator beside its data (the edge of a trust region) is lost.
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
        """How many evaluated settings after the first ``begin`` are the design's, not the generator's."""
        planned = design(self.start(state.space, state.seed, state.allowed), state.told)
        return int((state.settings == planned).all(1)[self._first(state) :].sum())

    def _first(self, state: State) -> int:
        return len(state.space.names) + 2 if self.begin is None else max(self.begin, 1)


def _suggested(build: Callable[[dict[str, Any]], Any], state: State, n: int) -> np.ndarray:
    """The suggestions of a new generator after all evaluations: settings [n, K], nan where it gives none."""
    with _seeded([state.seed, state.told]):
        generator = build(described(state))
        if hasattr(generator, "set_data"):
            raise UserError(
                f"generator {getattr(generator, 'name', generator)!r} keeps a state of its own beside its data, "
                "so it cannot be built for each suggestion: choose one that depends on its data only"
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
    """Seed the global random generators of Python, numpy and torch, and restore them afterwards."""
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

"""Searches: propose settings (``ask``), record their scores (``tell``); all data are in a frozen state."""

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.stats import qmc

from controllers.searches.registry import Registry
from twin import Space
from twin.errors import UserError

Allowed = Callable[[np.ndarray], np.ndarray]

BLOCK = 512  # `allowed` is always called with this many rows, so a compiled check compiles once
SHRINKS = 10  # halvings of the cube towards the present settings before a design stops


@dataclass(frozen=True, eq=False)
class State:
    """All data of a search: N evaluated settings in the facility's units. The arrays are read-only."""

    space: Space
    seed: int
    allowed: Allowed | None
    settings: np.ndarray  # [N, K]
    scores: np.ndarray  # [N] higher is better; nan = none
    noise: np.ndarray  # [N] standard error of each score, in its unit; nan = unknown
    feasible: np.ndarray  # [N] bool
    margins: np.ndarray  # [N, C] distance inside each limit, negative beyond it; nan = none
    readings: np.ndarray  # [N, R] other measured values; nan = none
    time_h: np.ndarray  # [N] hour of each evaluation
    objectives: np.ndarray  # [N, M] of a search for a Pareto front, higher is better; nan = none

    @property
    def told(self) -> int:
        """Number of evaluations N."""
        return len(self.scores)


class Search(Protocol):
    """A search is a frozen value with four functions that have no side effects; a class defines at least ``ask``."""

    def start(self, space: Space, seed: int, allowed: Allowed | None = None) -> State:
        """The state without evaluations; every suggestion passes the cheap check ``allowed([n, K]) -> bool [n]``."""
        none, rows = np.empty(0), np.empty((0, 0))
        settings = np.empty((0, len(space.names)))
        return State(space, seed, allowed, settings, none, none, none.astype(bool), rows, rows, none, rows)

    def ask(self, state: State, n: int) -> np.ndarray:
        """Settings [n, K] to evaluate next, within limits and allowed; the present ones if none is allowed."""
        ...

    def tell(
        self,
        state: State,
        settings,
        scores,
        noise=None,
        feasible=None,
        margins=None,
        readings=None,
        time_h=None,
        objectives=None,
    ) -> State:
        """A new state with ``settings`` [n, K], their ``scores`` [n], standard errors and verdicts added.

        Settings without a finite score, or with a negative margin, count as not feasible. Without
        ``time_h`` each evaluation is assumed to last an hour. A search for a Pareto front uses ``objectives``
        [n, M]; all other searches, and the choice of the best, use ``scores``.
        """
        settings = np.atleast_2d(np.asarray(settings, float))
        scores = np.atleast_1d(np.asarray(scores, float))
        n = len(scores)
        noise = np.full(n, np.nan) if noise is None else np.asarray(noise, float)
        feasible = np.ones(n, bool) if feasible is None else np.asarray(feasible, bool)
        shapes = settings.shape, scores.shape, noise.shape, feasible.shape
        if shapes != ((n, len(state.space.names)), (n,), (n,), (n,)):
            wanted = f"[n, {len(state.space.names)}], [n], [n], [n]"
            raise ValueError(f"settings, scores, noise, feasible have shapes {shapes}; expected {wanted}")
        _require_finite(state, settings)
        margins, readings = _table("margins", margins, n), _table("readings", readings, n)
        objectives = _table("objectives", objectives, n)
        last_h = state.time_h[-1] if state.told else -1.0
        time_h = last_h + 1.0 + np.arange(n) if time_h is None else np.atleast_1d(np.asarray(time_h, float))
        return replace(
            state,
            settings=_joined(state.settings, settings),
            scores=_joined(state.scores, scores),
            noise=_joined(state.noise, noise),
            feasible=_joined(state.feasible, feasible & np.isfinite(scores) & ~(margins < 0).any(1)),
            margins=_joined(*_same_width(state.margins, margins)),
            readings=_joined(*_same_width(state.readings, readings)),
            time_h=_joined(state.time_h, time_h),
            objectives=_joined(*_same_width(state.objectives, objectives)),
        )

    def best(self, state: State) -> tuple[np.ndarray, float]:
        """The feasible evaluated settings with the highest score; the present ones and nan if there are none."""
        return best(state)


def best(state: State) -> tuple[np.ndarray, float]:
    """The feasible evaluated settings with the highest score; the present ones and nan if there are none."""
    if not state.feasible.any():
        return state.space.present, float("nan")
    winner = np.argmax(np.where(state.feasible, state.scores, -np.inf))
    return state.settings[winner], float(state.scores[winner])


@dataclass(frozen=True)
class KeepAsIs(Search):
    """Always suggests the present settings: the reference that every other search must exceed."""

    def ask(self, state: State, n: int) -> np.ndarray:
        return np.tile(state.space.present, (n, 1))


@dataclass(frozen=True)
class Random(Search):
    """The present settings, then a scrambled Sobol sequence, continued after the evaluations so far."""

    def ask(self, state: State, n: int) -> np.ndarray:
        return design(state, n)


SEARCHES: MutableMapping[str, Search] = Registry()
SEARCHES["keep"] = KeepAsIs()
SEARCHES["random"] = Random()


def design(state: State, n: int) -> np.ndarray:
    """Allowed settings [n, K]: points N to N + n of a sequence that begins with the present settings.

    The sampled cube is halved towards the present settings until enough points are allowed.
    """
    wanted = state.told + n
    found = np.empty((0, len(state.space.names)))
    for block in _blocks(state, wanted):
        found = np.concatenate([found, block[permitted(state, block)]])
        if len(found) >= wanted:
            return found[state.told : wanted]
    if not len(found):
        return np.tile(state.space.present, (n, 1))
    return found[np.arange(state.told, wanted) % len(found)]


def permitted(state: State, settings: np.ndarray) -> np.ndarray:
    """Which of ``settings`` [n, K] keep the interlocks and pass ``state.allowed``, called in blocks of one size."""
    free = np.ones(len(settings), bool) if state.space.fence is None else state.space.inside(settings)
    if state.allowed is None or not len(settings):
        return free
    spare = -len(settings) % BLOCK
    padded = np.concatenate([settings, np.tile(state.space.present, (spare, 1))])
    blocks = padded.reshape(-1, BLOCK, padded.shape[1])
    passed = np.concatenate([np.asarray(state.allowed(block), bool) for block in blocks])
    return free & passed[: len(settings)]


def sobol(knobs: int, n: int, seed) -> np.ndarray:
    """The first ``n`` (rounded up to a power of two) points of a scrambled Sobol sequence in [0, 1)^knobs."""
    power = int(np.ceil(np.log2(max(n, 2))))
    return qmc.Sobol(knobs, scramble=True, rng=np.random.default_rng(seed)).random_base2(power)


def _blocks(state: State, wanted: int) -> Iterator[np.ndarray]:
    """The present settings, then Sobol points of the whole cube, then of cubes halved towards the present settings."""
    space = state.space
    yield space.present[None]
    cube = sobol(len(space.names), max(wanted, BLOCK), state.seed)
    centre = space.to_unit(space.present)
    for halvings in range(SHRINKS + 1):
        yield space.clip(space.from_unit(centre + (cube - centre) * 0.5**halvings))
        if state.allowed is None and space.fence is None:
            return


def _joined(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    joined = np.concatenate([old, new])
    joined.flags.writeable = False
    return joined


def _require_finite(state: State, settings: np.ndarray) -> None:
    """UserError where a value of ``settings`` [n, K] is not finite."""
    for row, column in np.argwhere(~np.isfinite(settings))[:1]:
        name, unit = state.space.names[column], state.space.units[column]
        raise UserError(
            f"evaluation {state.told + row} has {name} = {settings[row, column]} {unit}: "
            "give the finite value that was set, or leave the evaluation out"
        )


def _table(name: str, values, n: int) -> np.ndarray:
    """``values`` as a table [n, columns]; without columns if there are none."""
    table = np.empty((n, 0)) if values is None else np.atleast_2d(np.asarray(values, float))
    if table.ndim != 2 or len(table) != n:
        raise ValueError(f"{name} have the shape {table.shape}; expected {n} rows, one for each score")
    return table


def _same_width(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both tables with the columns of the wider one; added columns are nan."""
    wide = max(old.shape[1], new.shape[1])
    widened = [
        np.pad(rows, ((0, 0), (0, wide - rows.shape[1])), constant_values=np.nan) for rows in (old, new)
    ]
    return widened[0], widened[1]

"""Searches: propose settings (ask), hear how good they were (tell), keep all that in a frozen state."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.stats import qmc

from controllers.searches.registry import Registry
from twin import Space
from twin.errors import UserError

Allowed = Callable[[np.ndarray], np.ndarray]

BLOCK = 512  # `allowed` always sees this many rows: a compiled check compiles once
SHRINKS = 10  # halvings of the cube towards the present settings before a design gives up


@dataclass(frozen=True, eq=False)
class State:
    """All that a search knows: N told settings in the facility's units; its arrays are read-only."""

    space: Space
    seed: int
    allowed: Allowed | None
    settings: np.ndarray  # [N, K]
    scores: np.ndarray  # [N] higher is better; nan where there was none
    noise: np.ndarray  # [N] standard error of each score, in its unit; nan = unknown
    feasible: np.ndarray  # [N] bool
    margins: np.ndarray  # [N, C] how far inside each limit, negative beyond it; nan where there was none
    readings: np.ndarray  # [N, R] whatever else was measured; nan where there was none
    time_h: np.ndarray  # [N] when each was judged
    objectives: np.ndarray  # [N, M] of a search for a front, higher is better; nan where there was none

    @property
    def told(self) -> int:
        return len(self.scores)


class Search(Protocol):
    """Four verbs without side effects; an implementation is frozen and says how to ``ask``."""

    def start(self, space: Space, seed: int, allowed: Allowed | None = None) -> State:
        """Nothing told yet. ``allowed([n, K]) -> bool [n]`` is a cheap check that every suggestion passes."""
        none, rows = np.empty(0), np.empty((0, 0))
        settings = np.empty((0, len(space.names)))
        return State(space, seed, allowed, settings, none, none, none.astype(bool), rows, rows, none, rows)

    def ask(self, state: State, n: int) -> np.ndarray:
        """Settings [n, K] to judge next, within limits and allowed; the present ones if none is allowed."""
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
        """A new state that also knows ``settings`` [n, K], ``scores`` [n], standard errors and verdicts.

        Settings without a finite score, or with a negative margin, count as not feasible. Without
        ``time_h`` each evaluation is taken to last an hour. ``objectives`` [n, M] are what a search for a
        front goes by; ``scores`` then are the one figure that all else goes by.
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
        _known(state, settings)
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
            margins=_joined(*_as_wide(state.margins, margins)),
            readings=_joined(*_as_wide(state.readings, readings)),
            time_h=_joined(state.time_h, time_h),
            objectives=_joined(*_as_wide(state.objectives, objectives)),
        )

    def best(self, state: State) -> tuple[np.ndarray, float]:
        """The feasible settings with the highest score; the present ones and nan if there are none."""
        return best(state)


def best(state: State) -> tuple[np.ndarray, float]:
    """The told feasible settings with the highest score; the present ones and nan if there are none."""
    if not state.feasible.any():
        return state.space.present, float("nan")
    winner = np.argmax(np.where(state.feasible, state.scores, -np.inf))
    return state.settings[winner], float(state.scores[winner])


@dataclass(frozen=True)
class KeepAsIs(Search):
    """Asks for the present settings, always: the search that every other one has to beat."""

    def ask(self, state: State, n: int) -> np.ndarray:
        return np.tile(state.space.present, (n, 1))


@dataclass(frozen=True)
class Random(Search):
    """The present settings, then a scrambled Sobol sequence, continued where the telling stopped."""

    def ask(self, state: State, n: int) -> np.ndarray:
        return design(state, n)


SEARCHES = Registry()
SEARCHES["keep"] = KeepAsIs()
SEARCHES["random"] = Random()


def design(state: State, n: int) -> np.ndarray:
    """Allowed settings [n, K]: numbers ``told`` to ``told + n`` of a sequence that opens with the present.

    A small allowed region is found by halving the sampled cube towards the present settings.
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
    """Which of ``settings`` [n, K] keep the interlocks and pass the state's check, asked in blocks of one size."""
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
    """The present settings, then Sobol points of the whole cube, then of cubes halved towards the present."""
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


def _known(state: State, settings: np.ndarray) -> None:
    """UserError where told ``settings`` [n, K] lack a number."""
    for row, column in np.argwhere(~np.isfinite(settings))[:1]:
        name, unit = state.space.names[column], state.space.units[column]
        raise UserError(
            f"look {state.told + row} was told with {name} = {settings[row, column]} {unit}: "
            "tell the finite value that was set, or leave the look out"
        )


def _table(name: str, values, n: int) -> np.ndarray:
    """``values`` as [n, columns]; no columns if there are none."""
    table = np.empty((n, 0)) if values is None else np.atleast_2d(np.asarray(values, float))
    if table.ndim != 2 or len(table) != n:
        raise ValueError(f"{name} have the shape {table.shape}; expected {n} rows, one for each score")
    return table


def _as_wide(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both tables with the columns of the wider, nan where one had none."""
    wide = max(old.shape[1], new.shape[1])
    widened = [
        np.pad(rows, ((0, 0), (0, wide - rows.shape[1])), constant_values=np.nan) for rows in (old, new)
    ]
    return widened[0], widened[1]

"""A search's state in one file, and a loop that saves each evaluation, so that an interrupted run can be continued."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from controllers.searches.search import Allowed, Search, State
from replay_data.store import whole
from twin import Space
from twin.errors import UserError

FORMAT = 1
ARRAYS = ("settings", "scores", "noise", "feasible", "margins", "readings", "time_h", "objectives")
LATER = "objectives"  # absent in files of older versions
BOUNDS = ("low", "high", "ramp_per_h", "present")
PLAIN = (str, int, float, tuple, type(None))  # values that are described by themselves

Evaluate = Callable[[np.ndarray, int], Mapping[str, Any]]
"""Settings [K] and their number in the run -> the arguments of ``tell`` for them, without the first axis."""


def save(state: State, path: str | Path, search: Search | None = None) -> None:
    """Write the evaluations, the seed, the space and the description of the ``search`` to ``path``, atomically.

    Equal states give equal bytes. ``allowed`` is code and is not stored: pass it to ``load`` again.
    """
    space, path = state.space, Path(path)
    about = {"format": FORMAT, "seed": state.seed, "names": space.names, "units": space.units}
    about |= {} if search is None else {"search": described(search)}
    arrays = {name: getattr(state, name) for name in ARRAYS} | {name: getattr(space, name) for name in BOUNDS}
    with whole(path) as part, part.open("wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)


def load(path: str | Path, allowed: Allowed | None = None, search: Search | None = None) -> State:
    """The state that ``save`` wrote; UserError if it is of another ``search``.

    A file that names no search, as those of older versions, is accepted for every search.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about["format"] != FORMAT:
                raise UserError(f"{path} has format {about['format']}; this version reads format {FORMAT}")
            known = {name: file[name] for name in (*ARRAYS, *BOUNDS) if name != LATER or name in file}
            arrays = {LATER: np.empty((len(known["scores"]), 0))} | known
    except (KeyError, ValueError, EOFError, OSError) as error:
        raise UserError(f"{path} is no saved search ({error}); delete it to start again") from error
    of = about.get("search")
    if search is not None and of not in (None, described(search)):
        raise UserError(
            f"{path} holds a run of {of}, not of {described(search)}: continue it with that search, "
            "choose another file or delete it"
        )
    for values in arrays.values():
        values.flags.writeable = False
    low, high, ramp_per_h, present = (arrays[name] for name in BOUNDS)
    space = Space(tuple(about["names"]), tuple(about["units"]), low, high, ramp_per_h, present)
    return State(space, about["seed"], allowed, **{name: arrays[name] for name in ARRAYS})


def run(
    search: Search,
    space: Space,
    evaluate: Evaluate,
    budget: int,
    path: str | Path | None = None,
    seed: int = 0,
    allowed: Allowed | None = None,
) -> State:
    """Run a search until it has ``budget`` evaluations; with a ``path``, continue the run in that file.

    The state is saved after each evaluation. Suggestions depend on the state alone, so a run that was
    killed and continued equals an unbroken one, if ``evaluate`` seeds its random numbers by the evaluation's number.
    """
    state = search.start(space, seed, allowed)
    if path is not None and Path(path).exists():
        state = _same_run(load(path, allowed, search), state, path)
    while state.told < budget:
        settings = search.ask(state, 1)
        outcome = evaluate(settings[0], state.told)
        state = search.tell(state, settings, **{name: np.array([part]) for name, part in outcome.items()})
        if path is not None:
            save(state, path, search)
    return state


def described(part: Any) -> str:
    """A search in one line: its class and its values, including those of a model.

    Functions and arrays have no short permanent name: only their class is given.
    """
    if isinstance(part, PLAIN):
        return str(part)
    names = getattr(type(part), "__dataclass_fields__", ())
    inside = [f"{name}={described(getattr(part, name))}" for name in names]
    return f"{type(part).__name__}({', '.join(inside)})"


def _same_run(stored: State, wanted: State, path: str | Path) -> State:
    """The stored state if space and seed are the wanted ones; else a UserError that names the differences."""
    differs = [
        name
        for name in BOUNDS
        if not np.array_equal(getattr(stored.space, name), getattr(wanted.space, name))
    ]
    differs += [
        name for name in ("names", "units") if getattr(stored.space, name) != getattr(wanted.space, name)
    ]
    differs += ["seed"] * (stored.seed != wanted.seed)
    if differs:
        raise UserError(
            f"{path} holds another run: {', '.join(differs)} differ; choose another file or delete it"
        )
    return replace(stored, space=wanted.space)  # with its interlocks, which are not stored

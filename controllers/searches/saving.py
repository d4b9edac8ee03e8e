"""A search's state in one file, and the loop that runs a search so that a kill costs one evaluation at most."""

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
TOLD = ("settings", "scores", "noise", "feasible", "margins", "readings", "time_h", "objectives")
LATER = "objectives"  # which files written before it was told lack
BOUNDS = ("low", "high", "ramp_per_h", "present")
PLAIN = (str, int, float, tuple, type(None))  # what a search is described by

Evaluate = Callable[[np.ndarray, int], Mapping[str, Any]]
"""Settings [K] and their number in the run -> what ``tell`` takes for them, without the first axis."""


def save(state: State, path: str | Path, search: Search | None = None) -> None:
    """Write all that was told, the seed, the space and which ``search`` it is of to ``path``: whole, or not at all.

    Equal states give equal bytes. ``allowed`` is code and is not stored: hand it to ``load`` again.
    """
    space, path = state.space, Path(path)
    about = {"format": FORMAT, "seed": state.seed, "names": space.names, "units": space.units}
    about |= {} if search is None else {"search": described(search)}
    arrays = {name: getattr(state, name) for name in TOLD} | {name: getattr(space, name) for name in BOUNDS}
    with whole(path) as part, part.open("wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)


def load(path: str | Path, allowed: Allowed | None = None, search: Search | None = None) -> State:
    """The state that ``save`` wrote; UserError if it is of another ``search``.

    A file that names no search, as older ones, is taken for any: its looks were paid for, and nothing contradicts.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about["format"] != FORMAT:
                raise UserError(f"{path} has format {about['format']}; this version reads format {FORMAT}")
            known = {name: file[name] for name in (*TOLD, *BOUNDS) if name != LATER or name in file}
            arrays = {LATER: np.empty((len(known["scores"]), 0))} | known
    except (KeyError, ValueError, EOFError, OSError) as error:
        raise UserError(f"{path} is no saved search ({error}); delete it to begin anew") from error
    of = about.get("search")
    if search is not None and of not in (None, described(search)):
        raise UserError(
            f"{path} holds a run of {of}, not of {described(search)}: continue it with the former, "
            "choose another file or delete it"
        )
    for values in arrays.values():
        values.flags.writeable = False
    low, high, ramp_per_h, present = (arrays[name] for name in BOUNDS)
    space = Space(tuple(about["names"]), tuple(about["units"]), low, high, ramp_per_h, present)
    return State(space, about["seed"], allowed, **{name: arrays[name] for name in TOLD})


def run(
    search: Search,
    space: Space,
    evaluate: Evaluate,
    budget: int,
    path: str | Path | None = None,
    seed: int = 0,
    allowed: Allowed | None = None,
) -> State:
    """Ask, evaluate and tell until ``budget`` evaluations are told; with a ``path``, continue what it holds.

    The state is saved after each evaluation. As asking depends on nothing but what was told, a run that
    was killed and continued equals one that was not, if ``evaluate`` draws its chance by the number it gets.
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
    """A search in one line: its class and the values in it, those of a model too.

    Code and arrays have no short name that lasts: of them only the kind is told.
    """
    if isinstance(part, PLAIN):
        return str(part)
    names = getattr(type(part), "__dataclass_fields__", ())
    inside = [f"{name}={described(getattr(part, name))}" for name in names]
    return f"{type(part).__name__}({', '.join(inside)})"


def _same_run(stored: State, wanted: State, path: str | Path) -> State:
    """The stored state if it is of the wanted space and seed, else an error that says what differs."""
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

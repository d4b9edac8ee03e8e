"""Searches to and from the YAML files of Xopt, and Xopt's generators as searches.

What VOCS cannot express (units, ramp rates, interlocks, the seed, the search) is stored in the keyword arguments of
the evaluator, which Xopt keeps when it writes a file. Checked against Xopt 3.2.2 (https://github.com/xopt-org/Xopt).
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from controllers.exchange.vocs import VERDICT, Problem, column, described, read, rows
from controllers.exchange.xopt_file import document, odd, table
from controllers.searches.front import corner_of
from controllers.searches.search import SEARCHES, State
from replay_data.store import whole
from twin import Space
from twin.errors import UserError, unknown
from twin.space import Fence

FORMAT = 1
SECTION = "beamtwin"
UNATTACHED = "controllers.exchange.xopt.unattached"
EQUALS = {  # search -> Xopt's generator
    "random": "random",
    "bayes": "expected_improvement",
    "trust": "expected_improvement",
    "safe": "expected_improvement",
    "thompson": "expected_improvement",
    "drift": "expected_improvement",
    "pareto": "mobo",
}
REGIONS = {"trust": "OptimizeTurboController", "safe": "SafetyTurboController"}
NEAREST = {  # Xopt's generator -> search
    "random": "random",
    "latin_hypercube": "random",
    "expected_improvement": "bayes",
    "upper_confidence_bound": "bayes",
    "time_dependent_upper_confidence_bound": "drift",
    "mobo": "pareto",
    "mggpo": "pareto",
    "cnsga": "pareto",
    "nsga2": "pareto",
}


class Exchange(NamedTuple):
    """A search read from a file of Xopt: its state, its name in ``SEARCHES``, and notes of what was lost."""

    state: State
    search: str
    notes: tuple[str, ...]


def to_yaml(state: State, search: str, path: str | Path) -> tuple[str, ...]:
    """Write a search to ``path`` for ``Xopt.from_yaml``; returns notes of the differences in Xopt.

    The file's evaluator is a placeholder that raises an error: set ``X.evaluator.function`` before evaluating.
    """
    if search not in SEARCHES:
        raise unknown("search", search, sorted(SEARCHES))
    generator, notes = _generator(state, search)
    recorded = rows(state)
    written = {
        "generator": generator | {"vocs": described(state)},
        "evaluator": {"function": UNATTACHED, "function_kwargs": {SECTION: _section(state, search)}},
        "data": {
            name: {i: row[name] for i, row in enumerate(recorded)}
            for name in (recorded[0] if recorded else ())
        }
        or None,
    }
    with whole(Path(path)) as part:
        part.write_text(yaml.safe_dump(written, sort_keys=False))
    return notes


def from_yaml(path: str | Path, space: Space | None = None) -> Exchange:
    """The search in a file that Xopt or ``to_yaml`` wrote.

    ``space`` gives the units, ramp rates, present settings and interlocks where the file has none.
    """
    try:
        return _read(document(Path(path)), space)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except KeyError as error:
        raise UserError(
            f"{path}: the section {SECTION!r} lacks {error}; remove the section, or write the file again"
        ) from error


def generator(name: str, **settings: Any) -> Callable[[dict[str, Any]], Any]:
    """A function that builds Xopt's generator of that name with ``settings``, for ``GeneratorSearch``."""
    try:
        vocs, known = import_module("gest_api.vocs").VOCS, import_module("xopt.generators")
    except ImportError as error:
        raise UserError(f"Xopt is not installed ({error}): pip install 'xopt>=3.2'") from error
    if name not in known.list_available_generators():
        raise unknown("generator of Xopt", name, sorted(known.list_available_generators()))
    kind = known.get_generator(name)
    return lambda tables: kind(vocs=vocs(**tables), **deepcopy(settings))


def unattached(inputs: Mapping[str, Any], **section: Any) -> dict[str, float]:
    """The placeholder evaluator of a written file: it raises an error."""
    raise UserError(
        f"this file names no evaluator for {', '.join(inputs)}: "
        "set X.evaluator.function to a function of (inputs, **others)"
    )


def _generator(state: State, search: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Xopt's generator for a search, as its file gives it, and notes of the differences."""
    notes, name, region = [], EQUALS.get(search, "random"), REGIONS.get(search)
    several = state.objectives.shape[1] > 1
    if search not in EQUALS or search in ("thompson", "drift"):
        notes.append(f"{search!r} has no counterpart in Xopt: the file names {name!r}")
    if name == "mobo" and not several:
        name = "expected_improvement"
    if name == "expected_improvement" and several:
        notes.append(f"Xopt searches a front where {search!r} uses the score: the file names 'mobo'")
        name, region = "mobo", None
    if search == "safe" and not described(state)["constraints"]:
        region = None
        notes.append("Xopt's safety region needs a limit in the evaluations: left out")
    found: dict[str, Any] = {"name": name}
    if region is not None:
        found["turbo_controller"] = region
    if name == "mobo":
        corner = corner_of(state.objectives, state.feasible).tolist()
        found["reference_point"] = {f"objective_{i + 1}": value for i, value in enumerate(corner)}
    fence = state.space.fence
    if fence is not None:
        notes.append(f"{len(fence.most)} interlock(s) are kept, but Xopt has no limits on sums of variables")
    if state.allowed is not None:
        notes.append("the check `allowed` is code and is not written: pass it to `start` again")
    return found, tuple(notes)


def _section(state: State, search: str) -> dict[str, Any]:
    space, fence = state.space, state.space.fence
    return {
        "format": FORMAT,
        "search": search,
        "seed": state.seed,
        "knobs": list(space.names),
        "units": list(space.units),
        "ramp_per_h": space.ramp_per_h.tolist(),
        "readings": [f"reading_{i + 1}" for i in range(state.readings.shape[1])],
        "objectives": [f"objective_{i + 1}" for i in range(state.objectives.shape[1])],
        "interlocks": []
        if fence is None
        else [
            {"name": name, "unit": unit, "factor": factor, "most": most}
            for name, unit, factor, most in zip(
                fence.names, fence.units, fence.factor.tolist(), fence.most.tolist(), strict=True
            )
        ],
    }


def _read(written: dict[str, Any], space: Space | None) -> Exchange:
    section = ((written.get("evaluator") or {}).get("function_kwargs") or {}).get(SECTION) or {}
    data, notes = table(written.get("data")), []
    generator = written["generator"]
    problem = read(generator.get("vocs") or written.get("vocs"), space, data[-1] if data else None)
    if section:
        problem, search = _restored(problem, section, space), section["search"]
    else:
        search = _nearest(generator)
        notes.append(f"generator {generator.get('name')!r} is read as {search!r}, without its settings")
        notes += problem.notes
    known = [
        row for row in data if np.isfinite([column([row], name)[0] for name in problem.space.names]).all()
    ]
    if len(known) < len(data):
        notes.append(f"{len(data) - len(known)} row(s) without a number for each variable are left out")
    state = SEARCHES[search].start(problem.space, section.get("seed", 0))
    if known:
        evaluated = problem.evaluations(known)
        evaluated |= _extras(known, section) if section else {}
        notes += odd(problem, known, evaluated, bool(section))
        state = SEARCHES[search].tell(state, **evaluated)
    return Exchange(state, search, tuple(notes))


def _restored(problem: Problem, section: Mapping, space: Space | None) -> Problem:
    """The problem with the space and readings that the section of ``to_yaml`` stores, in its order of knobs."""
    if section.get("format") != FORMAT or section.get("search") not in SEARCHES:
        raise UserError(f"the section {SECTION!r} is of a version that this one does not read")
    found = problem.space
    if set(section["knobs"]) != set(found.names):
        raise UserError(
            f"the section {SECTION!r} has the knobs {section['knobs']}, the VOCS {list(found.names)}"
        )
    order = [found.names.index(name) for name in section["knobs"]]
    restored = Space(
        tuple(section["knobs"]),
        tuple(section["units"]),
        found.low[order],
        found.high[order],
        np.array(section["ramp_per_h"], float),
        found.present[order],
        _fence(section["interlocks"]),
    )
    margins = tuple(output for output in problem.margins if output.name != VERDICT)
    space = restored if space is None else found
    return replace(problem, space=space, margins=margins, readings=tuple(section["readings"]))


def _fence(locks: list[Mapping]) -> Fence | None:
    if not locks:
        return None
    name, unit, factor, most = ([lock[part] for lock in locks] for part in ("name", "unit", "factor", "most"))
    return Fence(tuple(name), tuple(unit), np.array(factor, float), np.array(most, float))


def _nearest(generator: Mapping[str, Any]) -> str:
    """The name of the search that is nearest to Xopt's generator."""
    region = generator.get("turbo_controller")
    name = region.get("name") if isinstance(region, dict) else region
    for search, known in REGIONS.items():
        if isinstance(name, str) and known.lower().startswith(name.lower()):
            return search
    return NEAREST.get(str(generator.get("name")), "bayes")


def _extras(data: list[dict], section: Mapping) -> dict[str, np.ndarray]:
    """Columns of a file beside its VOCS. Rows that Xopt added have no time: each is an hour after the one before."""
    time_h = column(data, "time_h")
    for row in np.flatnonzero(np.isnan(time_h)):
        time_h[row] = time_h[row - 1] + 1.0 if row else 0.0
    objectives = [column(data, name) for name in section["objectives"]]
    extras = {"noise": column(data, "noise"), "time_h": time_h}
    extras["feasible"] = ~(column(data, VERDICT) < 0.5) & ~(column(data, "xopt_error") > 0)
    return extras | ({"objectives": np.array(objectives).T} if objectives else {})

"""Conversion of a VOCS (variables, objectives, constraints, constants, observables) to a search problem and back.

VOCS is defined by gest-api 0.2 (https://github.com/campa-consortium/gest-api), which Xopt uses. Its objects and the
plain dicts of YAML files are both accepted; neither package is needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from controllers.searches.search import State
from twin import Space
from twin.errors import UserError

SCORE, VERDICT = "score", "feasible"
EXTRAS = ("noise", VERDICT, "time_h")  # additional columns, which VOCS does not define
OBJECTIVES = {"MINIMIZE": -1.0, "MAXIMIZE": 1.0, "MinimizeObjective": -1.0, "MaximizeObjective": 1.0}
LIMITS = {
    "GREATER_THAN": (1.0,),
    "LESS_THAN": (-1.0,),
    "BOUNDS": (1.0, -1.0),
    "GreaterThanConstraint": (1.0,),
    "LessThanConstraint": (-1.0,),
    "BoundsConstraint": (1.0, -1.0),
}


class Output(NamedTuple):
    """An objective or constraint: ``sign * (value - bound)``, higher is better, negative violates a constraint."""

    name: str
    sign: float
    bound: float = 0.0

    def of(self, rows: Sequence[Mapping]) -> np.ndarray:
        """Its values [N], ``sign * (value - bound)``; nan where a row has none."""
        return self.sign * (column(rows, self.name) - self.bound)


@dataclass(frozen=True, eq=False)
class Problem:
    """A VOCS as a search problem: a space and the meaning of each column; ``notes`` list what was lost."""

    space: Space
    objectives: tuple[Output, ...]
    margins: tuple[Output, ...]
    readings: tuple[str, ...]
    constants: dict[str, Any]
    notes: tuple[str, ...]

    def evaluations(self, rows: Sequence[Mapping]) -> dict[str, np.ndarray]:
        """The arguments of ``Search.tell`` for evaluated ``rows``; a missing or invalid number is nan.

        With several objectives the score is the column ``score``, or the first objective where that has no value.
        """
        settings = np.array([column(rows, name) for name in self.space.names]).T.reshape(len(rows), -1)
        lacking = [
            name
            for name, known in zip(self.space.names, np.isfinite(settings).T, strict=True)
            if not known.all()
        ]
        if lacking:
            raise UserError(
                f"evaluated rows lack a number for {', '.join(lacking)}: each row needs all variables"
            )
        objectives = np.array([output.of(rows) for output in self.objectives]).T.reshape(len(rows), -1)
        several = objectives.shape[1] > 1
        score = column(rows, SCORE) if several else objectives[:, 0]
        evaluated = {
            "settings": settings,
            "scores": np.where(np.isnan(score), objectives[:, 0], score),
            "feasible": ~(column(rows, "xopt_error") > 0.0),
            "margins": np.array([output.of(rows) for output in self.margins]).T.reshape(len(rows), -1),
            "readings": np.array([column(rows, name) for name in self.readings]).T.reshape(len(rows), -1),
        }
        return evaluated | {"objectives": objectives} if several else evaluated


def column(rows: Sequence[Mapping], name: str) -> np.ndarray:
    """The numbers [N] under a name; nan where there is none."""
    return np.array([_number(row.get(name)) for row in rows], float)


def read(vocs: Any, space: Space | None = None, last: Mapping | None = None) -> Problem:
    """The problem of a VOCS (of gest-api, or its dict).

    ``space`` gives the units, ramp rates, present settings and interlocks of its knobs, which VOCS cannot express.
    Without it units are empty and ramp rates unlimited; the present settings are the default values, else those of the
    ``last`` evaluated row, else the middle of the range.
    """
    tables = vocs.model_dump() if hasattr(vocs, "model_dump") else vocs
    if not isinstance(tables, Mapping) or not tables.get("variables"):
        raise UserError("a VOCS needs a table `variables`; none was found")
    variables, notes = dict(tables["variables"]), []
    context = tuple(
        name for name, entry in variables.items() if _kind(entry) in ("CONTEXTUAL", "ContextualVariable")
    )
    if context:
        notes.append(f"{len(context)} contextual variable(s) ({', '.join(context)}) are readings here")
    constants = {
        name: entry["value"] if isinstance(entry, Mapping) else entry
        for name, entry in (tables.get("constants") or {}).items()
    }
    return Problem(
        _space(
            {name: entry for name, entry in variables.items() if name not in context},
            space,
            last or {},
            notes,
        ),
        tuple(_objective(name, entry) for name, entry in (tables.get("objectives") or {}).items())
        or _no_objective(),
        tuple(o for name, entry in (tables.get("constraints") or {}).items() for o in _limits(name, entry)),
        (*(tables.get("observables") or ()), *context),
        constants,
        tuple(notes),
    )


def described(state: State) -> dict[str, Any]:
    """The VOCS of a state, as a dict: scores or objectives are maximised, margins and verdicts are constraints.

    Verdicts are a constraint only where margins and scores do not explain them.
    """
    space, marks = state.space, state.objectives.shape[1]
    goals = [f"objective_{i + 1}" for i in range(marks)] if marks > 1 else [SCORE]
    limits: dict[str, list] = {
        f"margin_{i + 1}": ["GREATER_THAN", 0.0] for i in range(state.margins.shape[1])
    }
    if (~state.feasible & np.isfinite(state.scores) & ~(state.margins < 0).any(1)).any():
        limits[VERDICT] = ["GREATER_THAN", 0.5]
    clash = set(space.names) & {*goals, *limits, SCORE, *EXTRAS}
    if clash:
        raise UserError(
            f"a knob has the name {min(clash)!r}, which the VOCS uses for an output: rename the knob"
        )
    edges = zip(space.names, space.low.tolist(), space.high.tolist(), space.present.tolist(), strict=True)
    return {
        "variables": {
            name: {"type": "ContinuousVariable", "domain": [low, high], "default_value": present}
            for name, low, high, present in edges
        },
        "objectives": dict.fromkeys(goals, "MAXIMIZE"),
        "constraints": limits,
    }


def rows(state: State) -> list[dict[str, float]]:
    """All evaluations, one dict per row, under the names of ``described``."""
    tables = {
        "margin": state.margins,
        "reading": state.readings,
        "objective": state.objectives,
    }
    columns = dict(zip(state.space.names, state.settings.T, strict=True))
    columns |= {SCORE: state.scores, "noise": state.noise, VERDICT: state.feasible, "time_h": state.time_h}
    columns |= {f"{name}_{i + 1}": part for name, table in tables.items() for i, part in enumerate(table.T)}
    return [{name: float(values[row]) for name, values in columns.items()} for row in range(state.told)]


def _space(variables: Mapping[str, Any], space: Space | None, last: Mapping, notes: list[str]) -> Space:
    names = tuple(variables)
    low, high = np.array([_domain(name, entry) for name, entry in variables.items()]).T
    if space is not None:
        if set(space.names) != set(names):
            raise UserError(
                f"the space has the knobs {', '.join(space.names)}, the VOCS {', '.join(names)}: they must be the same"
            )
        order = [names.index(name) for name in space.names]
        return replace(space, low=np.maximum(space.low, low[order]), high=np.minimum(space.high, high[order]))
    notes.append(f"{len(names)} variable(s) have no units and ramp rates, taken as unlimited: pass a `space`")
    default = np.array([_default(entry) for entry in variables.values()])
    if np.isnan(default).any():
        notes.append(
            f"{np.isnan(default).sum()} variable(s) have no default value: the last settings count as present"
        )
    latest = np.array([_number(last.get(name)) for name in names])
    present = np.where(np.isnan(default), np.where(np.isnan(latest), 0.5 * (low + high), latest), default)
    return Space(
        names, ("",) * len(names), low, high, np.full(len(names), np.inf), np.clip(present, low, high)
    )


def _domain(name: str, entry: Any) -> tuple[float, float]:
    edges = entry.get("domain") if isinstance(entry, Mapping) else entry
    if not isinstance(edges, Sequence) or isinstance(edges, str) or len(edges) != 2:
        raise UserError(f"variable {name!r} is {entry!r}: only variables between two limits can be read")
    low, high = (_number(edge) for edge in edges)
    if not (np.isfinite([low, high]).all() and low < high):
        raise UserError(f"variable {name!r} has the domain [{low}, {high}]: it must rise and be finite")
    return low, high


def _default(entry: Any) -> float:
    return _number(entry.get("default_value")) if isinstance(entry, Mapping) else np.nan


def _objective(name: str, entry: Any) -> Output:
    kind = _kind(entry)
    if kind not in OBJECTIVES:
        raise UserError(f"objective {name!r} is {kind}: only MINIMIZE and MAXIMIZE can be read")
    return Output(name, OBJECTIVES[kind])


def _no_objective() -> Any:
    raise UserError("the VOCS has no objective: name one to MINIMIZE or MAXIMIZE")


def _limits(name: str, entry: Any) -> list[Output]:
    """A constraint as one margin, or as two if it is a range."""
    kind = _kind(entry)
    bounds = [entry.get("value"), entry.get("range")] if isinstance(entry, Mapping) else [list(entry)[1:]]
    bounds = np.ravel([part for part in bounds if part is not None])
    if kind not in LIMITS or len(bounds) != len(LIMITS[kind]):
        raise UserError(
            f"constraint {name!r} is {entry!r}: wanted GREATER_THAN or LESS_THAN a value, or BOUNDS of two"
        )
    return [Output(name, sign, float(bound)) for sign, bound in zip(LIMITS[kind], bounds, strict=True)]


def _kind(entry: Any) -> str:
    if isinstance(entry, Mapping):
        return str(entry.get("type"))
    first = entry[0] if isinstance(entry, Sequence) and not isinstance(entry, str) and len(entry) else entry
    return first.upper() if isinstance(first, str) else str(first)


def _number(value: Any) -> float:
    """``value`` as a float; nan if it is no number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan

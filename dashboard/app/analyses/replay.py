"""What `beamtwin replay` finds: the law it replays under, twin against record, and the worlds that are asked for."""

import runpy
import traceback
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from replay_data import replay
from replay_data.otherwise import Policy
from replay_data.record import Log, instant
from replay_data.replay import Beside, Counterfactual, Factual, Residual, Window
from replay_data.view import LogView
from surrogate import registry
from surrogate.registry import Model
from twin import Facility, UserError, load, whatif
from twin.nominal import nominal
from twin.tree import BEAMLINE

LAWS, EACH = 8, 4  # laws drawn from the model's posterior, and runs of each

Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Twin:
    """What a log is replayed under: a trained model or, where there is none, the facility file's own law."""

    facility: Facility
    model: Model | None

    @property
    def law(self) -> Any:
        """The law of a factual replay."""
        return nominal(self.facility) if self.model is None else self.model.law.mean()

    def learned_h(self, log: Log) -> float:
        """The hour of a log up to which the model has learned from its time; 0 if it never did."""
        until = 0.0
        for seen in [] if self.model is None else self.model.entry.card["logs"]:
            late_h = (instant(seen["start"]) - instant(log.start)).total_seconds() / 3600.0
            until = max(until, late_h + seen["hours"]) if late_h < log.hours else until
        return min(until, log.hours)


@dataclass(frozen=True)
class Replayed:
    """All that one replay found; hours are those of the log."""

    twin: Twin
    start: str  # of the log
    from_h: float
    to_h: float
    learned_h: float  # up to here the model has learned from this time
    beside: dict[str, Beside]
    residuals: dict[str, Residual]  # judged after ``learned_h``, or throughout if there is no later time
    counters: dict[
        str, tuple[np.ndarray, np.ndarray]
    ]  # of each beamline with one: hours [N], samples since from_h
    faults: list[dict[str, Any]]  # recorded outages of the machine: process, start_h, end_h
    view: Window | None  # None: a tabular log, whose rows have no running time
    fact: Factual | None
    worlds: list[tuple[str, Counterfactual, replay.Reach]]

    @property
    def judged_from_h(self) -> float:
        """Where the residuals begin."""
        return judged_from(self.from_h, self.to_h, self.learned_h)


def judged_from(from_h: float, to_h: float, learned_h: float) -> float:
    """The hour after what was learned from, if a twentieth of the window is left then."""
    return learned_h if from_h < learned_h < to_h - 0.05 * (to_h - from_h) else from_h


def twin_of(args: Namespace) -> Twin:
    """The model asked for or the newest one; the facility file's law if none was ever trained and none asked for."""
    facility = load(args.facility)
    if args.model is None and not registry.entries(facility.name):
        return Twin(facility, None)
    model = registry.load(args.model, facility.name)
    return Twin(model.facility, model)


def replayed(args: Namespace, log: Log, twin: Twin, tell: Tell) -> Replayed:
    """Replay the end of a log, as it was and as the command line asks."""
    tell("replaying the record", 0.0)
    read, view, fact = LogView(log, twin.facility), None, None
    if log.tabular:
        _refuse_worlds(args, log)
    else:
        view = replay.window(read, 24.0 * args.days)
    from_h = max(log.hours - 24.0 * args.days, 0.0) if view is None else view.from_h
    asked = [] if view is None else worlds(args, view)
    seen, learned_h = replay.beside(read, _predictor(twin), from_h), twin.learned_h(log)
    since = judged_from(from_h, log.hours, learned_h)
    residuals = {
        name: replay.residual(_after(rows, since), since, log.hours - since) for name, rows in seen.items()
    }
    if view is not None:
        fact = replay.factual(view, twin.law, args.seed)
    tell("replaying the record", 1.0)
    others = []
    for i, (title, world) in enumerate(asked):
        tell("replaying it otherwise", i / len(asked))
        assert view is not None, "only a window has other worlds"
        others.append((title, with_same_luck(view, world, twin, args.seed), reach(view, world, twin)))
        tell("replaying it otherwise", (i + 1) / len(asked))
    return Replayed(
        twin, log.start, from_h, log.hours, learned_h, seen, residuals,
        _counters(read, from_h), [] if view is None else _faults(view, read), view, fact, others,
    )  # fmt: skip


def _refuse_worlds(args: Namespace, log: Log) -> None:
    asked = [f"--{key}" for key in ("set", "scenario", "policy") if getattr(args, key)]
    if asked:
        raise UserError(
            f"{asked[0]}: rows of a tuning log (of {log.facility}) have no running time to replay otherwise; "
            f"leave {asked[0]} out to see the twin beside its quantities"
        )


def _after(rows: Beside, hour: float) -> Beside:
    return Beside(*(column[rows.hour >= hour] for column in rows))


def _counters(log: LogView, from_h: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    found = {}
    for line in log.facility.beamline:
        counter = log.cleaned(f"samples_{line.name}")
        if counter is not None:
            late = counter.time_h >= from_h
            before = np.nan_to_num(counter.at(np.array([from_h])))
            found[line.name] = (counter.time_h[late], counter.value[late] - before)
    return found


def _faults(view: Window, log: LogView) -> list[dict[str, Any]]:
    """The recorded faults of the machine in the window, like ``Factual.outages``."""
    table, names = log.faults, view.facility.process_names
    rows = zip(table["process"].tolist(), table["start_h"].tolist(), table["end_h"].tolist(), strict=True)
    return [
        {"process": process, "start_h": max(start, view.from_h), "end_h": None if end != end else end}
        for process, start, end in rows
        if view.plant.effect[names.index(process)] != BEAMLINE
        and not end <= view.from_h
        and start < log.hours
    ]


def worlds(args: Namespace, view: Window) -> list[tuple[str, Window]]:
    """(title, window) of each world that ``--set``, ``--scenario`` or ``--policy`` asks for."""
    if args.scenario:
        scenario = whatif.read(args.scenario)
        facility = whatif.facility_of(scenario, args.scenario)
        if facility.name != view.facility.name:
            raise UserError(
                f"{args.scenario}: of facility {facility.name!r}, the log is of {view.facility.name!r}"
            )
        return [(case.name, replay.by_case(view, case)) for case in scenario.case]
    if args.policy:
        return [(f"policy {args.policy}", replay.by_policy(view, policy_of(args.policy)))]
    changes = assignments(args.set)
    told = ", ".join(f"{name} = {value:g}" for name, value in changes.items())
    return [(told, replay.altered(view, changes))] if changes else []


def assignments(pairs: list[str], option: str = "--set") -> dict[str, float]:
    """Values by knob of ``KNOB=VALUE`` pairs."""
    changes = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name in changes:
            raise UserError(f"{option} {pair!r}: {name} is given twice; give it once")
        try:
            changes[name] = float(value)
        except ValueError:
            raise UserError(f"{option} {pair!r}: write it like {option} rf_voltage=2.8") from None
    return changes


def policy_of(text: str) -> Any:
    """The function NAME of ``FILE.py:NAME``; what goes wrong in the file or in the function is a UserError."""
    path, colon, name = text.rpartition(":")
    if not colon:
        raise UserError(
            f"--policy {text!r}: it needs a function, as FILE.py:FUNCTION; write it like --policy night.py:careful"
        )
    if not Path(path).is_file():
        raise UserError(
            f"--policy {text!r}: {path!r} is not a file; write it like --policy night.py:careful, a function of "
            "(hour, settings, conditions) that gives settings"
        )
    try:
        found = runpy.run_path(path).get(name)
    except (Exception, SystemExit) as error:
        raise UserError(f"--policy {text!r}: {_mishap(path, error)}") from error
    if not callable(found):
        raise UserError(f"--policy {text!r}: {path} has no function {name!r}")
    return _guarded(found, path, text)


def _guarded(policy: Policy, path: str, text: str) -> Policy:
    """A user's function, whose mishaps are a UserError."""

    def choose(hour: float, held: np.ndarray, felt: np.ndarray) -> np.ndarray:
        where = f"--policy {text!r} at hour {hour:g}"
        try:
            chosen = policy(hour, held, felt)
        except (Exception, SystemExit) as error:
            raise UserError(f"{where}: {_mishap(path, error)}") from error
        try:
            if chosen is None:
                raise TypeError
            return np.asarray(chosen, float)
        except (TypeError, ValueError):
            raise UserError(f"{where}: {path} gave {type(chosen).__name__}, not one number a knob") from None

    return choose


def _mishap(path: str, error: BaseException) -> str:
    """One line of what went wrong in a user's file, and where."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    place = f"{path}, line {lines[-1]}" if lines else path
    return f"{place}: {type(error).__name__}: {' '.join(str(error).split())}"


@jax.jit
def _predicted(law, settings, conditions):
    return jax.vmap(lambda s, c: law.predict(s, c))(settings, conditions)


@jax.jit
def _stated(law, settings, conditions):
    return jax.vmap(lambda s, c: law(s, c).quantity)(settings, conditions)


@jax.jit
def _distances(law, settings, conditions):
    return jax.vmap(lambda s, c: law.support(s, c))(settings, conditions)


def _predictor(twin: Twin) -> replay.Predict:
    """Mean, low and high of a twin; the facility file's law states no interval."""
    if twin.model is not None:
        law = twin.model.law
        return lambda s, c: _predicted(law, s, c)

    def stated(settings, conditions):
        mean = np.asarray(_stated(twin.law, settings, conditions))
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)

    return stated


def reach(view: Window, changed: Window, twin: Twin) -> replay.Reach:
    """Where a world leaves what the model's logs have seen; of a law that knows none, only of what is recorded here."""
    if twin.model is None:
        return replay.reach(view, changed, lambda s, c: np.zeros(len(s)), np.inf)
    law = twin.model.law
    assert law.seen is not None, "a stored model has its support"
    return replay.reach(view, changed, lambda s, c: _distances(law, s, c), float(np.asarray(law.seen.limit)))


def with_same_luck(view: Window, changed: Window, twin: Twin, seed: int) -> Counterfactual:
    """What another world would have brought, under laws drawn from the model's posterior (or the one law there is)."""
    if twin.model is None:
        law = jax.tree.map(lambda a: np.asarray(a)[None], twin.law)
        return replay.counterfactual(view, changed, law, 1, LAWS * EACH, seed)
    laws = twin.model.law.draws(jax.random.key(seed), LAWS)
    return replay.counterfactual(view, changed, laws, LAWS, EACH, seed)

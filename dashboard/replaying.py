"""What `beamtwin replay` asks of a log: the other worlds that a command line names, and the model's word on them."""

import runpy
from argparse import Namespace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from replay_data import replay
from replay_data.replay import Window
from surrogate.registry import Model
from twin import UserError, whatif

LAWS, EACH = 8, 4  # laws drawn from the model's posterior, and runs of each


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
        return [(f"policy {args.policy}", replay.by_policy(view, _policy(args.policy)))]
    changes = _assignments(args.set)
    told = ", ".join(f"{name} = {value:g}" for name, value in changes.items())
    return [(told, replay.altered(view, changes))] if changes else []


def _assignments(pairs: list[str]) -> dict[str, float]:
    changes = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            changes[name] = float(value)
        except ValueError:
            raise UserError(f"--set {pair!r}: write it like --set rf_voltage=2.8") from None
    return changes


def _policy(text: str) -> Any:
    """The function NAME of ``FILE.py:NAME``."""
    path, _, name = text.rpartition(":")
    if not Path(path).is_file():
        raise UserError(
            f"--policy {text!r}: {path!r} is not a file; write it like --policy night.py:careful, a function of "
            "(hour, settings, conditions) that gives settings"
        )
    found = runpy.run_path(path).get(name)
    if not callable(found):
        raise UserError(f"--policy {text!r}: {path} has no function {name!r}")
    return found


@jax.jit
def _predicted(law, settings, conditions):
    return jax.vmap(lambda s, c: law.predict(s, c))(settings, conditions)


@jax.jit
def _distances(law, settings, conditions):
    return jax.vmap(lambda s, c: law.support(s, c))(settings, conditions)


def residuals(view: Window, log, model: Model) -> dict[str, Any]:
    """The record's quantities against what the model says of them."""
    return replay.residuals(view, log, lambda s, c: _predicted(model.law, s, c))


def reach(view: Window, changed: Window, model: Model):
    """Where a world leaves what the model's logs have seen."""
    assert model.law.seen is not None, "a stored model has its support"
    limit = float(np.asarray(model.law.seen.limit))
    return replay.reach(view, changed, lambda s, c: _distances(model.law, s, c), limit)


def with_same_luck(view: Window, changed: Window, model: Model, seed: int) -> replay.Counterfactual:
    """What another world would have brought, under laws drawn from the model's posterior."""
    laws = model.law.draws(jax.random.key(seed), LAWS)
    return replay.counterfactual(view, changed, laws, LAWS, EACH, seed)

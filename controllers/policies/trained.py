"""Trained policies on disk: one npz of plain arrays with a card, valid for one facility file only."""

import hashlib
import json
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from controllers.policies import tasks
from controllers.policies.ppo import Actor, Recipe, actor
from controllers.policies.tasks import Task
from replay_data.store import whole
from twin import Facility
from twin.errors import UserError
from twin.home import home

SCHEMA = "beamtwin/policy/1"
SHIPPED = Path(str(resources.files("controllers.policies")))


class Trained(NamedTuple):
    """A trained policy, its task and its card."""

    task: Task
    actor: Actor
    card: dict[str, Any]


def fingerprint(facility: Facility) -> str:
    """The first twelve hexadecimal digits of the SHA-256 of a facility's values, defaults left out."""
    values = facility.model_dump_json(exclude_defaults=True)
    return hashlib.sha256(values.encode()).hexdigest()[:12]


def own(name: str) -> Path:
    """The path of the user's own policy for a facility of this name."""
    return home() / "policies" / f"{name}.npz"


def find(name: str) -> Path:
    """The policy file of a facility: the user's own, else the shipped one."""
    tried = [own(name), SHIPPED / f"{name}.npz"]
    if found := next((path for path in tried if path.is_file()), None):
        return found
    raise UserError(
        f"no policy for {name}: neither of {', '.join(map(str, tried))} exists; {how_to_train(name)}"
    )


def how_to_train(name: str) -> str:
    """The part of a message that says how to get a policy."""
    return f"train one: beamtwin policy train {name}"


def save(policy: Actor, card: dict[str, Any], path: Path) -> None:
    """Write the policy's arrays in order, and its card (``described`` and more) as JSON, atomically."""
    rows: dict[str, Any] = {f"leaf{i}": np.asarray(leaf) for i, leaf in enumerate(_arrays(policy))}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as part, part.open("wb") as file:
        np.savez_compressed(file, card=json.dumps(card, indent=1), **rows)


def described(task: Task, width: int) -> dict[str, Any]:
    """The entries of a card that identify the facility and task of its policy."""
    return {
        "schema": SCHEMA,
        "facility": task.facility.name,
        "hash": fingerprint(task.facility),
        "horizon_h": task.scenario.horizon_h,
        "knobs": list(task.space.names),
        "decisions": [f"replace the oldest unit of {name}" for name in task.wearing],
        "observation": task.size,
        "width": width,
    }


def read(path: Path) -> dict[str, Any]:
    """The card of a policy."""
    return _stored(path)[0]


def load(facility: Facility, path: Path) -> Trained:
    """The policy in a file; UserError if it was trained for another facility, or for another version of it."""
    card, leaves = _stored(path)
    task = tasks.task(facility, float(card["horizon_h"]))
    wanted = described(task, card["width"])
    if differ := [
        f"{key} {card.get(key)!r}, not {wanted[key]!r}" for key in wanted if card.get(key) != wanted[key]
    ]:
        raise UserError(f"{path}: this policy is for {'; '.join(differ)}; {how_to_train(facility.name)}")
    untrained = actor(task, Recipe(width=card["width"]), jax.random.key(0))
    shapes = [leaf.shape for leaf in _arrays(untrained)]
    if [leaf.shape for leaf in leaves] != shapes:
        raise UserError(f"{path}: its arrays have shapes {[x.shape for x in leaves]}, not {shapes}")
    rest = iter(leaves)
    return Trained(
        task, jax.tree.map(lambda x: jnp.asarray(next(rest)) if _is_array(x) else x, untrained), card
    )


def _stored(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """(card, arrays in order) of a file."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            card = json.loads(str(stored["card"]))
            leaves = [stored[f"leaf{i}"] for i in range(len(stored.files) - 1)]
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is no complete policy file ({error}); {how_to_train('FACILITY')}") from error
    if not isinstance(card, dict) or card.get("schema") != SCHEMA:
        raise UserError(f"{path} is no policy of schema {SCHEMA}; {how_to_train('FACILITY')}")
    return card, leaves


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array)


def _arrays(policy: Actor) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(policy) if _is_array(leaf)]

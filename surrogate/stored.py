"""Storage of modules as plain arrays by name, without pickle."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from surrogate.earlier import migrated
from twin import UserError

KIND = "kind"
ABSENT = "none"


def arrays(module: eqx.Module, prefix: str = "") -> dict[str, np.ndarray]:
    """All arrays of a module by dotted name; an entry ``kind`` names the class of each module.

    A field is a module, an array or number, a text, None, or a tuple of these.
    """
    found = {prefix + KIND: np.array(type(module).__name__)}
    for own in fields(module):  # type: ignore[arg-type]
        found |= _field(getattr(module, own.name), prefix + own.name)
    return found


def _field(value: Any, name: str) -> dict[str, np.ndarray]:
    if isinstance(value, eqx.Module):
        return arrays(value, name + ".")
    if isinstance(value, tuple):
        length = {f"{name}.length": np.array(len(value))}
        return length | {k: v for i, part in enumerate(value) for k, v in _field(part, f"{name}.{i}").items()}
    if value is None:
        return {f"{name}.{KIND}": np.array(ABSENT)}
    return {name: np.asarray(value)}


def module(found: Any, kinds: dict[str, type[eqx.Module]], prefix: str = "") -> Any:
    """The module that ``arrays`` described; ``kinds`` has the classes by name.

    Raises UserError for a class that is not in ``kinds``. A missing field, added after the model was stored,
    has its default.
    """
    kind = str(found[prefix + KIND])
    if kind not in kinds:
        raise UserError(
            f"a part of kind {kind!r} is not known here ({', '.join(kinds)}); update beamtwin, or train again"
        )
    own = {
        f.name: _read(found, kinds, prefix + f.name)
        for f in fields(kinds[kind])
        if _has(found, prefix + f.name)
    }  # type: ignore[arg-type]
    return kinds[kind](**own)


def _has(found: Any, name: str) -> bool:
    return any(key in found for key in (name, f"{name}.{KIND}", f"{name}.length"))


def _read(found: Any, kinds: dict[str, type[eqx.Module]], name: str) -> Any:
    if f"{name}.length" in found:
        return tuple(_read(found, kinds, f"{name}.{i}") for i in range(int(found[f"{name}.length"])))
    if f"{name}.{KIND}" in found:
        absent = str(found[f"{name}.{KIND}"]) == ABSENT
        return None if absent else module(found, kinds, name + ".")
    value = found[name]
    return str(value) if value.dtype.kind == "U" else jnp.asarray(value)


def save(law: eqx.Module, path: str | Path) -> None:
    """Write a module as .npz."""
    np.savez(path, **arrays(law))  # type: ignore[arg-type]


def load(path: str | Path, kinds: dict[str, type[eqx.Module]]) -> Any:
    """Read a module that ``save`` of this version or an earlier one wrote."""
    with np.load(path, allow_pickle=False) as file:
        return module(migrated(file), kinds)

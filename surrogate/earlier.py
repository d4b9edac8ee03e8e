"""Migration of models that earlier versions stored: their arrays under the present names."""

from collections.abc import Mapping

import numpy as np

FIELDS = {"reach": "extrapolation_error"}
"""Fields of ``LearnedLaw`` by the name of version 0.1: their present name."""


def migrated(found: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """The arrays of a stored module, with the names and parts of the present version."""
    if "kind" not in found or str(found["kind"]) != "LearnedLaw":
        return found
    return _renamed(_in_parts(found))


def _renamed(found: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """The arrays under the present names of the fields of ``LearnedLaw``."""
    present = {}
    for name in found:
        field, dot, rest = name.partition(".")
        present[FIELDS.get(field, field) + dot + rest] = found[name]
    return present


def _in_parts(found: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """The quantities as an ensemble of models.

    The first models stored a single ensemble of perceptrons, whose layers lay in the ensemble itself.
    """
    own = "quantities."
    if f"{own}layers.length" not in found:
        return found
    arrays = {name: found[name] for name in found}
    layers = {name: arrays.pop(name) for name in list(arrays) if name.startswith(f"{own}layers.")}
    part = f"{own}parts.0."
    arrays |= {part + name.removeprefix(own): value for name, value in layers.items()}
    mean, scale = arrays[f"{own}x_mean"], arrays[f"{own}x_scale"]
    for bound, default in (("low", -np.inf), ("high", np.inf)):
        arrays[part + bound] = (arrays.pop(f"{own}x_{bound}", np.asarray(default)) - mean) / scale
    members, outputs = arrays[f"{own}weights"].shape
    now = {
        "parts.length": 1, "parts.0.kind": "Networks", "share": np.ones((1, outputs)),
        "coded": np.zeros(0, int), "codes": np.zeros(0), "follow": np.ones(outputs),
        "retain": np.zeros(outputs), "last": np.zeros((members, outputs)),
    }  # fmt: skip
    return arrays | {own + name: np.asarray(value) for name, value in now.items()}

"""Models that earlier versions stored: their arrays under the names of today."""

from collections.abc import Mapping

import numpy as np


def renamed(found: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """The arrays of a law as ``surrogate.stored`` reads them now.

    Until the first other model came, quantities were one ensemble of perceptrons with their layers in it.
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

"""Functions shared by the HDF5 formats: opening a file, listing its groups, attributes and text."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from replay_data.runlog import is_runlog
from replay_data.sources import TEXT, WAVEFORM
from twin.errors import UserError

SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs", ".nx5")


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a foreign HDF5 file for reading; UserError if it is not HDF5, or is already a run-log."""
    if not h5py.is_hdf5(path):
        raise UserError(f"{path}: not an HDF5 file, despite its suffix")
    if is_runlog(path):
        raise UserError(f"{path}: already a beamtwin run-log; use it directly, no import is needed")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{path}: HDF5 cannot open it ({error}); copy it again") from None
    with file:
        yield file


def attribute(item: Any, name: str, default: str = "") -> str:
    """An attribute as text, whether it is stored as bytes, text or an array of one element."""
    value = item.attrs.get(name, default)
    value = np.asarray(value).ravel()
    first = value[0] if value.size else default
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


def datasets(group: Any) -> dict[str, Any]:
    """All datasets below a group, by their path relative to it."""
    found: dict[str, Any] = {}
    group.visititems(
        lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None
    )
    return found


def groups(file: Any) -> dict[str, Any]:
    """All groups of a file, by path."""
    found: dict[str, Any] = {}
    file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Group) else None)
    return found


def is_text(dataset: Any) -> bool:
    """Whether a dataset holds text."""
    return h5py.check_string_dtype(dataset.dtype) is not None


def column(dataset: Any) -> np.ndarray:
    """A dataset's values; text as objects."""
    return np.asarray(dataset.asstr()[()], dtype=object) if is_text(dataset) else dataset[()]


def numbers(dataset: Any, element: int | None) -> tuple[np.ndarray, str]:
    """One number per sample [N] of a dataset [N, ...] and ""; else zeros [N] and the reason (nothing is read then)."""
    n = dataset.shape[0] if dataset.ndim else 1
    inner = int(np.prod(dataset.shape[1:]))
    none = np.zeros(n)
    if is_text(dataset) or dataset.dtype.kind not in "biuf":
        return none, TEXT
    if element is None and inner != 1:
        return none, WAVEFORM
    if (element or 0) >= inner:
        return none, f"no element {element}"
    if inner == 1:
        return np.reshape(dataset[()], n), ""
    return dataset[(slice(None), *np.unravel_index(element or 0, dataset.shape[1:]))], ""

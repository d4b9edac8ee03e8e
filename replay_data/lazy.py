"""An HDF5 dataset as a lazy xarray variable: only the indexed elements are read."""

from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing


class Stored(BackendArray):
    """The first ``size`` elements of a dataset, multiplied by ``scale`` if given."""

    def __init__(self, dataset: Any, size: int, scale: float | None) -> None:
        self._dataset, self._scale = dataset, scale
        self.shape = (size,)
        self.dtype = np.dtype(float) if scale else dataset.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        support = indexing.IndexingSupport.OUTER_1VECTOR
        return indexing.explicit_indexing_adapter(key, self.shape, support, self._read)

    def _read(self, key: tuple) -> Any:
        wanted = key[0]
        if isinstance(wanted, slice):
            wanted = slice(*wanted.indices(self.shape[0]))  # a dataset may have grown beyond ``size``
            if wanted.step < 0:
                return self._read((np.arange(wanted.start, wanted.stop, wanted.step),))
        if isinstance(wanted, np.ndarray):  # HDF5 requires rising, unique indices
            unique, back = np.unique(wanted, return_inverse=True)
            values = self._dataset[unique][back] if wanted.size else np.empty(0, self._dataset.dtype)
        else:
            values = self._dataset[wanted]
        return values * self._scale if self._scale else values


def array(dataset: Any, size: int, attrs: dict[str, str], scale: float | None = None) -> xr.Variable:
    """A variable of a dataset's first ``size`` elements over ``sample``; nothing is read yet."""
    return xr.Variable("sample", indexing.LazilyIndexedArray(Stored(dataset, size, scale)), attrs)

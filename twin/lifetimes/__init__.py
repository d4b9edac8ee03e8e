"""Failure laws: the distribution of a unit's life. One law a file, registered under its name in facility files.

A new law is a new file in this folder, with a case in ``tests/test_twin_lifetimes.py``. Everything else
follows from what the law declares: the keys of facility files and their published schema, the reference
engine, and the laws that the batched engine refuses.
"""

from twin.lawbook import import_all
from twin.lifetimes.law import LIFE_LAWS, NEVER, LifeLaw

import_all(__name__, __path__)

__all__ = ["LIFE_LAWS", "NEVER", "LifeLaw"]

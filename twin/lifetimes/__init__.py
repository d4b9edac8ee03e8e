"""How long a unit lives: failure laws, one a file, each under the name that facility files use.

A new law is a new file in this folder, and its case in ``tests/test_twin_lifetimes.py``. Everything else
follows from what the law declares: the keys of facility files and their published schema, the reference
engine, and which laws another engine refuses.
"""

from twin.lawbook import import_all
from twin.lifetimes.law import LIFE_LAWS, NEVER, LifeLaw

import_all(__name__, __path__)

__all__ = ["LIFE_LAWS", "NEVER", "LifeLaw"]

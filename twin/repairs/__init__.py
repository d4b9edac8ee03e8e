"""Repair laws: the distribution of repair times. One law a file, registered under its name in facility files.

A new law is a new file in this folder, with a case in ``tests/test_twin_repairs.py``. Everything else
follows from what the law declares: the keys of facility files, their published schema, and both engines,
which take a whole table of repair times.
"""

from twin.lawbook import import_all
from twin.repairs.law import REPAIR_LAWS, RepairLaw

import_all(__name__, __path__)

__all__ = ["REPAIR_LAWS", "RepairLaw"]

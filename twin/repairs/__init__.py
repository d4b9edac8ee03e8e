"""How long a repair takes: repair laws, one a file, each under the name that facility files use.

A new law is a new file in this folder, and its case in ``tests/test_twin_repairs.py``. Everything else
follows from what the law declares: the keys of facility files, their published schema, and both engines,
which are handed a whole table of repair times.
"""

from twin.lawbook import import_all
from twin.repairs.law import REPAIR_LAWS, RepairLaw

import_all(__name__, __path__)

__all__ = ["REPAIR_LAWS", "RepairLaw"]

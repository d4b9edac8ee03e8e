"""The folder of the files that beamtwin writes: models, the ledger, compiled programs."""

import os
from pathlib import Path


def home() -> Path:
    """The folder of models, ledger and compiled programs: ``$BEAMTWIN_HOME``, else ``~/.beamtwin``."""
    return Path(os.environ.get("BEAMTWIN_HOME") or Path.home() / ".beamtwin").expanduser()

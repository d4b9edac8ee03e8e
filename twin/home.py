"""Where beamtwin keeps what it makes: models, the ledger, compiled programs."""

import os
from pathlib import Path


def home() -> Path:
    """The folder of everything beamtwin keeps: ``$BEAMTWIN_HOME``, else ``~/.beamtwin``."""
    return Path(os.environ.get("BEAMTWIN_HOME") or Path.home() / ".beamtwin").expanduser()

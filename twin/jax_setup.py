"""The JAX settings of beamtwin: 64-bit numbers, and compiled programs kept on disk.

Importing ``twin`` sets the numbers, without importing JAX; a command, a page or a job keeps what it compiles.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

from twin.home import home


def use_64_bits() -> None:
    """JAX computes with 64-bit numbers, whether it is imported already or only later, here or in a child process."""
    os.environ["JAX_ENABLE_X64"] = "1"
    _update("jax_enable_x64", True)


def keep_compiled(folder: Path | None = None) -> None:
    """Keep compiled programs in a folder (``BEAMTWIN_HOME/compiled``), for this process and those it starts.

    Where the environment names a folder of its own, that one is used. Call it before the first program runs:
    JAX looks for its folder once.
    """
    # Another process may have left a program half-written; it is then compiled again.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache")
    settings = {
        "jax_compilation_cache_dir": str(folder or home() / "compiled"),
        "jax_persistent_cache_min_compile_time_secs": 0.2,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        chosen = os.environ.setdefault(name.upper(), str(value))
        _update(name, type(value)(chosen))


def _update(name: str, value: Any) -> None:
    """Set an option of JAX if it is imported already; else JAX reads the environment at import."""
    if "jax" in sys.modules:
        sys.modules["jax"].config.update(name, value)

"""What is imported before it is needed: a list of facilities or models, or a look at a log, waits for no JAX."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {
    "cmaes", "dash", "equinox", "gymnasium", "jax", "optax", "pandas", "plotly", "pyarrow", "scipy", "simpy", "sklearn",
    "xarray",
}  # fmt: skip
"""Packages that take a tenth of a second or more to import, or that import one that does."""

ENTRIES = {
    "loading a facility": ("import twin\nfor name in twin.built_in(): twin.load(name)", set()),
    "changing a facility": ("from twin import whatif", set()),
    "listing models": ("from surrogate import registry\nregistry.entries()", set()),
    "promoting a model": ("from surrogate import service", set()),
    "opening a log": ("from replay_data import open_log, write", set()),
    "checking a log": ("import replay_data.check", set()),
    "finding downtime": ("import replay_data.downtime, replay_data.compare, replay_data.counted", set()),
    "counting metrics": ("import twin.outcome, twin.plant", set()),
    "the rooms": ("import twin, replay_data, surrogate, controllers", set()),
    "using a model": ("import surrogate.learned", {"equinox", "jax", "optax", "scipy"}),
}
"""What is done, and which of the heavy packages it may import."""


@pytest.mark.parametrize("done", ENTRIES)
def test_nothing_heavy_is_imported_before_it_is_needed(done, tmp_path, monkeypatch):
    monkeypatch.setenv("BEAMTWIN_HOME", str(tmp_path))
    code, allowed = ENTRIES[done]
    asks = f"{code}\nimport sys\nprint(*sorted(set(sys.modules) & {HEAVY}))"
    found = subprocess.run([sys.executable, "-c", asks], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert set(found.stdout.split()) <= allowed

"""What all tests share: compiled programs on disk, a home of their own, a log of each facility, a model."""

import os
from pathlib import Path

import pytest
import scipy.linalg  # noqa: F401  (its BLAS is loaded, so that it can be limited)
from threadpoolctl import threadpool_limits

# As the command does: more threads fight with JAX's own for the cores, and wait by spinning.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
threadpool_limits(1, "blas")

KEPT = Path(__file__).parent.parent / "work" / "compiled"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(KEPT))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# Strict shapes: JAX may not broadcast arrays of unlike rank, so an axis too few is an error.
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")

DAYS, SEED = 120, 3


def pytest_configure(config):
    # Another process may have left a program half-written; it is then compiled again.
    config.addinivalue_line("filterwarnings", "ignore:Error (reading|writing) persistent compilation cache")


@pytest.fixture(scope="module", autouse=True)
def few_programs():
    """A module's compiled programs go with it: of maps of memory, of which each holds some ten, a process may have
    65,530 (vm.max_map_count), and XLA aborts at the next."""
    yield
    import jax

    jax.clear_caches()


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory):
    """BEAMTWIN_HOME is a temporary folder, so no test sees or touches a person's models."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEAMTWIN_HOME", str(home))
        yield home


@pytest.fixture(scope="session")
def ring():
    """The built-in storage ring."""
    import twin

    return twin.load("storage-ring")


@pytest.fixture(scope="session")
def ring_record(ring):
    """A hundred and twenty days of the ring under its hidden plant."""
    from replay_data.synthesize import synthesize

    return synthesize(ring, DAYS, SEED)


@pytest.fixture(scope="session")
def linac():
    """The built-in linac."""
    import twin

    return twin.load("xfel-linac")


@pytest.fixture(scope="session")
def linac_record(linac):
    """Thirty days of the linac under its hidden plant: some five hundred failures."""
    from replay_data.synthesize import synthesize

    return synthesize(linac, 30, SEED)


@pytest.fixture(scope="session")
def ring_log(ring_record, tmp_path_factory) -> Path:
    """The same as a file."""
    from replay_data.runlog import write

    path = tmp_path_factory.mktemp("logs") / "ring.h5"
    write(ring_record, path)
    return path


@pytest.fixture(scope="session")
def ring_model(ring, ring_log, tmp_path_factory):
    """A model of that log, quickly trained, in a registry of its own."""
    from replay_data.runlog import open_log
    from surrogate import registry
    from surrogate.fitting import Recipe
    from surrogate.train import train

    folder = tmp_path_factory.mktemp("models")
    with open_log(ring_log) as log:
        recipe = Recipe(members=4, width=32, rounds=30, patience=8)
        found = train(ring, [log], 0, recipe=recipe, models=["perceptrons"])
    entry = registry.save(found.law, found.card, found.facility, folder)
    return registry.load(entry.id, folder=folder)

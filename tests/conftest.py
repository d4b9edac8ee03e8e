"""What all tests share: compiled programs on disk, a home of their own, a log of each facility, a model."""

import fcntl
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import scipy.linalg  # noqa: F401  (its BLAS is loaded, so that it can be limited)
from threadpoolctl import threadpool_limits

from twin.jax_setup import keep_compiled

# As the command does: more threads fight with JAX's own for the cores, and wait by spinning.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
threadpool_limits(1, "blas")

# Compiled with little optimisation: equal results, and the first call of a program is two or three times sooner.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("BEAMTWIN_HOME", str(Path(__file__).parent.parent / "work"))
keep_compiled()
# Strict shapes: JAX may not broadcast arrays of unlike rank, so an axis too few is an error.
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")

DAYS, SEED = 120, 3
MOST_MAPS = 30_000
"""Of memory; a process may have 65,530 (vm.max_map_count), each compiled program holds some ten, and XLA aborts
at the next."""


def pytest_configure(config):
    # Another process may have left a program half-written; it is then compiled again.
    config.addinivalue_line("filterwarnings", "ignore:Error (reading|writing) persistent compilation cache")


def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="module", autouse=True)
def few_programs():
    """Compiled programs are dropped when they hold too many maps of memory, and not sooner: modules share them."""
    yield
    maps = Path("/proc/self/maps")  # on Linux, which alone has that limit
    if "jax" in sys.modules and maps.exists() and maps.read_bytes().count(b"\n") > MOST_MAPS:
        sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory):
    """BEAMTWIN_HOME is a temporary folder, so no test sees or touches a person's models."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEAMTWIN_HOME", str(home))
        yield home


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """``shared(name, make)``: a folder that ``make`` fills once a run; the other workers wait for it, and read it."""
    own = tmp_path_factory.getbasetemp()
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def once(name: str, make: Callable[[Path], None]) -> Path:
        folder, part = root / name, root / f"{name}.part"
        with open(root / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one that dies lets go of it
            if not folder.is_dir():
                part.mkdir(exist_ok=True)
                make(part)
                part.rename(folder)
        return folder

    return once


@pytest.fixture(scope="session")
def ring():
    """The built-in storage ring."""
    import twin

    return twin.load("storage-ring")


@pytest.fixture(scope="session")
def linac():
    """The built-in linac."""
    import twin

    return twin.load("xfel-linac")


def synthetic(shared, facility, days: int) -> Any:
    """A log of a facility under its hidden plant, made once a run."""

    def make(folder: Path) -> None:
        from replay_data.synthesize import synthesize

        (folder / "record").write_bytes(pickle.dumps(synthesize(facility, days, SEED)))

    return pickle.loads((shared(f"log-{facility.name}-{days}", make) / "record").read_bytes())


@pytest.fixture(scope="session")
def ring_record(ring, shared):
    """A hundred and twenty days of the ring under its hidden plant."""
    return synthetic(shared, ring, DAYS)


@pytest.fixture(scope="session")
def linac_record(linac, shared):
    """Thirty days of the linac under its hidden plant: some five hundred failures."""
    return synthetic(shared, linac, 30)


@pytest.fixture(scope="session")
def ring_log(ring_record, tmp_path_factory) -> Path:
    """The same as a file."""
    from replay_data.runlog import write

    path = tmp_path_factory.mktemp("logs") / "ring.h5"
    write(ring_record, path)
    return path


@pytest.fixture(scope="session")
def ring_model(ring, ring_log, shared):
    """A model of that log, quickly trained once a run, in a registry of its own."""
    from surrogate import registry

    def make(folder: Path) -> None:
        from replay_data.runlog import open_log
        from surrogate.fitting import Recipe
        from surrogate.train import train

        with open_log(ring_log) as log:
            recipe = Recipe(members=4, width=32, rounds=30, patience=8)
            found = train(ring, [log], 0, recipe=recipe, models=["perceptrons"])
        registry.save(found.law, found.card, found.facility, folder)

    return registry.load(folder=shared("ring-model", make))

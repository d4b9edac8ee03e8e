"""A killed training resumes from its checkpoint, with the result of an undisturbed one."""

import os
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from surrogate import fitting
from surrogate.checkpoint import Checkpoint
from surrogate.fitting import Recipe

RECIPE = Recipe(members=2, width=8, rounds=400, patience=400)
CHILD = """
import sys
import numpy as np
import pytest
sys.path.insert(0, {root!r})
from surrogate import fitting
from surrogate.checkpoint import Checkpoint
from tests.test_surrogate_checkpoint import RECIPE, rows
fitting.fit(*rows(), 0, RECIPE, rounds=400, checkpoint=Checkpoint({folder!r}, every_s=0.0))
print("done", flush=True)
"""


def rows():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 2))
    return z, np.sin(z), np.ones((2, 300))


@pytest.mark.slow
def test_a_killed_training_resumes_with_the_result_of_an_undisturbed_one(tmp_path):
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    code = CHILD.format(root=root, folder=str(tmp_path / "kept"))
    child = subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 120.0
        while child.poll() is None and time.monotonic() < until and not list(tmp_path.glob("kept/*.npz")):
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        printed = child.communicate(timeout=30)[0]
    finally:
        child.kill()
    assert "done" not in printed, "the training was over before it could be killed"
    kept = Checkpoint(tmp_path / "kept", every_s=0.0)
    (left,) = (tmp_path / "kept").glob("[!.]*.npz")
    before = int(kept.load(left.stem)[0])  # type: ignore[index]
    assert 0 < before < 400
    rounds_saved: list[int] = []
    kept.save, save = (
        (lambda key, arrays: (rounds_saved.append(int(arrays[0])), save(key, arrays))[1]),
        kept.save,
    )
    resumed, rounds = fitting.fit(*rows(), 0, RECIPE, rounds=400, checkpoint=kept)
    plain, same = fitting.fit(*rows(), 0, RECIPE, rounds=400)
    assert min(rounds_saved) > before and rounds == same
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, resumed, plain)))


def test_a_training_of_other_rows_does_not_resume_from_the_checkpoint(tmp_path):
    kept = Checkpoint(tmp_path)
    key = kept.key(np.zeros(3), 1, "a")
    kept.save(key, [np.arange(2)])
    assert kept.load(key) is not None
    assert kept.load(kept.key(np.zeros(3), 2, "a")) is None
    assert kept.load(kept.key(np.zeros(4), 1, "a")) is None
    kept.clear()
    assert kept.load(key) is None

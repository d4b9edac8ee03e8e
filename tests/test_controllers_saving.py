"""A saved search comes back bit for bit, and a killed run continues where its file ends."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controllers.searches.identify import IdentifyThenControl, Model
from controllers.searches.saving import ARRAYS, described, load, run, save
from controllers.searches.search import SEARCHES
from twin import Space
from twin.errors import UserError
from twin.space import Fence

SPACE = Space(("a", "b"), ("mA", ""), np.array([0.0, -1.0]), np.ones(2), np.ones(2), np.array([0.3, 0.2]))

VICTIM = """
import os, sys, time
import numpy as np
from controllers.searches.saving import run
from controllers.searches.search import SEARCHES
from tests.test_controllers_saving import SPACE, evaluate

def slow(settings, number):
    with open(sys.argv[2], "a") as counted:
        counted.write("x")
    time.sleep(0.02)
    return evaluate(settings, number)

run(SEARCHES["random"], SPACE, slow, 200, sys.argv[1], seed=4)
"""


def evaluate(settings, number):
    """A noisy evaluation whose random numbers are seeded by its number."""
    inputs = np.random.default_rng([7, number]).normal()
    return {"scores": -np.sum(settings**2) + 0.1 * inputs, "noise": 0.1, "margins": [0.9 - settings[0]]}


def equal(one, other) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in ARRAYS[:3]
    )


def test_a_state_comes_back_with_all_evaluations_and_equal_bytes(tmp_path):
    state = run(SEARCHES["random"], SPACE, evaluate, 9, seed=2)
    save(state, tmp_path / "one")
    save(load(tmp_path / "one"), tmp_path / "two")
    back = load(tmp_path / "two")
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(back, name), getattr(state, name))
    assert (back.seed, back.space.names, back.space.units) == (2, SPACE.names, SPACE.units)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with pytest.raises(ValueError, match="read-only"):
        back.scores[0] = 1.0


@pytest.mark.parametrize("name", sorted(SEARCHES))
def test_a_run_that_was_stopped_and_continued_equals_one_that_was_not(name, tmp_path):
    search, path = SEARCHES[name], tmp_path / "state"
    at_once = run(search, SPACE, evaluate, 10, seed=3)
    run(search, SPACE, evaluate, 6, path, seed=3)
    assert equal(run(search, SPACE, evaluate, 10, path, seed=3), at_once)


@pytest.mark.parametrize("name", sorted(SEARCHES))
def test_a_run_that_is_continued_keeps_the_interlocks_of_its_space(name, tmp_path):
    """They are not in the file: they come with the space, whose bounds are."""
    search, path = SEARCHES[name], tmp_path / "state"
    run(search, SPACE, evaluate, 5, path, seed=3)
    held = Fence(("sum",), ("",), np.ones((1, 2)), np.array([SPACE.present.sum() + 0.01]))
    fenced = replace(SPACE, fence=held)
    state = run(search, fenced, evaluate, 9, path, seed=3)
    assert state.space.fence is held
    assert fenced.inside(state.settings[5:]).all()


def test_a_front_that_was_stopped_and_continued_equals_one_that_was_not(tmp_path):
    def aims(settings, number):
        return evaluate(settings, number) | {"objectives": [settings[0], -(settings[1] ** 2)]}

    search, path = SEARCHES["pareto"], tmp_path / "state"
    run(search, SPACE, aims, 6, path, seed=3)
    continued, at_once = run(search, SPACE, aims, 9, path, seed=3), run(search, SPACE, aims, 9, seed=3)
    np.testing.assert_array_equal(continued.objectives, at_once.objectives)
    assert equal(continued, at_once)


def test_a_file_of_a_version_without_objectives_is_still_read(tmp_path):
    state = run(SEARCHES["random"], SPACE, evaluate, 4, tmp_path / "state", seed=2)
    with np.load(tmp_path / "state") as file:
        np.savez(tmp_path / "old.npz", **{name: file[name] for name in file if name != "objectives"})
    back = load(tmp_path / "old.npz")
    assert back.objectives.shape == (4, 0)
    assert equal(back, state)


def test_a_kill_loses_one_evaluation_at_most_and_the_run_goes_on_as_if_nothing_had_been(tmp_path):
    path, counted = tmp_path / "state", tmp_path / "counted"
    root = Path(__file__).parents[1]
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, path, counted], cwd=root, env=dict(os.environ, PYTHONPATH=".")
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (counted.exists() and counted.stat().st_size > 6):
        time.sleep(0.005)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    begun, kept = counted.stat().st_size, load(path).told
    assert 6 <= begun < 200
    assert begun - 1 <= kept <= begun
    assert equal(
        run(SEARCHES["random"], SPACE, evaluate, 40, path, seed=4),
        run(SEARCHES["random"], SPACE, evaluate, 40, seed=4),
    )


def test_a_file_of_another_run_is_refused_in_words(tmp_path):
    run(SEARCHES["random"], SPACE, evaluate, 2, tmp_path / "state", seed=1)
    with pytest.raises(UserError, match="another run: seed differ"):
        run(SEARCHES["random"], SPACE, evaluate, 4, tmp_path / "state", seed=2)
    (tmp_path / "bad").write_bytes(b"nothing")
    with pytest.raises(UserError, match="no saved search"):
        load(tmp_path / "bad")


def test_a_run_is_not_continued_by_another_search(tmp_path):
    run(SEARCHES["random"], SPACE, evaluate, 6, tmp_path / "state", seed=1)
    with pytest.raises(
        UserError, match=r"a run of Random\(\), not of EvolutionStrategy\(\): continue it with"
    ):
        run(SEARCHES["cma"], SPACE, evaluate, 8, tmp_path / "state", seed=1)
    run(SEARCHES["trust"], SPACE, evaluate, 2, tmp_path / "trust", seed=1)
    with pytest.raises(
        UserError, match=r"trust=True, .* not of BayesianOptimisation\(sure=0.75, trust=False"
    ):
        run(SEARCHES["bayes"], SPACE, evaluate, 3, tmp_path / "trust", seed=1)
    assert load(tmp_path / "trust").told == 2


def test_a_file_that_names_no_search_is_continued_and_named(tmp_path):
    state = run(SEARCHES["random"], SPACE, evaluate, 3, seed=1)
    save(state, tmp_path / "state")
    run(SEARCHES["random"], SPACE, evaluate, 4, tmp_path / "state", seed=1)
    with pytest.raises(UserError, match="a run of Random"):
        load(tmp_path / "state", search=SEARCHES["keep"])


def test_a_search_is_described_by_its_class_and_its_numbers():
    words = [described(search) for search in SEARCHES.values()]
    assert len(set(words)) == len(words)
    model = Model(3, lambda hidden, settings: settings, lambda readings: readings[0], np.ones(2))
    ours = IdentifyThenControl(model, SEARCHES["random"])
    kinds = "predict=function(), score=function(), noise=ndarray()"
    assert described(ours) == f"IdentifyThenControl(model=Model(hidden=3, {kinds}), fallback=Random())"

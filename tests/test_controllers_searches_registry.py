"""A new search is one new file with its case: the registry finds the file, and the sweep demands the case."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from controllers.searches.search import SEARCHES, KeepAsIs

ROOT = Path(__file__).parent.parent
MIDWAY = '''"""A search of the tests: the middle of the space."""

from dataclasses import dataclass

import numpy as np

from controllers.searches.search import SEARCHES, Search


@dataclass(frozen=True)
class Midway(Search):
    """Suggests the middle of the space."""

    def ask(self, state, n):
        return np.tile(0.5 * (state.space.low + state.space.high), (n, 1))


SEARCHES["midway"] = Midway()
'''
LOOK_UP = """
import json, sys
import controllers.searches
from controllers import SEARCHES

heavy = {"controllers.searches.midway", "jax", "cmaes"}
found = {"file": controllers.searches.__file__, "before": sorted(heavy & set(sys.modules))}
found |= {"names": list(SEARCHES), "class": type(SEARCHES["midway"]).__qualname__}

import test_controllers_claims as sweep

found["swept"] = [name.values[0] for name in sweep.NAMES]
try:
    sweep.test_each_search_recovers_the_exact_best_of_what_it_claims("midway")
except AssertionError as error:
    found["error"] = str(error)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict:
    """What a copy of the package with one more file in ``searches`` registers, and what the sweep of claims says."""
    home = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "controllers", home / "controllers", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "controllers" / "searches" / "midway.py").write_text(MIDWAY)
    paths = os.pathsep.join(map(str, (home, ROOT, ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, "-c", LOOK_UP], cwd=home, env=os.environ | {"PYTHONPATH": paths},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["file"].startswith(str(home.resolve()))
    return answer


def test_one_more_file_is_one_more_search(found):
    assert set(found["names"]) == {*SEARCHES, "midway"}
    assert found["class"] == "Midway"


def test_the_files_of_searches_are_imported_at_the_first_look_up(found):
    assert found["before"] == []


def test_a_registered_search_without_a_case_fails_the_sweep(found):
    assert "midway" in found["swept"]
    assert "'midway' is registered and claims no problem: add it to tests/cases_claims.py" in found["error"]


def test_a_name_is_given_to_one_search_alone():
    known = SEARCHES["keep"]
    with pytest.raises(ValueError, match=r"search 'keep' is taken by KeepAsIs\(\); choose another name"):
        SEARCHES["keep"] = KeepAsIs()
    assert SEARCHES["keep"] is known


def test_searches_are_listed_in_alphabetical_order():
    assert list(SEARCHES) == sorted(SEARCHES)
    assert {"ascent", "identify"}.isdisjoint(SEARCHES)

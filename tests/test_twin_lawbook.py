"""A new law is one new file: what it declares reaches facility files, their schema and the engines."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from math import log1p
from pathlib import Path

import pytest
from closed_form import ALWAYS_USERS, TOY, subsystem
from scipy.special import ndtr

from twin.lawbook import Hours
from twin.lifetimes import LIFE_LAWS, LifeLaw
from twin.repairs import REPAIR_LAWS, RepairLaw

ROOM = Path(__file__).parent.parent / "twin"
GOMPERTZ = '''"""Gompertz lives, a law of the tests."""

import math
from dataclasses import dataclass
from typing import Annotated

from scipy.special import exp1

from twin.lawbook import Bounds
from twin.lifetimes.law import LifeLaw


@dataclass(frozen=True)
class Gompertz(LifeLaw, name="gompertz"):
    """A hazard that begins at ``first_per_h`` and grows without end: first / growth (exp(growth a) - 1)."""

    first_per_h: Annotated[float, Bounds(1e-9, 1e3)]
    growth_per_h: Annotated[float, Bounds(1e-6, 1e3)]

    @property
    def mean_h(self):
        ratio = self.first_per_h / self.growth_per_h
        return math.exp(ratio) * float(exp1(ratio)) / self.growth_per_h

    def spent(self, age_h):
        return self.first_per_h / self.growth_per_h * math.expm1(self.growth_per_h * age_h)

    def age_at(self, spent):
        return math.log1p(spent * self.growth_per_h / self.first_per_h) / self.growth_per_h
'''
UNIFORM = '''"""Uniform repair times, a law of the tests."""

from dataclasses import dataclass

from scipy.special import ndtr, ndtri

from twin.lawbook import Hours
from twin.repairs.law import RepairLaw


@dataclass(frozen=True)
class Uniform(RepairLaw, name="uniform"):
    """Any time up to ``longest_h`` is as likely."""

    longest_h: Hours

    @property
    def mean_h(self):
        return 0.5 * self.longest_h

    def hours(self, z):
        return self.longest_h * ndtr(z)

    def z_of(self, hours):
        return ndtri(hours / self.longest_h)
'''
TRIAL = """
import json, sys
import numpy as np
import twin
from twin import reference
from twin.draws import draw
from twin.facility import parse
from twin.nominal import nominal
from twin.plant import build
from twin.scenario import ahead
from twin.supported import lacking

text = sys.stdin.read()
facility = parse(text)
draws = draw(facility, 1, 256, 4, 3)
tally = reference.simulate(build(facility), nominal(facility), draws, ahead(facility, 500.0, 500.0))
told = {"from": twin.__file__, "lacking": lacking(facility), "failures": float(tally.failures_by[0, 0])}
told |= {"budget": draws.budget[0, 0].tolist(), "z": draws.repair_z[0, 0].tolist()}
told["wrong"] = []
for old, new in (("growth_per_h = 0.2", ""), ("growth_per_h = 0.2", "growth_per_h = 0"),
                 ("growth_per_h = 0.2", "growth_per_h = 0.2\\nsigma = 1.0")):
    try:
        parse(text.replace(old, new))
    except twin.UserError as error:
        told["wrong"].append(str(error))
kinds = twin.Facility.model_json_schema()["$defs"]
told["schema"] = {name: [kinds[name]["properties"]["law"]["enum"], sorted(kinds[name]["properties"])]
                  for name in ("Mode", "Repair")}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict:
    """What a copy of the room tells that has one more file in ``lifetimes`` and one more in ``repairs``."""
    home = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOM, home / "twin", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "twin" / "lifetimes" / "gompertz.py").write_text(GOMPERTZ)
    (home / "twin" / "repairs" / "uniform.py").write_text(UNIFORM)
    unit = subsystem(
        "tube", law='"gompertz"', mtbf_h=None, first_per_h=0.05, growth_per_h=0.2,
        repair="{ law = 'uniform', longest_h = 3.0 }",
    )  # fmt: skip
    text = TOY.format(restart_h=0.0, blocks=ALWAYS_USERS) + unit
    done = subprocess.run(
        [sys.executable, "-c", TRIAL], input=text, cwd=home, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["from"].startswith(str(home.resolve()))
    return found


def test_one_more_file_is_one_more_law_that_a_facility_file_may_ask_for(told):
    (laws, keys), (repairs, times) = told["schema"]["Mode"], told["schema"]["Repair"]
    assert set(laws) == set(LIFE_LAWS) - {"exponential"} | {"gompertz"}
    assert {"first_per_h", "growth_per_h"} <= set(keys)
    assert set(repairs) == set(REPAIR_LAWS) | {"uniform"}
    assert "longest_h" in times


def test_the_reference_engine_runs_a_new_law_exactly(told):
    at_h, failures = 0.0, 0
    for budget, z in zip(told["budget"], told["z"], strict=True):
        at_h += log1p(budget * 0.2 / 0.05) / 0.2
        failures += at_h < 500.0
        at_h += 3.0 * float(ndtr(z))
    assert at_h > 500.0
    assert told["failures"] == failures > 30


def test_the_batched_engine_refuses_a_new_failure_law_in_words(told):
    """A law with a power it would run; a repair law it always runs, for it is handed the hours."""
    assert told["lacking"] == ["mode 'tube.m': law = 'gompertz'"]


def test_a_new_laws_parameters_are_checked_as_all_others_are(told):
    missing, low, idle = told["wrong"]
    assert "law = 'gompertz' needs growth_per_h" in missing
    assert "growth_per_h = 0: Input should be greater than or equal to 0.000001" in low
    assert "law = 'gompertz' has no sigma; drop it or choose another law" in idle


@pytest.mark.parametrize("family, name", [(LifeLaw, "weibull"), (RepairLaw, "gamma")])
def test_a_name_is_given_to_one_law_alone(family, name):
    known = family.laws[name]
    with pytest.raises(ValueError, match=f"law '{name}' is taken by .*; choose another name"):
        type("Again", (family,), {}, name=name)
    assert family.laws[name] is known


def test_a_law_is_known_as_soon_as_its_class_is():
    @dataclass(frozen=True)
    class Twice(RepairLaw, name="twice"):
        mean_h: Hours

    try:
        assert REPAIR_LAWS["twice"](mean_h=2.0) == Twice(2.0)
        with pytest.raises(
            ValueError, match=r"mean_h = 0.0 lies outside 1e-06 ... 1e\+12, the range of the twice law"
        ):
            Twice(0.0)
    finally:
        del REPAIR_LAWS["twice"]

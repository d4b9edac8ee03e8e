"""Which knobs of a change move, for scores with known shares; and the bounds that need a knob, in words."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import samples_dashboard as samples

import twin
from controllers.evaluation import CHANCE, LAWS, paired
from controllers.recommend import reasons
from controllers.recommend.case import Case
from controllers.recommend.envelope import Assessment, Envelope
from controllers.recommend.useful import useful
from controllers.recommend.violations import violation
from twin.scenario import ahead

RUNS = 2 * CHANCE * LAWS
ALONE = {0: (1.0, 0.2), 1: (0.3, 0.1), 2: (-0.01, 0.05), 3: (0.1, 3.0)}
"""Of each knob: mean share and its spread between laws. Knobs 0 and 1 surely help, 2 and 3 do not."""


def evaluator(alone=ALONE, together=0.0, seed=1):
    """The score of runs if some knobs move: 80 %, plus the share of each, plus ``together`` if 0 and 2 both move."""
    rng = np.random.default_rng(seed)
    standard = rng.normal(size=(len(alone), RUNS // CHANCE))
    standard = (standard - standard.mean(1, keepdims=True)) / standard.std(1, keepdims=True)
    parts = {k: np.repeat(mean + sd * standard[i], CHANCE) for i, (k, (mean, sd)) in enumerate(alone.items())}

    def score(knobs) -> np.ndarray:
        both = together if {0, 2} <= set(knobs) else 0.0
        return 80.0 + both + sum((parts[k] for k in knobs), np.zeros(RUNS))

    return score


def free(knobs) -> None:
    """No bound is violated."""


def test_knobs_that_bring_nothing_for_sure_stay_and_the_rest_is_still_surely_better():
    score = evaluator()
    kept, needed = useful([0, 1, 2, 3], score, free)
    assert kept == [0, 1] and needed == {}
    assert paired(score(kept), score(())).low > max(paired(score([0, 1, 2, 3]), score(())).low, 0.0)


def test_a_knob_that_an_interlock_needs_moves_and_says_so():
    why = "the interlock RF power"
    kept, needed = useful(
        [0, 1, 2, 3], evaluator(), lambda knobs: why if 0 in knobs and 2 not in knobs else None
    )
    assert kept == [0, 1, 2] and needed == {2: why}


def test_a_knob_needed_for_another_that_is_dropped_is_dropped_too():
    """Knob 2 is needed for knob 3 alone, which brings nothing for sure itself."""
    kept, needed = useful(
        [0, 2, 3], evaluator(), lambda knobs: "a bound" if 3 in knobs and 2 not in knobs else None
    )
    assert kept == [0] and needed == {}


def test_a_knob_without_effect_of_its_own_that_helps_another_is_useful():
    kept, _ = useful([0, 1, 2], evaluator(together=1.0), free)
    assert kept == [0, 1, 2]


@pytest.mark.parametrize(
    "alone", [{0: (0.0, 0.0)}, {0: (-0.4, 0.1), 1: (0.02, 1.0)}, {0: (0.0, 0.0), 1: (-1e-15, 0.0)}]
)
def test_where_no_knob_surely_brings_a_gain_none_is_left(alone):
    assert useful(list(alone), evaluator(alone), free) == ([], {})


def test_of_many_knobs_the_useful_ones_are_found_too():
    alone = {k: (0.5, 0.1) if k % 3 == 0 else (0.0, 0.3) for k in range(9)}
    assert useful(list(alone), evaluator(alone), free) == ([0, 3, 6], {})


def test_what_settings_break_is_named():
    ring = twin.load("storage-ring")
    space = twin.Space.of(ring)
    away = space.present - np.array([0.0, 1.0, 0.0, 0.0])  # 1 MV lower

    class Predicted(Envelope):
        """An envelope with given predictions wherever the RF voltage is below ``below``."""

        def assess(self, settings) -> Assessment:
            rows = np.asarray(settings)
            low, distance, hazard, below = self.conditions
            there = (rows[:, 1] < below) & (rows[:, 1] > below - 0.3)
            bad = np.where(there[:, None], [low, 1e12, 7e12], [20.0, 1e12, 7e12])
            high = np.tile([40.0, 3e12, 9e12], (len(rows), 1))
            return Assessment(np.where(there, distance, 0.5), 0.5 * (bad + high), bad, high,
                              np.where(there, hazard, 1e-3)[:, None])  # fmt: skip

    def why(settings: Any = away, low=20.0, distance=0.5, hazard=1e-3, below=away[1] + 0.1):
        law: Any = SimpleNamespace(seen=SimpleNamespace(limit=1.0))
        envelope = Predicted(ring, space, law, np.array([low, distance, hazard, below]))
        return violation(Case(ring, envelope, ahead(ring, 336.0), 0.0), np.asarray(settings))

    lifetime = "the bound of Beam lifetime: predicted 90 % interval 5 ... 40 h, at least 8 h promised"
    support = "the support of the logs: distance 1.50, at most 1.00 standard deviations of the data"
    assert why() is None
    assert (
        why([500.0, 4.0, 1.0, 5.0])
        == "the interlock RF power (1.71 at the reference): 2, at most 1.95 allowed"
    )
    assert why(low=5.0) == lifetime and why(distance=1.5) == support
    assert str(why(hazard=np.nan)).endswith("the model cannot predict every quantity and hazard there")
    halfway = away[1] + 0.6
    assert why(low=5.0, below=halfway) == f"on the ramp, {lifetime}"
    assert why(distance=1.5, below=halfway) == f"on the ramp, {support}"


def test_a_needed_knob_and_a_change_without_a_useful_one_are_explained():
    gain = {"mean": 1.4, "low": 0.1, "high": 2.7}
    held = samples.hold(candidates=[samples.plain()["candidates"][0] | {"gain": gain}])
    assert reasons.why(held) == [
        "Gain of the best of 1 finalist: +1.40 % useful beam (90 % interval +0.10 ... +2.70), but the share of no "
        "single knob is surely above zero."
    ]
    knobs = samples.knobs()
    knobs[0]["needed_for"] = "the interlock RF power: 2, at most 1.95 allowed"
    made = samples.recommendation(knobs=knobs)
    (line,) = [line for line in reasons.why(made) if "the interlock RF power" in line]
    assert line.startswith("Raise stored current") and line.endswith(
        "; needed, because without it the other changes would violate a bound: the interlock RF power: 2, at most 1.95 "
        "allowed."
    )

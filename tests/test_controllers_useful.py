"""Which knobs of a change move: worths of knobs are known here, and so is what surely brings something."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import samples_dashboard as samples

import twin
from controllers.evaluation import CHANCE, LAWS, paired
from controllers.recommend import reasons
from controllers.recommend.useful import broken, useful

RUNS = 2 * CHANCE * LAWS
ALONE = {0: (1.0, 0.2), 1: (0.3, 0.1), 2: (-0.01, 0.05), 3: (0.1, 3.0)}
"""Of each knob: its mean worth and the spread of it between laws. Knobs 0 and 1 surely help, 2 and 3 do not."""


def evaluator(alone=ALONE, together=0.0, seed=1):
    """The score of runs with some knobs moved: 80 %, plus what each is worth, plus ``together`` if 0 and 2 both do."""
    rng = np.random.default_rng(seed)
    standard = rng.normal(size=(len(alone), RUNS // CHANCE))
    standard = (standard - standard.mean(1, keepdims=True)) / standard.std(1, keepdims=True)
    parts = {k: np.repeat(mean + sd * standard[i], CHANCE) for i, (k, (mean, sd)) in enumerate(alone.items())}

    def worth(knobs) -> np.ndarray:
        both = together if {0, 2} <= set(knobs) else 0.0
        return 80.0 + both + sum((parts[k] for k in knobs), np.zeros(RUNS))

    return worth


def free(knobs) -> None:
    """Nothing is broken."""


def test_knobs_that_bring_nothing_for_sure_stay_and_the_rest_is_still_surely_better():
    worth = evaluator()
    kept, needed = useful([0, 1, 2, 3], worth, free)
    assert kept == [0, 1] and needed == {}
    assert paired(worth(kept), worth(())).low > max(paired(worth([0, 1, 2, 3]), worth(())).low, 0.0)


def test_a_knob_that_an_interlock_needs_moves_and_says_so():
    why = "the interlock RF power"
    kept, needed = useful(
        [0, 1, 2, 3], evaluator(), lambda knobs: why if 0 in knobs and 2 not in knobs else None
    )
    assert kept == [0, 1, 2] and needed == {2: why}


def test_what_a_needed_knob_was_needed_for_may_go_and_then_it_goes_too():
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

    def envelope(low=20.0, distance=0.5, allowed=False) -> Any:
        look = SimpleNamespace(
            low=np.array([[low, 1e12, 7e12]]),
            high=np.array([[40.0, 3e12, 9e12]]),
            distance=np.array([distance]),
        )
        return SimpleNamespace(look=lambda rows: look, allowed=lambda rows: np.array([allowed]), limit=1.0)

    def why(settings=space.present, **seen):
        this: Any = SimpleNamespace(envelope=envelope(**seen), space=space, facility=ring)
        return broken(this, np.asarray(settings))

    assert why(allowed=True) is None
    assert why([500.0, 4.0, 1.0, 5.0]) == "the interlock RF power (1.71 at the reference)"
    assert why(low=5.0) == "the bound of Beam lifetime"
    assert why(distance=1.5) == "the reach of the logs"
    assert why() == "the way there"


def test_a_needed_knob_and_a_change_without_a_useful_one_are_told_in_words():
    gain = {"mean": 1.4, "low": 0.1, "high": 2.7}
    held = samples.hold(candidates=[samples.plain()["candidates"][0] | {"gain": gain}])
    assert reasons.why(held) == [
        "The best of 1 finalists would change useful beam by +1.40 % (+0.10 ... +2.70), but no knob of it brings a "
        "share that is surely above zero."
    ]
    knobs = samples.knobs()
    knobs[0]["needed_for"] = "the interlock RF power"
    made = samples.recommendation(knobs=knobs)
    (line,) = [line for line in reasons.why(made) if "the interlock RF power" in line]
    assert line.startswith("Raise stored current") and line.endswith(
        "; it moves because the interlock RF power does not allow the rest of the change without it."
    )

"""The sequential test of promises: false alarms bounded whatever the stopping rule, broken promises found."""

import numpy as np
import pytest

from controllers.outcomes.promises import LEVEL, answer, evidence

STREAMS, LONG = 1000, 60
FOUR_ERRORS = 4 * np.sqrt(LEVEL * (1 - LEVEL) / STREAMS)

NOISE = {
    "normal": lambda rng, size: rng.normal(size=size),
    "heavy tails": lambda rng, size: rng.standard_t(3, size=size),
    "three times as wide as stated": lambda rng, size: 3.0 * rng.normal(size=size),
    "skewed to losses": lambda rng, size: (4.0 - rng.gamma(4.0, size=size)) / 2.0,
    "skewed to gains": lambda rng, size: (rng.gamma(4.0, size=size) - 4.0) / 2.0,
}


def outcome(real: float, error: float = 1.0, promise: float = 1.0, doubt: float = 0.0, **more) -> dict:
    held = {"hours": more.pop("hours", 672.0)}
    return {
        "ended": True, "adopted": held, "realised": {"mean": real, "error": error, "how": "forecast"},
        "promised": {"mean": promise, "low": promise - 1.645 * doubt, "high": promise + 1.645 * doubt,
                     "horizon_h": 672.0},
    } | more  # fmt: skip


@pytest.mark.parametrize("kind", NOISE)
def test_kept_promises_are_called_broken_in_at_most_five_per_cent_of_streams_at_any_evaluation(kind):
    z = NOISE[kind](np.random.default_rng(1), (STREAMS, LONG))
    for kept_by in (0.0, 0.5):
        called = (evidence(z + kept_by) >= 1.0 / LEVEL).any(1).mean()
        assert called <= LEVEL + FOUR_ERRORS


def test_stopping_a_recommendation_when_it_goes_badly_makes_no_false_alarm():
    rng = np.random.default_rng(2)
    days = rng.normal(size=(STREAMS, 40, 28)) / np.sqrt(28)
    total = np.cumsum(days, axis=2)
    bad = total < -0.5
    stop = np.where(bad.any(2), bad.argmax(2), 27)  # the operator goes back after a bad day
    z = np.take_along_axis(total, stop[..., None], 2)[..., 0]
    assert (evidence(z) >= 1.0 / LEVEL).any(1).mean() <= LEVEL + FOUR_ERRORS


def test_broken_promises_are_found():
    z = np.random.default_rng(3).normal(size=(STREAMS, LONG))
    found = (evidence(z - 1.0) >= 1.0 / LEVEL).any(1)
    assert found.mean() > 0.99
    assert np.median((evidence(z - 1.0) >= 1.0 / LEVEL).argmax(1)) < 20
    assert (evidence(z - 0.5) >= 1.0 / LEVEL).any(1).mean() > 0.7


def test_the_confidence_sequence_holds_the_true_mean_at_every_evaluation_in_nineteen_of_twenty_streams():
    rng, missed = np.random.default_rng(4), 0
    for _ in range(300):
        found = answer(
            [outcome(x) for x in 0.6 + rng.normal(size=24)]
        )  # the maximum over all earlier evaluations is included
        missed += (found.low is not None and found.low > -0.4) or (
            found.high is not None and found.high < -0.4
        )
    assert missed <= 300 * 0.05 + 4 * np.sqrt(300 * 0.05 * 0.95)


def test_the_answer_says_broken_kept_more_or_nothing_yet():
    rng = np.random.default_rng(5)
    noise = 0.5 * rng.normal(size=30)
    several = {
        "broken": answer([outcome(0.0 + e, 0.5) for e in noise]),
        "kept": answer([outcome(1.0 + e, 0.5) for e in noise]),
        "more": answer([outcome(2.0 + e, 0.5) for e in noise]),
        "cannot tell yet": answer([outcome(-5.0, 0.5)]),
    }
    assert {name: found.verdict for name, found in several.items()} == {name: name for name in several}
    assert several["kept"].gains >= 20 > several["kept"].less
    assert several["kept"].low < 0 < several["kept"].high
    assert "30 outcomes" in several["broken"].words and "less than they promise" in several["broken"].words


def test_only_ended_outcomes_against_a_forecast_count():
    going, before = outcome(-9.0, ended=False), outcome(-9.0)
    before["realised"]["how"] = "before"
    found = answer([going, before, outcome(0.0, realised=None)])
    assert (found.outcomes, found.verdict) == (0, "cannot tell yet")
    assert answer([outcome(1.0), going]).outcomes == 1


def test_an_outcome_that_ended_early_weighs_less():
    whole, early = (answer([outcome(-1.0, hours=hours)] * 12) for hours in (672.0, 67.2))
    assert whole.less > early.less > 1.0

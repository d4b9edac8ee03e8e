"""Intervals that follow drift: the factor, its guaranteed coverage, and the cases that do not change it."""

import jax.numpy as jnp
import numpy as np
import pytest

from surrogate import conformal, coverage
from surrogate.conformal import PACE, Band, Errors

UNIT = Band(
    jnp.array([1.0]), jnp.array([1.0])
)  # without spread, scores are errors and the interval is -1 ... 1


def errors(value, group) -> Errors:
    value = np.asarray(value, float)[:, None]
    return Errors(value, np.zeros_like(value), np.asarray(group))


def test_the_factor_moves_by_the_share_of_each_stretch_that_lay_outside():
    observed = errors([0.5, 2.0, 0.1, 0.2, -3.0], [0, 0, 4, 4, 7])
    steps = PACE * (np.array([0.5, 0.0, 1.0]) - 0.1)
    assert conformal.factors(UNIT, observed)[:, 0] == pytest.approx(np.exp(np.r_[0.0, np.cumsum(steps)]))
    assert float(conformal.adapted(UNIT, observed).factor[0]) == pytest.approx(np.exp(steps.sum()))


def test_a_stretch_without_a_measurement_changes_nothing():
    assert conformal.factors(UNIT, errors([np.nan, 0.5], [0, 1]))[1, 0] == 1.0
    assert conformal.factors(UNIT, errors([], [])).tolist() == [[1.0]]


def test_an_infinite_interval_stays_infinite():
    infinite = Band(jnp.array([np.inf]), jnp.array([1.0]))
    assert np.isinf(conformal.adapted(infinite, errors([1.0, 2.0], [0, 1])).factor).all()


@pytest.mark.parametrize("kind", ["still", "jump", "ramp", "walk", "shrinking", "adversarial"])
def test_the_share_outside_keeps_its_bound_for_any_errors(kind):
    rng = np.random.default_rng(5)
    stretches, n = 300, 6
    step = np.repeat(np.arange(stretches), n)
    noise = rng.normal(size=stretches * n)
    value = {
        "still": noise,
        "jump": noise + 8.0 * (step > 100),
        "ramp": noise + 0.1 * step,
        "walk": noise + np.cumsum(rng.normal(size=stretches))[step],
        "shrinking": noise * np.exp(-step / 60.0),
        "adversarial": np.where(step % 7 == 0, 1e9, 0.0),
    }[kind]
    observed = errors(value, step)
    factor = conformal.factors(UNIT, observed)[:, 0]
    outside = 1.0 - coverage.inside(UNIT, observed, adaptive=True).mean()
    bound = abs(np.log(factor[-1] / factor[0])) / (PACE * stretches)
    assert abs(outside - 0.1) <= bound + 1e-12
    if kind in ("jump", "ramp", "walk"):
        assert outside <= 0.15
        assert coverage.inside(UNIT, observed, adaptive=False).mean() < 0.6


def test_joined_errors_have_no_stretch_in_common():
    both = conformal.joined(errors([1.0, 2.0], [0, 1]), errors([3.0], [0]))
    assert both.group.tolist() == [0, 1, 2] and both.error[:, 0].tolist() == [1.0, 2.0, 3.0]

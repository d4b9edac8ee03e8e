"""Gradient ascent reaches known tops, keeps what it must, and leaves to a black box what it does not know."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from cases_optima_beam import (
    AT_LEAST,
    CASES,
    ENERGY_MV,
    LENGTH_M,
    LINAC,
    WEIGHTS,
    climb,
    front,
    mean_current,
    trips_and_life,
)

from controllers.searches.ascent import APART, AcquisitionObjective, GradientAscent, no_limits
from controllers.searches.search import SEARCHES
from twin import Space
from twin.space import Fence

VOLTAGE = CASES[1]
BOX = Space(("a", "b"), ("mA", "MV"), np.zeros(2), np.array([1.0, 10.0]), np.ones(2), np.array([0.2, 3.0]))


def humps(machine, s):
    """Two tops, the higher at (0.75, 8) of worth 2, the lower at (0.25, 2) of worth 1."""
    a, b = s[0], s[1] / 10.0
    high = 2.0 * jnp.exp(-30.0 * ((a - 0.75) ** 2 + (b - 0.8) ** 2))
    return high + jnp.exp(-30.0 * ((a - 0.25) ** 2 + (b - 0.2) ** 2))


HUMPS = GradientAscent(AcquisitionObjective(humps, no_limits, 0.0))


def test_it_recovers_the_voltage_that_is_best_between_lifetime_and_trips():
    objective = AcquisitionObjective(lambda machine, x: mean_current(*trips_and_life(x[1])), no_limits, 0.0)
    search = GradientAscent(objective)
    found = search.tops(search.start(VOLTAGE.space, 1))[0]
    assert found[1] == pytest.approx(VOLTAGE.best[1], abs=1e-4)
    assert VOLTAGE.worth(found) == pytest.approx(VOLTAGE.worth(VOLTAGE.best), abs=1e-9)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_it_recovers_the_front_of_gradients_with_the_energy_as_an_interlock(weight):
    found, space = climb(weight), replace(Space.of(LINAC), fence=AT_LEAST)
    np.testing.assert_allclose(found, front(weight), atol=1e-4)
    assert space.inside(found) and LENGTH_M * found.sum() == pytest.approx(ENERGY_MV, rel=1e-9)


def test_it_asks_the_present_then_every_top_the_highest_first_then_its_fallback():
    state = HUMPS.start(BOX, 3)
    asked = HUMPS.ask(state, 3)
    np.testing.assert_array_equal(asked[0], BOX.present)
    np.testing.assert_allclose(asked[1:], [[0.75, 8.0], [0.25, 2.0]], atol=1e-3)
    assert len(HUMPS.tops(state)) == 2
    state = HUMPS.tell(state, asked, [humps(0.0, s) for s in asked])
    np.testing.assert_array_equal(HUMPS.ask(state, 2), SEARCHES["trust"].ask(state, 2))
    one_by_one = HUMPS.tell(HUMPS.start(BOX, 3), asked[:1], [0.0])
    np.testing.assert_array_equal(HUMPS.ask(one_by_one, 1), asked[1:2])


def test_asking_twice_gives_the_same():
    state = HUMPS.start(BOX, 5)
    np.testing.assert_array_equal(HUMPS.ask(state, 6), HUMPS.ask(state, 6))


def test_it_stays_inside_what_is_allowed_and_goes_as_far_as_that_lets_it():
    def allowed(asked):
        return asked[:, 0] < 0.6

    state = HUMPS.start(BOX, 1, allowed)
    asked = HUMPS.ask(state, 8)
    assert allowed(asked).all() and BOX.inside(asked).all()
    assert humps(0.0, asked[1]) > humps(0.0, np.array([0.35, 4.0]))
    nothing = HUMPS.start(BOX, 1, lambda asked: np.zeros(len(asked), bool))
    np.testing.assert_array_equal(HUMPS.ask(nothing, 4), np.tile(BOX.present, (4, 1)))


def test_interlocks_and_the_landscapes_own_limits_hold_exactly_where_they_bind():
    fence = Fence(("sum",), ("",), np.array([[1.0, 0.1]]), np.array([1.2]))
    fenced = GradientAscent(AcquisitionObjective(humps, lambda m, s: (7.0 - s[1])[None], 0.0))
    space = replace(BOX, fence=fence)
    top = fenced.tops(fenced.start(space, 2))[0]
    assert space.inside(top) and top[1] <= 7.0 + 1e-6
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 401), np.linspace(0, 7, 401)), -1).reshape(-1, 2)
    best = max(float(humps(0.0, s)) for s in grid[space.inside(grid)][::7])
    assert float(humps(0.0, top)) > best - 1e-3


def test_where_nothing_is_a_number_it_is_its_fallback():
    search = GradientAscent(AcquisitionObjective(lambda m, s: jnp.nan * s[0], no_limits, 0.0))
    state = search.tell(search.start(BOX, 0), BOX.present, [1.0])
    np.testing.assert_array_equal(search.ask(state, 2), SEARCHES["trust"].ask(state, 2))


def test_tops_are_apart():
    tops = BOX.to_unit(HUMPS.tops(HUMPS.start(BOX, 9)))
    away = np.abs(tops[:, None] - tops[None]).max(-1)
    assert (away[~np.eye(len(tops), dtype=bool)] > APART).all()

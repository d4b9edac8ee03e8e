"""Known optima: each exact best is one, the twin gives its worth, and a search comes near it."""

import numpy as np
import pytest
from cases_optima_beam import CASES as BEAM
from cases_optima_beam import ENERGY_MV, LENGTH_M, LINAC, WEIGHTS, climb, front, heat, trips
from cases_optima_maintenance import CASES as UPKEEP
from cases_optima_maintenance import best_rule, queue_worth
from optimum import Problem, find

from controllers.searches.search import SEARCHES
from twin.nominal import nominal

CASES = [*UPKEEP, *BEAM]
named = pytest.mark.parametrize("problem", CASES, ids=lambda problem: problem.name)


def grid(problem: Problem) -> np.ndarray:
    """[64, K] parameters all over the space."""
    unit = np.random.default_rng(0).random((64, len(problem.space.names)))
    return problem.space.from_unit(unit)


@named
def test_no_other_parameter_is_worth_more_than_the_exact_best(problem):
    assert max(map(problem.worth, grid(problem))) <= problem.worth(problem.best)


@named
def test_the_twin_gives_the_exact_worth_of_the_best(problem):
    seen = problem.play(problem.best, 6, 3)
    error = seen.std(ddof=1) / np.sqrt(len(seen))
    assert abs(seen.mean() - problem.worth(problem.best)) < 4.5 * error + problem.bias


@pytest.mark.parametrize("problem", [UPKEEP[2], BEAM[1]], ids=lambda problem: problem.name)
def test_a_search_of_the_twin_comes_near_the_exact_best(problem):
    found = find(problem, SEARCHES["random"], asks=10, runs=6, fresh=6)
    worst, best = min(map(problem.worth, grid(problem))), problem.worth(problem.best)
    assert problem.worth(found.x) > best - 0.1 * (best - worst)


def test_the_c_mu_order_is_the_best_of_all_rules_of_repair():
    assert queue_worth(UPKEEP[-1].best) == pytest.approx(-best_rule(), rel=1e-12)
    assert queue_worth(-UPKEEP[-1].best) < -1.1 * best_rule()


@pytest.mark.parametrize("weight", WEIGHTS)
def test_descent_through_the_twins_law_reaches_the_exact_front_of_gradients(weight):
    exact, found = front(weight), climb(weight)
    assert LENGTH_M * exact.sum() == pytest.approx(ENERGY_MV, rel=1e-12)
    np.testing.assert_allclose(found, exact, atol=1e-4)
    np.testing.assert_allclose(nominal(LINAC)(exact, np.zeros(0)).hazard, trips(exact), rtol=1e-9)


def test_the_exact_front_beats_an_even_gradient_and_is_nowhere_dominated():
    even = np.full(len(front(1.0)), ENERGY_MV / LENGTH_M / len(front(1.0)))
    points = np.array([(heat(g), trips(g).sum()) for g in map(front, WEIGHTS)])
    assert np.all(np.diff(points[:, 0]) > 0) and np.all(np.diff(points[:, 1]) < 0)
    assert points[1, 1] < 0.8 * trips(even).sum()

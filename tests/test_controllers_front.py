"""Fronts: what none dominates, the exact volume that a front encloses, its corner and its knee."""

import numpy as np
import pytest

from controllers.searches.front import corner_of, front, hypervolume, knee


def dominated(one, others) -> bool:
    return any((other >= one).all() and (other > one).any() for other in others)


def in_boxes(points, corner, samples) -> np.ndarray:
    """Which samples [n, M] lie between the corner and at least one point: the volume's definition."""
    return ((samples[:, None] <= points[None]) & (samples[:, None] >= corner)).all(-1).any(1)


@pytest.mark.parametrize("goals", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_front_is_what_no_other_row_dominates(goals, seed):
    points = np.random.default_rng(seed).random((40, goals))
    wanted = [not dominated(one, points) for one in points]
    np.testing.assert_array_equal(front(points), wanted)


def test_of_equal_rows_the_first_is_on_the_front_and_a_row_with_a_nan_never_is():
    points = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [np.nan, 9.0], [0.5, 2.0], [1.0, 1.5]])
    np.testing.assert_array_equal(front(points), [True, True, False, False, False, False])
    assert not front(np.full((3, 2), np.nan)).any()
    assert front(np.empty((0, 2))).shape == (0,)


@pytest.mark.parametrize("goals", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_the_volume_on_a_lattice_equals_the_count_of_its_cells(goals, seed):
    rng = np.random.default_rng(seed)
    side = 5
    points = rng.integers(-1, side + 1, (7, goals)).astype(float)  # ties, and some beyond the corner
    centres = np.stack(np.meshgrid(*[np.arange(side) + 0.5] * goals), -1).reshape(-1, goals)
    counted = in_boxes(points, np.zeros(goals), centres).sum()
    assert hypervolume(points, np.zeros(goals)) == pytest.approx(counted, abs=1e-12)


def test_the_volume_of_random_points_agrees_with_dice():
    rng = np.random.default_rng(5)
    points = rng.random((12, 3))
    hit = in_boxes(points, np.zeros(3), rng.random((200_000, 3)))
    share = hypervolume(points, np.zeros(3))
    assert abs(hit.mean() - share) < 4 * np.sqrt(share * (1 - share) / len(hit))


def test_the_volume_follows_units_and_a_dominated_or_repeated_row_adds_nothing():
    points = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]])
    assert hypervolume(points, [0.0, 0.0]) == pytest.approx(6.0)
    more = np.concatenate([points, points[:1], [[1.5, 1.5], [-4.0, 9.0], [np.nan, 9.0]]])
    assert hypervolume(more, [0.0, 0.0]) == pytest.approx(6.0)
    assert hypervolume(points * [10.0, 0.1] + [3.0, -2.0], [3.0, -2.0]) == pytest.approx(6.0)
    assert hypervolume(points, [3.0, 3.0]) == 0.0


def test_the_corner_lies_one_step_of_the_front_below_the_ends_of_the_feasible_front():
    points = np.array([[0.0, 10.0], [4.0, 0.0], [1.0, 1.0], [9.0, 99.0], [np.nan, 5.0]])
    corner = corner_of(points, np.array([True, True, True, False, True]))
    np.testing.assert_allclose(corner, [-2.0, -5.0])  # three rows are on it: half its range
    one = corner_of(points[:3], np.array([True, False, False]))
    np.testing.assert_allclose(one, points[0])  # one row has no range
    np.testing.assert_allclose(corner_of(points[:3], np.zeros(3, bool)), corner)
    np.testing.assert_array_equal(corner_of(points[4:], np.ones(1, bool)), [0.0, 0.0])


def test_the_knee_is_farthest_from_the_line_between_the_ends_in_any_units():
    points = np.array([[0.0, 10.0], [2.0, 9.0], [3.0, 4.0], [4.0, 0.0]])
    ends = (points - points[0]) / (points[-1] - points[0])  # both shares run from 0 to 1 along the front
    distance = np.abs(ends[:, 0] - ends[:, 1])
    assert knee(points) == np.argmax(distance) == 1
    assert knee(points * [1e6, 1e-6]) == 1
    assert knee(points, weights=(1.0, 0.0)) == 3
    assert knee(points, weights=(0.0, 1.0)) == 0
    assert knee(points[:1]) == 0

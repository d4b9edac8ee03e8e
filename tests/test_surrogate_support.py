"""Support distance: known geometry, holes, knobs that moved together, conditions."""

import numpy as np
import pytest

from surrogate.support import LEAST_SD, Support, distances, support

NONE = np.zeros((0, 0))


def of(points, seed=0) -> Support:
    return support(points, np.zeros((len(points), 0)), np.full(points.shape[1], 1e-9), seed)


def away(data_support: Support, points) -> np.ndarray:
    points = np.atleast_2d(np.asarray(points, float))
    return distances(data_support, points, np.zeros((len(points), len(np.asarray(data_support.low)))))


def test_far_outside_the_distance_is_that_to_the_nearest_points_in_standard_deviations():
    grid = np.stack(np.meshgrid(np.arange(11.0), np.arange(11.0)), -1).reshape(-1, 2)
    data_support = of(10.0 + 5.0 * grid)
    sd = np.sqrt(10.0)  # of 0 ... 10, evenly; the grid's knobs are uncorrelated
    nearest = np.array([[10.0, 5.0], [10.0, 4.0], [10.0, 6.0]])
    wanted = np.sqrt(((np.array([20.0, 5.0]) - nearest) ** 2).sum(1)).mean() / sd
    assert away(data_support, [110.0, 35.0])[0] == pytest.approx(
        wanted, abs=0.02
    )  # points are rounded to 0.01 sd


def test_a_hole_in_the_data_is_outside():
    angle = np.linspace(0.0, 2 * np.pi, 200, endpoint=False)
    data_support = of(np.stack([np.cos(angle), np.sin(angle)], 1))
    middle, on_ring = away(data_support, [[0.0, 0.0], [1.0, 0.01]])
    assert middle > 3.0 * float(data_support.limit) > 3.0 * on_ring


def test_new_points_of_the_same_distribution_are_inside_nine_times_in_ten():
    rng = np.random.default_rng(3)
    data_support = of(rng.normal(size=(400, 3)))
    inside = (away(data_support, rng.normal(size=(2000, 3))) <= float(data_support.limit)).mean()
    assert inside == pytest.approx(
        0.90, abs=0.05
    )  # the limit, a quantile of 400 distances, has an sd of 1.5 %


@pytest.mark.parametrize("knobs", [2, 4, 8])
def test_a_small_move_of_one_of_two_knobs_that_moved_together_is_outside(knobs):
    rng = np.random.default_rng(1)
    points = rng.normal(size=(500, knobs))
    points[:, 1] = 0.98 * points[:, 0] + np.sqrt(1 - 0.98**2) * points[:, 1]
    data_support = of(points[:250])
    apart = points[250:].copy()
    apart[:, 1] += 1.2  # 1.2 standard deviations of the knob, 6 of its difference to the other
    together = points[250:].copy()
    together[:, :2] += 0.3
    assert (away(data_support, apart) > float(data_support.limit)).mean() > 0.95
    assert (away(data_support, together) > float(data_support.limit)).mean() < 0.35


def test_identical_knobs_have_finite_distances():
    twin = np.repeat(np.random.default_rng(2).normal(size=(100, 1)), 2, axis=1)
    data_support = of(twin)
    assert np.linalg.eigvalsh(np.asarray(data_support.whiten)).max() <= 1.0 / LEAST_SD + 1e-9
    assert np.isfinite(away(data_support, twin)).all()


def test_a_knob_that_never_moved_is_measured_by_its_floor():
    points = np.stack([np.linspace(0.0, 1.0, 50), np.full(50, 3.0)], 1)
    data_support = support(points, np.zeros((50, 0)), np.array([0.01, 0.1]))
    near, far = away(data_support, [[0.5, 3.0], [0.5, 3.5]])
    assert near < float(data_support.limit) and far == pytest.approx(5.0, abs=0.1)


def test_conditions_beyond_their_range_add_to_the_distance():
    rng = np.random.default_rng(4)
    settings, conditions = rng.normal(size=(300, 2)), rng.uniform(10.0, 20.0, (300, 1))
    data_support = support(settings, conditions, np.full(3, 1e-6))
    here = distances(data_support, settings[:1], np.array([[15.0]]))[0]
    hot = distances(data_support, settings[:1], np.array([[30.0]]))[0]
    beyond = (30.0 - float(data_support.high[0])) / float(data_support.condition_scale[0])
    assert hot == pytest.approx(np.hypot(here, beyond))


def test_ranges_are_those_of_the_data():
    rng = np.random.default_rng(5)
    settings, conditions = rng.uniform(2.0, 4.0, (100, 2)), rng.uniform(10.0, 20.0, (100, 1))
    settings[:, 1] += settings[:, 0]
    low, high = support(settings, conditions, np.full(3, 1e-6)).ranges()
    assert low[:2] == pytest.approx(settings.min(0), abs=0.02)
    assert high[:2] == pytest.approx(settings.max(0), abs=0.02)
    assert 10.0 <= low[2] < 10.3 and 19.7 < high[2] <= 20.0


def test_distances_in_batches_equal_those_of_single_points():
    data_support = of(np.random.default_rng(6).normal(size=(60, 2)))
    points = np.random.default_rng(7).normal(size=(7, 2))
    one = [float(data_support(point, np.zeros(0))) for point in points]
    assert distances(data_support, points, np.zeros((7, 0)), size=3) == pytest.approx(one)
    assert len(distances(data_support, points[:0], np.zeros((0, 0)))) == 0

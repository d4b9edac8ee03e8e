"""The ensemble of networks, its calibrated intervals and its support."""

import jax
import numpy as np
import pytest
from scipy.stats import binom

from surrogate import conformal, ensemble
from surrogate.fitting import Recipe
from surrogate.models import chosen
from surrogate.selection import Choice, Study
from surrogate.support import support

SHORT = Recipe(members=4, width=32, rounds=20, patience=6)


def curve(x):
    """Two quantities of three inputs [N, 3]: one positive over decades, one of both signs."""
    return np.stack([np.exp(1.5 * np.sin(x[:, 0]) + x[:, 1]), x[:, 2] ** 2 - x[:, 0] * x[:, 1]], axis=1)


def rows(n=1600, seed=0, noise=0.05):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.5, 1.5, (n, 3))
    y = curve(x)
    return x, np.stack(
        [y[:, 0] * np.exp(noise * rng.normal(size=n)), y[:, 1] + noise * rng.normal(size=n)], 1
    )


def scaled(x, y):
    return ensemble.scaling(x, y, np.full(3, 1e-6), np.array([1.0, -1.0]))


def learned(x, y, seed=0, later=0, rounds=None):
    """Perceptrons fitted to rows, with the later rows for early stopping or for a given number of rounds."""
    study = Study(chosen(["perceptrons"]), scaled(x, y), seed, SHORT)
    study.efforts.update({"perceptrons": rounds} if rounds else {})
    fits = study.fits(x, y, ["perceptrons"], later)
    return study.mixed(fits, [Choice(("perceptrons",), 1.0, 0.0, {})] * y.shape[1])


@pytest.fixture(scope="module")
def fitted():
    x, y = rows()
    return learned(x[:1000], y[:1000], later=200)


def test_only_a_positive_quantity_is_modelled_in_the_logarithm(fitted):
    assert fitted.logged.tolist() == [True, False]


def test_the_ensemble_learns_a_curved_map_to_within_the_noise(fitted):
    x, y = rows()
    mean, _ = ensemble.predict(fitted, x[1300:])
    error = fitted.modelled(y[1300:]) - mean
    assert np.sqrt((error**2).mean(0)) == pytest.approx([0.05, 0.05], rel=0.5)


def test_intervals_have_the_stated_coverage_on_later_rows(fitted):
    x, y = rows()
    band = conformal.calibrate(fitted, x[1000:1300], y[1000:1300], np.arange(300))
    covered = conformal.coverage(fitted, band, x[1300:], y[1300:]) * 300
    # The share covered by a band calibrated on 300 rows is itself uncertain, Beta(271, 30): sd 1.7 %.
    slack = 3 * 300 * 0.0173
    low, high = binom.interval(0.998, 300, 0.90)
    assert (covered >= low - slack).all() and (covered <= high + slack).all()


def test_intervals_cover_new_groups_when_errors_are_correlated_within_a_group(fitted):
    rng = np.random.default_rng(7)
    ours, group = fitted, np.repeat(np.arange(25), 20)
    x = rng.uniform(-1.0, 1.0, (500, 3))
    covered, by_row = [], []
    for _ in range(40):
        common = rng.normal(size=(2, 25))[:, group]
        centre = ensemble.predict(ours, x)[0]
        y = [centre + 0.3 * c[:, None] + 0.05 * rng.normal(size=(500, 2)) for c in common]
        known, later = (np.stack([np.exp(v[:, 0]), v[:, 1]], 1) for v in y)
        for found, groups in ((covered, group), (by_row, np.arange(500))):
            band = conformal.calibrate(ours, x, known, groups)
            found.append(conformal.coverage(ours, band, x, later).mean())
    # 40 logs of 25 groups each: the mean share is known with an sd of about 1.5 %.
    assert np.mean(covered) > 0.90 - 3 * 0.015
    assert np.mean(covered) > np.mean(by_row)


def test_too_few_calibration_rows_give_an_infinite_interval_not_a_wrong_one(fitted):
    x, y = rows()
    band = conformal.calibrate(fitted, x[1000:1005], y[1000:1005], np.arange(5))
    assert np.isinf(band.factor).all()


def test_equal_seeds_give_equal_weights_and_another_seed_different_ones():
    x, y = rows(300)
    layers = [learned(x, y, seed, rounds=2).parts[0].layers for seed in (1, 1, 2)]
    same = jax.tree.map(lambda a, b: bool((a == b).all()), layers[0], layers[1])
    assert all(jax.tree.leaves(same))
    assert not (layers[0][0][0] == layers[2][0][0]).any()


def test_members_disagree_more_where_there_are_no_data(fitted):
    inside = rows(200, seed=5)[0]
    far = 4.0 * np.sign(inside)
    near_spread, far_spread = (ensemble.predict(fitted, x)[1].mean(0) for x in (inside, far))
    assert (far_spread > 3 * near_spread).all()


def test_a_quantity_measured_in_some_rows_is_learned_from_those():
    x, y = rows(600)
    y[::2, 0] = np.nan
    mean, _ = ensemble.predict(learned(x, y, rounds=10), x)
    assert np.corrcoef(mean[::2, 0], np.log(curve(x)[::2, 0]))[0, 1] > 0.95


def test_a_quantity_that_was_never_measured_keeps_the_files_value():
    x, y = rows(300)
    y[:, 1] = np.nan
    assert learned(x, y, rounds=2)(x[0])[1] == -1.0


def test_the_support_distance_grows_outside_and_is_small_at_the_data():
    rng = np.random.default_rng(0)
    settings, conditions = np.repeat(rng.normal(size=(100, 2)), 10, axis=0), rng.normal(size=(1000, 1))
    data_support = support(settings, conditions, np.full(3, 1e-6))
    at_data = [float(data_support(s, np.zeros(1))) for s in settings[::100]]
    assert max(at_data) < float(data_support.limit)
    assert float(data_support(np.array([6.0, 6.0]), np.zeros(1))) > 3 * float(data_support.limit)
    assert float(data_support(settings[0], np.array([9.0]))) > 5.0


def test_any_move_of_a_knob_that_was_never_moved_is_outside():
    settings = np.stack([np.linspace(0, 1, 200), np.full(200, 7.0)], 1)
    data_support = support(settings, np.zeros((200, 0)), np.array([0.02, 0.02]))
    assert float(data_support(np.array([0.5, 7.0]), np.zeros(0))) < float(data_support.limit)
    assert float(data_support(np.array([0.5, 7.2]), np.zeros(0))) > float(data_support.limit)

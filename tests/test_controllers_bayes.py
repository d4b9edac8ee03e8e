"""The Gaussian process equals scikit-learn's; Bayesian optimisation finds optima and beats chance."""

from functools import partial
from typing import Any

import jax
import numpy as np
import pytest
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from controllers.searches import bayes, belief, gp
from controllers.searches.search import SEARCHES
from twin import Space

HYPER = gp.Hyper(np.log([0.3, 0.7, 1.4]), np.log(1.7), np.log(0.02), 0.4)


evidence = jax.jit(gp.evidence)


@jax.jit
def predicted(hyper, data, x):
    return gp.predict(gp.condition(hyper, data), x)


def scikit(noise: Any) -> Any:
    """The peer with the hyper-parameters of HYPER; Any, as its annotations are narrower than its manual."""
    length: Any = [0.3, 0.7, 1.4]
    options: Any = {"alpha": noise, "optimizer": None}
    return GaussianProcessRegressor(ConstantKernel(1.7) * Matern(length, nu=2.5), **options)


def rows(n: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    x = rng.random((n, 3))
    return x, np.sin(4 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=n)


def cube(knobs: int, seed: int) -> Space:
    names = tuple(f"x{i}" for i in range(knobs))
    present = np.random.default_rng(seed).random(knobs)
    return Space(names, ("",) * knobs, np.zeros(knobs), np.ones(knobs), np.ones(knobs), present)


def run(name, function, space, seed, budget, noise=0.0):
    """A run of one search; the last state."""
    search, inputs = SEARCHES[name], np.random.default_rng([seed, 1])
    state = search.start(space, seed)
    for _ in range(budget):
        asked = search.ask(state, 1)
        state = search.tell(state, asked, function(asked) + noise * inputs.normal(size=1))
    return state


@pytest.mark.parametrize("given", [False, True], ids=["one noise", "noise of each row"])
def test_the_process_equals_that_of_scikit_learn(given):
    x, y = rows(25)
    noise = np.linspace(0.001, 0.1, 25) if given else np.full(25, np.nan)
    peer = scikit(noise if given else 0.02).fit(x, y - 0.4)
    new = rows(40, seed=1)[0]
    data = gp.pad(x, y, noise, 32)
    mean, variance = predicted(HYPER, data, new)
    peer_mean, peer_deviation = peer.predict(new, return_std=True)
    np.testing.assert_allclose(mean, peer_mean + 0.4, atol=1e-8)
    np.testing.assert_allclose(variance, peer_deviation**2, atol=1e-8)


def test_the_evidence_at_its_best_mean_equals_that_of_scikit_learn():
    x, y = rows(25)
    value, _, mean = evidence(HYPER, gp.pad(x, y, np.full(25, np.nan), 32))
    peer = scikit(0.02).fit(x, y - float(mean))
    assert value == pytest.approx(peer.log_marginal_likelihood_value_, abs=1e-8)


def test_the_slope_of_the_evidence_is_its_derivative():
    data = gp.pad(*rows(25), np.full(25, np.nan), 32)
    slope = evidence(HYPER, data)[1]
    plain = jax.jit(jax.grad(lambda hyper, data: gp.evidence(hyper, data)[0]))(HYPER, data)
    for pulled, derived in zip(slope, plain, strict=True):
        np.testing.assert_allclose(pulled, derived, atol=1e-9)


def test_padding_changes_nothing():
    x, y = rows(20)
    new, noise = rows(40, seed=1)[0], np.full(20, np.nan)
    bare, padded = gp.pad(x, y, noise, 20), gp.pad(x, y, noise, 128)
    for one, other in zip(predicted(HYPER, bare, new), predicted(HYPER, padded, new), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)
    np.testing.assert_allclose(evidence(HYPER, bare)[0], evidence(HYPER, padded)[0], atol=1e-10)


def test_a_row_that_is_masked_has_no_influence():
    x, y = rows(20)
    mask = np.arange(20) != 3
    wild = np.where(mask, y, np.nan)
    with_hole = gp.pad(x, wild, np.full(20, np.nan), 32, mask)
    without = gp.pad(x[mask], y[mask], np.full(19, np.nan), 32)
    new = rows(40, seed=1)[0]
    hole, bare = predicted(HYPER, with_hole, new), predicted(HYPER, without, new)
    np.testing.assert_allclose(hole[0], bare[0], atol=1e-10)


def test_the_fit_finds_which_coordinate_matters_and_how_much_noise_there_is():
    rng = np.random.default_rng(2)
    x = rng.random((100, 3))
    y = np.sin(6 * x[:, 0]) + 0.1 * rng.normal(size=100)
    hyper = gp.fit(gp.pad(x, y, np.full(100, np.nan), 128))
    length = np.exp(hyper.log_length)
    assert length[0] < 0.2 * length[1:].min()
    assert np.exp(0.5 * hyper.log_noise) == pytest.approx(0.1, rel=0.25)


def test_the_log_improvement_is_exact_near_and_finite_far_below():
    z = np.array([-8.0, -1.5, -1.0, -0.5, 0.0, 2.0, 10.0])
    direct = np.log(norm.pdf(z) + z * norm.cdf(z))
    np.testing.assert_allclose(bayes.log_improvement(z), direct, rtol=1e-9)
    slope = jax.vmap(jax.grad(bayes.log_improvement))(np.array([-1e5, -1e3, -1.0001, 0.0, 40.0]))
    assert np.isfinite(slope).all()


def test_the_warp_keeps_order_and_comes_back():
    space = cube(2, 0)
    scores = np.array([-1e9, -3.0, 2.0, 2.5, 4.0])
    state = SEARCHES["bayes"].tell(SEARCHES["bayes"].start(space, 0), np.zeros((5, 2)), scores)
    warp = belief.Warp.of(state)
    assert np.all(np.diff(warp.warped(scores)) > 0)
    np.testing.assert_allclose(warp.unwarped(warp.warped(scores)), scores, rtol=1e-9)
    nudge = 1e-5
    slope = (warp.warped(scores[1:] + nudge) - warp.warped(scores[1:] - nudge)) / (2 * nudge)
    np.testing.assert_allclose(warp.slope(scores[1:]), slope, rtol=1e-6)


@pytest.mark.slow
def test_it_beats_random_on_a_smooth_noisy_function():
    def smooth(x):
        return -np.sum((x - [0.2, 0.4, 0.6, 0.8]) ** 2, -1) * (1.2 + np.sin(3 * x[:, 0]))

    def regret(name, seed):
        state = run(name, smooth, cube(4, seed), seed, budget=40, noise=0.05)
        return -smooth(SEARCHES[name].best(state)[0][None])[0]

    seeds = range(100, 110)
    ours, chance = (np.array([regret(name, seed) for seed in seeds]) for name in ("bayes", "random"))
    assert np.median(ours) < 0.3 * np.median(chance)
    assert np.median(ours - chance) < 0
    assert np.sum(ours < chance) >= 8


def test_it_finds_the_minimum_of_branin_to_a_thousandth_of_its_range():
    def branin(unit):
        a, b = 15.0 * unit[:, 0] - 5.0, 15.0 * unit[:, 1]
        curve = b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6
        return -(curve**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10)

    for seed in range(3):
        state = run("bayes", branin, cube(2, seed), seed, budget=30)
        assert -0.397887 - branin(SEARCHES["bayes"].best(state)[0][None])[0] < 0.3


@pytest.mark.parametrize("seed", range(3))
def test_it_learns_where_settings_are_infeasible_and_mostly_stays_out(seed):
    space, search = cube(2, seed), SEARCHES["bayes"]

    def feasible(x):
        return x[:, 0] + x[:, 1] < 0.9

    state = search.start(space, seed)
    for _ in range(30):
        asked = search.ask(state, 1)
        state = search.tell(state, asked, asked.sum(-1), feasible=feasible(asked))
    assert search.best(state)[1] > 0.85
    assert feasible(search.best(state)[0][None]).all()
    assert state.feasible[15:].mean() > 0.5


def test_a_score_that_noise_made_high_does_not_win():
    space, search = cube(1, 0), SEARCHES["bayes"]
    x = np.linspace(0.0, 1.0, 15)[:, None]
    scores = -((x[:, 0] - 0.3) ** 2)
    scores[-1] = 0.3
    state = search.tell(search.start(space, 0), x, scores, noise=np.where(np.arange(15) == 14, 0.5, 0.01))
    assert search.best(state)[0] == pytest.approx(0.3, abs=0.15)


def test_a_batch_larger_than_its_padding_still_works():
    space, search = cube(2, 0), SEARCHES["bayes"]
    state = run("bayes", partial(np.sum, axis=-1), space, 0, budget=30)
    assert search.ask(state, 4).shape == (4, 2)


def test_what_is_asked_does_not_depend_on_which_fits_are_remembered(monkeypatch):
    monkeypatch.setattr(belief, "FEW", 8)
    rng, search, space = np.random.default_rng(0), SEARCHES["bayes"], cube(3, 0)
    x = rng.random((23, 3))
    state = search.tell(search.start(space, 0), x, np.sin(4 * x).sum(-1))
    search.ask(search.tell(search.start(space, 0), x[:19], np.sin(4 * x[:19]).sum(-1)), 1)
    asked = search.ask(state, 1)
    belief._fitted.cache_clear()
    np.testing.assert_array_equal(search.ask(state, 1), asked)


def told(space, scores, feasible=None):
    """A state of a trust region with these scores, at settings by chance."""
    tried = np.random.default_rng(5).random((len(scores), len(space.names)))
    search = SEARCHES["trust"]
    return search.tell(search.start(space, 0), tried, scores, feasible=feasible)


@pytest.mark.parametrize(
    ("scale", "offset"), [(1.0, 120.0), (1.0, 1000.0), (1.0, -1000.0), (1e-6, 0.0), (1e4, 7.0)]
)
def test_the_trust_region_does_not_depend_on_the_zero_or_the_unit_of_the_score(scale, offset):
    space, rng = cube(3, 0), np.random.default_rng(2)
    for rows in range(1, 30):
        scores = np.cumsum(rng.exponential(0.05, rows) * (rng.random(rows) < 0.6))
        plain, moved = (bayes.trusted(told(space, values)) for values in (scores, scale * scores + offset))
        np.testing.assert_array_equal(moved.low, plain.low)
        np.testing.assert_array_equal(moved.high, plain.high)


def test_the_trust_region_doubles_with_improvements_and_halves_without():
    space = cube(2, 0)
    for scores, half in ((np.arange(3.0), bayes.MOST), (-np.arange(5.0), bayes.HALF / 2)):
        state = told(space, scores)
        centre, region = state.settings[np.argmax(scores)], bayes.trusted(state)
        np.testing.assert_array_equal(region.low, np.maximum(centre - half, 0.0))
        np.testing.assert_array_equal(region.high, np.minimum(centre + half, 1.0))


def test_until_something_is_feasible_the_trust_region_is_everywhere_and_nothing_is_won():
    space, scores = cube(2, 0), np.r_[np.zeros(6), 1.0, 0.5]
    never = bayes.trusted(told(space, scores[:6], np.zeros(6, bool)))
    np.testing.assert_array_equal([never.low, never.high], [np.zeros(2), np.ones(2)])
    late = told(space, scores, np.arange(8) >= 6)
    centre = late.settings[6]
    region = bayes.trusted(late)
    np.testing.assert_array_equal(region.low, np.maximum(centre - bayes.HALF, 0.0))
    np.testing.assert_array_equal(region.high, np.minimum(centre + bayes.HALF, 1.0))

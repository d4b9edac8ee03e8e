"""The tracking search follows a bottom that drifts, within the limits, and its fast fit equals the plain one."""

import numpy as np
import pytest
from problem_moving import moving
from scipy.optimize import least_squares

from controllers.searches import tracking
from controllers.searches.search import SEARCHES
from tests.test_controllers_bayes import cube


def evaluations(seed: int, n: int = 12):
    """Looks [n, 2] around a bottom that moves steadily, how far each lies below the best, and their times."""
    rng = np.random.default_rng(seed)
    bottom = np.linspace([0.1, -0.1], [0.3, 0.1], n)
    x = bottom + 0.1 * rng.normal(size=(n, 2))
    score = -4.0 * ((x - bottom) ** 2).sum(-1)
    return x, (score - score.max()) / np.ptp(score), np.arange(n + 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_the_fit_and_its_spread_equal_those_of_scipy(seed, monkeypatch):
    monkeypatch.setattr(tracking, "ITERATIONS", 200)
    monkeypatch.setattr(tracking, "SETTLED", 1e-12)
    x, below, time = evaluations(seed)
    basis, error = tracking._basis(time), 0.01 - tracking.FORM * below
    start = tracking._starts(x, below, basis)[1]

    def residuals(hidden):
        return np.concatenate([tracking._off(x, below, error, basis, hidden)[0], hidden])

    peer = least_squares(residuals, start, xtol=1e-12, ftol=1e-12, gtol=1e-12)
    found = tracking._fit(x, below, error, basis, start)
    np.testing.assert_allclose(found.optimum, basis[-1] @ peer.x[:-3].reshape(-1, 2), atol=1e-3)
    covariance = np.linalg.inv(peer.jac.T @ peer.jac)
    ahead = np.kron(basis[-1], np.eye(2))
    plain = ahead @ covariance[: ahead.shape[1], : ahead.shape[1]] @ ahead.T
    np.testing.assert_allclose(found.spread, plain, rtol=0.02, atol=0.01 * np.abs(plain).max())


def test_the_derivatives_of_the_residuals_are_theirs():
    x, below, time = evaluations(5, n=6)
    basis, error = tracking._basis(time), np.full(6, 0.1)
    hidden = 0.3 * np.random.default_rng(0).normal(size=basis.shape[1] * 2 + 3)
    slope = tracking._off(x, below, error, basis, hidden)[1]
    for k, unit in enumerate(np.eye(len(hidden)) * 1e-6):
        ahead, back = (tracking._off(x, below, error, basis, hidden + s * unit)[0] for s in (1, -1))
        np.testing.assert_allclose(slope[:, k], (ahead - back) / 2e-6, atol=1e-6)


def test_the_paths_have_the_covariance_of_an_integrated_wiener_process():
    time = np.array([0.0, 1.0, 2.5, 4.0])
    basis = tracking._basis(time)
    rng = np.random.default_rng(0)
    fine = np.linspace(0.0, 4.0, 1601)
    speed = tracking.WANDER * np.cumsum(rng.normal(size=(4000, 1600)) * np.sqrt(np.diff(fine)), axis=1)
    place = np.concatenate([np.zeros((4000, 1)), np.cumsum(speed * np.diff(fine), axis=1)], axis=1)
    sampled = place[:, np.searchsorted(fine, time)]
    last = 4.0**3 / 3.0 * tracking.WANDER**2
    np.testing.assert_allclose(basis[:, 2:] @ basis[:, 2:].T, sampled.T @ sampled / 4000, atol=0.1 * last)
    np.testing.assert_allclose(basis[:, 1], tracking.SPEED * time)


@pytest.mark.study
def test_it_follows_an_optimum_that_goes_round_far_better_than_keeping_or_a_process_in_time():
    late = {name: np.mean([moving(name, s)[10:].mean() for s in (200, 201)]) for name in ("keep", "track")}
    assert late["keep"] == pytest.approx(0.25)
    assert late["track"] < 0.03


def test_settings_that_gave_no_score_and_one_disaster_do_not_stop_it():
    search, space = SEARCHES["track"], cube(2, 0)
    rng = np.random.default_rng(0)
    tried = np.clip(space.present + 0.1 * rng.normal(size=(12, 2)), 0.0, 1.0)
    scores = -((tried - 0.5) ** 2).sum(-1)
    scores[3], scores[7] = np.nan, -1e9
    state = search.tell(search.start(space, 0), tried, scores)
    asked = search.ask(state, 1)
    assert np.linalg.norm(asked - tried[-1]) <= tracking.REACH + 1e-9
    assert np.isfinite(search.best(state)[1])

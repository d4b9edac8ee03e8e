"""Identify then control finds what a machine hides, beats a black box, and obeys the rules of searches."""

import jax.numpy as jnp
import numpy as np
import problem_transverse as transverse
import pytest

from controllers.searches.identify import APART, IdentifyThenControl, Model, most_informative
from controllers.searches.search import SEARCHES, Random
from twin import Space

OURS = IdentifyThenControl(transverse.CALIBRATING)


@pytest.mark.slow
def test_it_is_near_the_floor_where_a_trust_region_is_far_away():
    ours = np.array([transverse.trial(OURS, seed)[:2] for seed in range(3)])
    peer = transverse.trial(SEARCHES["trust"], 0)[0]
    assert np.median(ours[:, 0]) < 15.0
    assert peer > 100.0


def test_asking_changes_nothing_and_stays_inside_what_is_allowed():
    box = transverse.space(1)

    def allowed(asked):
        return np.abs(box.to_unit(asked) - box.to_unit(box.present)).max(-1) < 0.2

    state = OURS.start(box, 1, allowed)
    for row in range(8):
        asked = OURS.ask(state, 1)
        np.testing.assert_array_equal(asked, OURS.ask(state, 1))
        assert allowed(asked).all()
        seen = np.asarray(transverse.measured(np.zeros(transverse.HIDDEN) + 0.5, asked[0]))
        state = OURS.tell(state, asked, [float(transverse.scored(seen))], readings=seen[None])
        assert state.told == row + 1
    np.testing.assert_array_equal(state.settings[0], box.present)


def measured(settings):
    """Readings [n, R] and scores [n] of one machine."""
    seen = np.array([transverse.measured(np.zeros(transverse.HIDDEN) + 0.5, one) for one in settings])
    return seen, np.array([float(transverse.scored(one)) for one in seen])


@pytest.mark.parametrize("evaluations", [1, 12], ids=["informative settings", "optimum of the model"])
def test_a_batch_begins_with_the_single_suggestion_and_its_settings_are_apart(evaluations):
    box = transverse.space(3)
    state = OURS.start(box, 3)
    for _ in range(evaluations):
        asked = OURS.ask(state, 1)
        seen, scores = measured(asked)
        state = OURS.tell(state, asked, scores, readings=seen)
    batch = OURS.ask(state, 4)
    np.testing.assert_array_equal(batch[:1], OURS.ask(state, 1))
    np.testing.assert_array_equal(batch, OURS.ask(state, 4))
    assert box.inside(batch).all()
    unit = box.to_unit(batch)
    off = np.abs(unit[:, None] - unit[None]).max(-1) + np.eye(4)
    assert off.min() >= APART


def test_what_an_earlier_look_of_a_batch_will_teach_is_not_sought_again():
    """Two hidden gains: an evaluation at zero gives no information on them, and one far out gives all."""
    model = Model(2, lambda h, x: (1.0 + 0.3 * h) * x - 1.0, lambda r: -jnp.sum(r**2), np.full(2, 0.01))
    search, two = IdentifyThenControl(model), np.ones(2)
    box = Space(("x", "y"), ("", ""), 0.0 * two, 3.0 * two, two, 0.0 * two)
    state = search.tell(search.start(box, 0), np.zeros((1, 2)), [-2.0], readings=[[-1.0, -1.0]])
    batch = search.ask(state, 3)
    assert np.abs(batch[0] - 1.0).max() > 0.5
    np.testing.assert_allclose(batch[1:], 1.0, atol=0.3)


def test_without_readings_it_is_its_fallback():
    box = transverse.space(2)
    tried = np.stack([box.present, box.present * 0.5])
    state = OURS.tell(OURS.start(box, 2), tried, [1.0, 2.0])
    np.testing.assert_array_equal(OURS.ask(state, 3), SEARCHES["trust"].ask(state, 3))
    assert OURS.best(state)[1] == pytest.approx(2.0)


def test_a_weak_lens_is_a_drift_and_keeps_area():
    matrix = np.asarray(transverse._quad(1e-9))
    np.testing.assert_allclose(matrix, [[1.0, transverse.QUAD_M], [0.0, 1.0]], atol=1e-9)
    k = 17.0
    angle = np.sqrt(k) * transverse.QUAD_M
    exact = [[np.cos(angle), np.sin(angle) / np.sqrt(k)], [-np.sqrt(k) * np.sin(angle), np.cos(angle)]]
    np.testing.assert_allclose(transverse._quad(k), exact, atol=1e-12)
    assert np.linalg.det(np.asarray(transverse._quad(-k))) == pytest.approx(1.0)


class Listening(Random):
    """A fallback that counts how often it is asked."""

    asked = 0

    def ask(self, state, n):
        Listening.asked += 1
        return super().ask(state, n)


@pytest.mark.parametrize("form", ["right", "wrong"])
def test_only_a_model_that_does_not_fit_is_left_to_the_fallback(form):
    """A reading that is zero at 0.3 and rises; the model of the wrong form lets it fall."""
    right = form == "right"
    model = Model(
        hidden=1,
        predict=lambda h, x: (2.0 if right else -2.0) * (x - 0.5 * h),
        score=lambda r: -jnp.sqrt(r[0] ** 2 + 1e-6),
        noise=np.array([0.05]),
    )
    search = IdentifyThenControl(model, Listening())
    one, inputs = np.ones(1), np.random.default_rng(0)
    state = search.start(Space(("x",), ("",), 0.0 * one, one, one, 0.9 * one), 1)
    Listening.asked = 0
    for _ in range(14):
        asked = search.ask(state, 1)
        seen = 2.0 * (asked - 0.3) + 0.05 * inputs.normal(size=(1, 1))
        state = search.tell(state, asked, [-abs(seen[0, 0])], readings=seen)
    assert (Listening.asked == 0) == right
    assert abs(search.best(state)[0][0] - 0.3) < (0.05 if right else 0.2)


def test_the_most_informative_settings_are_those_where_the_readings_of_posterior_samples_differ():
    """Two knobs; machines differ in what the first does and agree on the second."""
    model = Model(
        1, lambda h, x: jnp.stack([h[0] * x[0] - 1.0, x[1]]), lambda r: -jnp.sum(r**2), np.full(2, 0.1)
    )
    machines = np.array([[0.5], [0.9], [2.0]])
    points, told = most_informative(model, machines, np.full((4, 2), 0.5), np.zeros(2), np.full(2, 2.0))
    np.testing.assert_allclose(np.asarray(points)[:, 0] * 2.0, 1.0 / machines[:, 0], atol=0.02)
    spread = np.var(np.asarray(points)[:, :1] * 2.0 * machines[:, 0], axis=1) / 0.1**2
    np.testing.assert_allclose(told, 0.5 * np.log(1.0 + spread), rtol=1e-6)

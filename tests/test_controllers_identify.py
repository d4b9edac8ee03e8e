"""Identify then control finds what a machine hides, beats a black box, and obeys the rules of searches."""

import numpy as np
import pytest

from benchmarks import transverse
from controllers.searches.identify import IdentifyThenControl
from controllers.searches.search import SEARCHES

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
    for look in range(8):
        asked = OURS.ask(state, 1)
        np.testing.assert_array_equal(asked, OURS.ask(state, 1))
        assert allowed(asked).all()
        seen = np.asarray(transverse.measured(np.zeros(transverse.HIDDEN) + 0.5, asked[0]))
        state = OURS.tell(state, asked, [float(transverse.scored(seen))], readings=seen[None])
        assert state.told == look + 1
    np.testing.assert_array_equal(state.settings[0], box.present)


def test_without_readings_it_is_its_fallback():
    box = transverse.space(2)
    tried = np.stack([box.present, box.present * 0.5])
    state = OURS.tell(OURS.start(box, 2), tried, [1.0, 2.0])
    np.testing.assert_array_equal(OURS.ask(state, 1), SEARCHES["trust"].ask(state, 1))
    assert OURS.best(state)[1] == pytest.approx(2.0)


def test_a_weak_lens_is_a_drift_and_keeps_area():
    matrix = np.asarray(transverse._quad(1e-9))
    np.testing.assert_allclose(matrix, [[1.0, transverse.QUAD_M], [0.0, 1.0]], atol=1e-9)
    k = 17.0
    angle = np.sqrt(k) * transverse.QUAD_M
    exact = [[np.cos(angle), np.sin(angle) / np.sqrt(k)], [-np.sqrt(k) * np.sin(angle), np.cos(angle)]]
    np.testing.assert_allclose(transverse._quad(k), exact, atol=1e-12)
    assert np.linalg.det(np.asarray(transverse._quad(-k))) == pytest.approx(1.0)

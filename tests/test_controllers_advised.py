"""The advisory rules on a recorded log: few advisories, each suppression counted, equal results from one seed."""

import numpy as np
import pytest
import xarray as xr

from controllers.recommend.advised import MINUTE_H, advised, with_silence
from controllers.recommend.advisories import EVERY_H, Rules
from controllers.recommend.case import case
from replay_data.runlog import open_log
from replay_data.view import LogView

DAYS = 3.0


def silent(text, part):
    pass


@pytest.fixture(scope="module")
def replayed(ring_model, ring_log):
    with open_log(ring_log) as log:
        log = LogView(log, ring_model.facility)
        this = case(ring_model, log, 672.0)
        return [advised(this, log, seed, silent, from_h=log.hours - 24.0 * DAYS) for seed in (1, 1)]


@pytest.mark.slow
def test_a_log_brings_few_advisories_far_apart_and_without_the_rules_there_would_be_one_each_minute(replayed):
    found = replayed[0]
    assert found.hours == pytest.approx(24.0 * DAYS, abs=0.1) and found.renewed == DAYS
    assert 1 <= len(found.advisories) <= 3 * found.renewed
    assert found.closest_h >= EVERY_H
    assert found.ungated > 100 * len(found.advisories)
    assert found.ungated == len(found.advisories) + sum(found.state.suppressed.values())
    assert all(a.sure > Rules().raise_above for a in found.advisories)


@pytest.mark.slow
def test_one_seed_gives_one_replay(replayed):
    one, same = replayed
    assert one.state.suppressed == same.state.suppressed
    assert [a.time_h for a in one.advisories] == [a.time_h for a in same.advisories]
    for a, b in zip(one.advisories, same.advisories, strict=True):
        np.testing.assert_array_equal(a.proposed, b.proposed)


def test_data_stay_stale_over_midnight_until_a_sample_comes(ring):
    """The silence is that of the log, not of the day."""
    hours = np.arange(0.0, 60.0, MINUTE_H)
    recorded = np.where((hours < 1.0) | (hours > 55.0), 1.0, np.nan)
    data = xr.Dataset({q.name: ("time", recorded) for q in ring.quantity}, {"time": hours})
    silent_h = with_silence(ring, data)["silent_h"].values
    assert np.all(silent_h[(hours < 0.99) | (hours > 55.01)] == 0.0)
    quiet = (hours > 1.01) & (hours < 54.99)
    np.testing.assert_allclose(silent_h[quiet], hours[quiet] - 1.0, atol=2 * MINUTE_H)


@pytest.mark.slow
def test_bounds_that_nothing_reaches_let_nothing_through(ring_model, ring_log):
    with open_log(ring_log) as log:
        log = LogView(log, ring_model.facility)
        this = case(ring_model, log, 672.0)
        high = Rules(raise_above=1e6, clear_below=1.0)
        found = advised(this, log, 1, silent, high, log.hours - 24.0)
    assert found.advisories == [] and found.closest_h == np.inf
    assert set(found.state.suppressed) <= {"small", "no beam", "outside"} and found.ungated > 0

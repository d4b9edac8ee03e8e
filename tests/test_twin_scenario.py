"""The outside world of a run: calendar, epochs, weather, and the space of settings."""

import numpy as np
import pytest

import twin
from twin import scenario

RING, LINAC = twin.load("storage-ring"), twin.load("xfel-linac")


def test_the_calendar_repeats_the_schedule_to_beyond_the_horizon():
    calendar = scenario.calendar(RING, 1000.0)
    assert calendar.end_h[:4].tolist() == [16.0, 48.0, 336.0, 352.0]
    assert calendar.end_h[-2] > 1000.0 and np.isinf(calendar.end_h[-1])
    assert calendar.beam[:4].tolist() == [False, True, True, False]
    assert calendar.user[:4].tolist() == [False, False, True, False]


def test_each_beamline_gets_the_slots_that_name_it_and_none_in_a_study():
    calendar = scenario.calendar(LINAC, 100.0)
    assert calendar.open[:4].tolist() == [[False, False], [False, False], [True, False], [False, True]]


@pytest.mark.parametrize("horizon_h, epochs", [(240.0, 10), (250.0, 11), (10.0, 1)])
def test_epochs_tile_the_horizon_and_the_last_may_be_shorter(horizon_h, epochs):
    scene = scenario.ahead(RING, horizon_h, 24.0)
    assert len(scene.edges_h) == epochs + 1 and scene.horizon_h == horizon_h
    assert np.all(np.diff(scene.edges_h) > 0) and np.diff(scene.edges_h).max() <= 24.0
    assert scene.settings.shape == (epochs, len(RING.knob))
    assert scene.conditions.shape == (epochs, len(RING.condition))


def test_settings_default_to_the_present_ones_and_are_held():
    scene = scenario.ahead(RING, 72.0)
    assert np.all(scene.settings == twin.Space.of(RING).present)
    other = scenario.ahead(RING, 72.0, settings=[400.0, 3.0, 1.0, 5.0])
    assert np.all(other.settings == [400.0, 3.0, 1.0, 5.0])


def test_weather_swings_by_day_and_year_about_its_mean():
    hours = np.arange(0.0, 8760.0, 1.0)
    conditions = scenario.conditions(RING, hours)
    hall = RING.condition[0]
    assert conditions[:, 0].mean() == pytest.approx(hall.value, abs=1e-9)
    assert np.ptp(conditions[:, 0]) == pytest.approx(2 * (hall.daily + hall.yearly), rel=0.01)
    later = scenario.ahead(RING, 24.0, 6.0, start_h=4380.0)
    np.testing.assert_allclose(
        later.conditions, scenario.conditions(RING, 4380.0 + np.array([3.0, 9.0, 15.0, 21.0]))
    )


def test_a_facility_without_conditions_has_empty_weather():
    bare = RING.model_copy(update={"condition": []})
    assert scenario.conditions(bare, np.zeros(5)).shape == (5, 0)


def test_the_space_maps_to_the_unit_cube_and_back():
    space = twin.Space.of(RING)
    assert space.to_unit(space.low).tolist() == [0.0] * 4 and space.to_unit(space.high).tolist() == [1.0] * 4
    np.testing.assert_allclose(space.from_unit(space.to_unit(space.present)), space.present)


def test_a_step_goes_as_far_as_the_ramp_allows_and_never_beyond_the_limits():
    space = twin.Space.of(RING)
    wanted = [1000.0, 2.0, 1.1, 5.0]
    after = space.step(space.present, wanted, 0.5)
    assert after.tolist() == [460.0, 3.15, 1.1, 5.0]
    assert space.ramp_h(space.present, [460.0, 3.15, 1.1, 5.0]) == pytest.approx(0.5)


def test_settings_beyond_limits_or_of_unknown_knobs_are_told_in_words():
    space = twin.Space.of(RING)
    with pytest.raises(twin.UserError, match=r"current = 600 mA lies outside 350 \.\.\. 500 mA"):
        space.check([600.0, 3.0, 1.0, 5.0])
    with pytest.raises(twin.UserError, match="unknown knob 'volts'; known are: current"):
        space.override(space.present, {"volts": 3.0})
    with pytest.raises(twin.UserError, match="rf_voltage = 9 MV"):
        space.override(space.present, {"rf_voltage": 9.0})
    with pytest.raises(twin.UserError, match="nan"):
        space.check([np.nan, 3.0, 1.0, 5.0])
    assert space.override(space.present, {"rf_voltage": 3.0})[1] == 3.0


@pytest.mark.parametrize("facility", [RING, LINAC])
@pytest.mark.parametrize("round_h", [0.0, 5.0, 16.0, 40.0, 330.0, 700.0])
def test_a_calendar_from_within_a_round_is_the_rest_of_the_one_from_its_beginning(facility, round_h):
    whole = scenario.calendar(facility, 2000.0)
    late = scenario.calendar(facility, 1000.0, round_h)
    begin = round_h % facility.schedule.period_h
    hours = np.arange(0.25, 990.0, 0.5)
    now, then = (
        np.searchsorted(calendar.end_h, h, side="right")
        for calendar, h in ((late, hours), (whole, hours + begin))
    )
    for field in ("beam", "user", "open"):
        assert np.array_equal(getattr(late, field)[now], getattr(whole, field)[then]), field
    assert late.end_h[0] > 0 and late.end_h[-2] > 1000.0


def test_an_epoch_also_begins_where_it_is_asked_to():
    scene = scenario.ahead(RING, 72.0, also_h=(0.1, 48.0, 72.0, 500.0))
    assert scene.edges_h.tolist() == [0.0, 0.1, 24.0, 48.0, 72.0]
    assert len(scene.settings) == len(scene.conditions) == 4

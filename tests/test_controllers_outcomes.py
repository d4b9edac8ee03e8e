"""Outcomes: adopted settings are found in a log, with their realised gain, or "cannot tell"."""

import json
from dataclasses import replace

import numpy as np
import pytest
from cases_adopted import adopted, promise

from controllers.outcomes import realised
from controllers.outcomes.adoption import adoption
from controllers.outcomes.follow import follow
from controllers.recommendation import Recommendation, from_json
from replay_data import replay
from replay_data.record import Channel
from replay_data.view import LogView
from twin import Space, UserError

BEGIN, END, SEED = 120, 134, 3


@pytest.fixture(scope="module")
def present(ring_record, ring):
    return np.array([ring_record.channel(name).value[-1] for name in Space.of(ring).names])


@pytest.fixture(scope="module")
def proposed(present):
    return present - np.array([0.0, 0.4, 0.0, 0.0])


@pytest.fixture(scope="module")
def made(ring, present, proposed):
    return promise(ring, present, proposed, 24.0 * BEGIN, 1.0)


@pytest.fixture(scope="module")
def log(ring, proposed):
    """A hundred and forty days, the proposed settings held from day 121 on and left after day 134."""
    return adopted(ring, 140, SEED, proposed, BEGIN + 1, END)


def changed(made: Recommendation, **keys) -> Recommendation:
    """The recommendation with other values of some keys."""
    return from_json(made.stored() | keys, "the test")


def test_adoption_is_found_from_when_to_when(log, made, ring):
    seen = adoption(made, LogView(log, ring), 24.0 * BEGIN)
    assert (seen.from_h, seen.to_h) == (24.0 * (BEGIN + 1), 24.0 * END)
    assert seen.followed and seen.left and seen.off < 1e-3


def with_voltage(log, hours, values):
    """The log with other records of the RF voltage from day 121 on."""
    own = log.channel("rf_voltage").keep(log.channel("rf_voltage").time_h < 24.0 * (BEGIN + 1))
    after = Channel(
        "rf_voltage",
        np.append(own.time_h, hours),
        np.append(own.value, values),
        "MV",
        "setpoint",
        own.pv,
        own.title,
    )
    return replace(log, channels=log.channels | {"rf_voltage": after})


def test_an_absence_of_less_than_a_shift_ends_no_adoption(ring, log, made, proposed):
    start, aim = 24.0 * (BEGIN + 1), proposed[1]
    short = with_voltage(log, [start, start + 50, start + 55], [aim, aim + 0.3, aim])
    long = with_voltage(log, [start, start + 50, start + 60], [aim, aim + 0.3, aim])
    assert adoption(made, LogView(short, ring), 24.0 * BEGIN).to_h == 24.0 * END
    assert adoption(made, LogView(long, ring), 24.0 * BEGIN).to_h == start + 50


def test_a_stay_of_a_minute_is_no_adoption(ring, log, made, proposed):
    """A minute at the proposed settings is none; the stay that comes later is the adoption."""
    start, aim = 24.0 * (BEGIN + 1), proposed[1]
    passing = [start - 3.0, start - 3.0 + 1 / 60]
    stays = with_voltage(log, [*passing, start + 50], [aim, aim + 0.3, aim])
    leaves = with_voltage(log, passing, [aim, aim + 0.3])
    seen = adoption(made, LogView(stays, ring), 24.0 * BEGIN)
    assert (seen.from_h, seen.to_h) == (start + 50, 24.0 * END)
    assert not adoption(made, LogView(leaves, ring), 24.0 * BEGIN).followed


def test_a_horizon_held_to_its_end_has_ended_whatever_the_rounding(ring, log, present, proposed):
    brief = promise(ring, present, proposed, 24.0 * BEGIN, 1.0, horizon_h=120.0)
    for minute in range(0, 60, 7):
        start = 24.0 * (BEGIN + 1) + minute / 60
        assert follow(brief, ring, with_voltage(log, [start], [proposed[1]]))["ended"]


def test_half_the_way_is_not_adopted_and_said_so(ring, log, made, present, proposed):
    half = with_voltage(log, [24.0 * BEGIN], [(present[1] + proposed[1]) / 2])
    found = follow(made, ring, half)
    assert found["verdict"] == "not followed" and not found["ended"]
    seen = adoption(made, LogView(half, ring), 24.0 * BEGIN)
    assert not seen.followed and 0.2 < seen.way < 0.8


@pytest.mark.parametrize(("part", "followed"), [(0.0, False), (0.45, False), (0.55, True), (1.0, True)])
def test_a_move_smaller_than_the_slack_is_adopted_only_if_more_than_half_of_it_was_made(
    ring, log, present, part, followed
):
    move = np.array([0.0, -0.038, 0.0, 0.0])
    small = promise(ring, present, present + move, 24.0 * (BEGIN + 1), 1.0)
    held = with_voltage(log, [24.0 * (BEGIN + 1)], [present[1] + part * move[1]])
    seen = adoption(small, LogView(held, ring), 24.0 * (BEGIN + 1))
    assert seen.way == pytest.approx(part)
    assert seen.followed == followed


def test_a_move_that_no_display_shows_need_not_be_made(ring, log, made):
    knobs = made.stored()["knobs"]
    unseen = [knob | {"proposed": knob["proposed"] + 0.4 * 10.0 ** -knob["precision"]} for knob in knobs]
    assert adoption(changed(made, knobs=unseen), LogView(log, ring), 24.0 * BEGIN).followed
    still = [knob | {"present": knob["proposed"]} for knob in knobs]
    assert not adoption(changed(made, knobs=still), LogView(log, ring), 24.0 * BEGIN).followed


def test_the_horizon_ends_an_outcome(ring, log, present, proposed):
    brief = promise(ring, present, proposed, 24.0 * BEGIN, 1.0, horizon_h=120.0)
    seen = adoption(brief, LogView(log, ring), 24.0 * BEGIN)
    assert seen.to_h - seen.from_h == 120.0 and not seen.left


@pytest.mark.slow
def test_the_gain_against_a_forecast_agrees_with_the_true_change_on_the_same_random_events(
    ring_model, ring, log, made, present
):
    found = follow(made, ring_model.facility, log, ring_model.law)
    assert json.loads(json.dumps(found, allow_nan=False)) == found and found["ended"]
    hours = np.array([24.0 * (BEGIN + 1), 24.0 * END])
    other = adopted(
        ring, 140, SEED, present, BEGIN + 1, END
    )  # the truth: the present settings, the same random events
    brought = []
    for record in (log, other):
        read = LogView(record, ring)
        view = replay.window(read, 24.0 * 40)
        brought.append(realised.useful(view, realised.counted(view, read, hours), hours)[0])
    real = found["realised"]
    assert real["how"] == "forecast" and real["low"] < real["mean"] < real["high"]
    assert abs(real["mean"] - (brought[0] - brought[1])) < 4 * real["error"]
    assert 0.2 < real["error"] < 6.0
    assert (
        found["same_random_events"]["low"]
        <= found["same_random_events"]["mean"]
        <= found["same_random_events"]["high"]
    )


def test_a_counter_at_half_speed_is_a_loss(ring_model, log, made):
    """A counter that runs at half its speed after the adoption is a loss of half the useful beam."""
    start, channels = 24.0 * (BEGIN + 1), dict(log.channels)
    for name in ("samples_mx", "samples_saxs"):
        counter = channels[name]
        at = counter.at(np.array([start]))[0]
        slow = np.where(counter.time_h > start, at + (counter.value - at) / 2, counter.value)
        channels[name] = replace(counter, value=slow)
    found = follow(made, ring_model.facility, replace(log, channels=channels), ring_model.law)
    assert found["verdict"] == "harm" and -60 < found["realised"]["mean"] < -30


def test_without_a_model_the_days_before_are_compared_and_nothing_is_concluded(ring, log, made):
    found = follow(made, ring, log)
    assert found["realised"]["how"] == "before" and found["same_random_events"] is None
    assert found["verdict"] == "cannot tell" and "whatever else changed" in found["words"]


def test_two_days_cannot_tell(ring, ring_model, proposed, made):
    short = adopted(ring, BEGIN + 3, SEED, proposed, BEGIN + 1, BEGIN + 3)
    found = follow(made, ring_model.facility, short, ring_model.law)
    assert (found["verdict"], found["ended"]) == ("cannot tell", False)
    assert "cannot be told yet" in found["words"]


def test_a_log_that_does_not_go_on_is_refused(ring, ring_record, made):
    with pytest.raises(UserError, match="goes on after it"):
        follow(made, ring, ring_record)
    with pytest.raises(UserError, match="nothing to follow"):
        follow(changed(made, verdict="hold"), ring, ring_record)
    with pytest.raises(UserError, match="of 'storage-ring'; the recommendation is of 'other'"):
        follow(changed(made, facility="other"), ring, ring_record)

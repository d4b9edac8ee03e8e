"""Common causes and starts that fail, event by event on draws made by hand."""

import numpy as np
import pytest
from cases_common_cause import shock
from cases_tree import gate, units
from closed_form import subsystem, toy
from hand_made import play, story

from twin import reference
from twin.draws import draw, enough
from twin.nominal import nominal
from twin.plant import build
from twin.scenario import ahead

TWO_H = "{ law = 'fixed', mean_h = 2.0 }"
HIT, MISSED = 0.1, 0.9


def pumps(standby: str = "", **mode) -> str:
    """Two pumps, the second in reserve, and the gate that needs one."""
    table = f'[subsystem.standby]\nkind = "cold"\nin_service = 1\n{standby}'
    text = units("pump", 2, repair=TWO_H, **mode)
    return text.replace("[[subsystem.mode]]", table + "[[subsystem.mode]]") + gate("g", "pump", 1, "dump")


def test_a_shock_fails_what_works_at_once_and_leaves_what_is_down():
    """Unit 1 fails at 4 h and is down when the shock comes at 5 h; its next life counts from 6 h."""
    facility = toy(units("a", repair=TWO_H) + units("b", repair=TWO_H) + gate("g", "a b", 1, "dump")
                   + shock(10.0, '"a.m" = 1.0, "b.m" = 1.0'))  # fmt: skip
    run = play(facility, 20.0, {"a.m": [0.4, 0.5], "b.m": [2.0, 0.3], "shock.dip": [0.5]})
    assert story(run, "fail", "fixed", "shock") == [
        (4.0, "fail", "a.m"),
        (5.0, "shock", "shock.dip"),
        (5.0, "fail", "b.m"),
        (6.0, "fixed", "a.m"),
        (7.0, "fixed", "b.m"),
        (10.0, "fail", "b.m"),  # the next budget, not the rest of the first
        (11.0, "fail", "a.m"),
        (12.0, "fixed", "b.m"),
        (13.0, "fixed", "a.m"),
    ]
    assert run.tally().failures_by.tolist() == [2, 2, 1]


def test_each_unit_has_its_own_coin_of_each_shock():
    facility = toy(units("s", 3, repair=TWO_H) + gate("g", "s", 1, "dump") + shock(10.0, '"s.m" = 0.5'))
    coins = {"hit dip s.m.1": [HIT, MISSED], "hit dip s.m.2": [MISSED, MISSED], "hit dip s.m.3": [HIT, HIT]}
    run = play(facility, 20.0, {"shock.dip": [0.5, 0.1]}, coins)
    assert story(run, "fail", "shock") == [
        (5.0, "shock", "shock.dip"),
        (5.0, "fail", "s.m.1"),
        (5.0, "fail", "s.m.3"),
        (6.0, "shock", "shock.dip"),  # unit 3 is down: its coin falls for nothing
    ]


def test_the_lost_hours_are_laid_to_the_shock():
    facility = toy(units("s", 2, repair=TWO_H) + gate("g", "s", 1, "dump") + shock(10.0, '"s.m" = 1.0'))
    tally = play(facility, 20.0, {"shock.dip": [0.5]}).tally()
    assert tally.lost_h.tolist() == [0.0, 2.0, 0.0] and tally.failures == 1
    assert tally.failures_by.tolist() == [2, 1] and tally.down_h.tolist() == [4.0, 0.0]


def test_a_shock_that_harms_nobody_is_no_cause():
    facility = toy(subsystem("s", repair=TWO_H) + units("t", 2) + gate("g", "t", 1, "dump")
                   + shock(10.0, '"t.m" = 0.5'))  # fmt: skip
    tally = play(facility, 20.0, {"s.m": [0.06], "shock.dip": [0.7]}, {"hit dip t.m.1": [HIT]}).tally()
    assert tally.lost_h.tolist() == [2.0, 0.0, 0.0, 0.0, 0.0]
    assert tally.failures_by.tolist() == [1, 1, 0, 1]


def test_a_beta_factor_strikes_in_the_own_time_of_its_mode():
    """The trip stops the beam from 1 h to 3 h; the common cause, due after 2 h of beam, comes at 4 h."""
    facility = toy(subsystem("trip", repair=TWO_H) + units("s", 2, beta=0.5, ages='"beam"', repair=TWO_H)
                   + gate("g", "s", 1, "dump"))  # fmt: skip
    assert facility.process_names == ["trip.m", "s.m", "shock.s_m_common"]
    np.testing.assert_allclose(nominal(facility).hazard, [0.01, 0.1, 0.05])
    run = play(facility, 10.0, {"trip.m": [0.01], "shock.s_m_common": [0.1]})
    assert story(run, "fail", "shock") == [
        (1.0, "fail", "trip.m"),
        (4.0, "shock", "shock.s_m_common"),
        (4.0, "fail", "s.m"),
        (4.0, "fail", "s.m"),
    ]


def test_a_shock_strikes_a_unit_in_reserve_too():
    facility = toy(pumps() + shock(10.0, '"pump.m" = 1.0'))
    run = play(facility, 20.0, {"shock.dip": [0.5]})
    assert story(run, "fail") == [(5.0, "fail", "pump.m.1"), (5.0, "fail", "pump.m.2")]
    assert run.tally().lost_h.tolist() == [0.0, 0.0, 2.0, 0.0]


def test_a_start_fails_by_its_coin_and_is_tried_anew_after_the_repair():
    facility = toy(subsystem("s", at_start=0.5, ages='"beam"', repair=TWO_H), restart_h=1.0)
    run = play(facility, 20.0, {"s.m": [0.05] * 4}, {"start s.m": [HIT, HIT, MISSED, HIT, MISSED]})
    assert story(run, "fail", "fixed") == [
        (0.0, "fail", "s.m"),  # first start
        (2.0, "fixed", "s.m"),
        (2.0, "fail", "s.m"),  # second start; the third, at 4 h, is good: beam from 5 h on
        (4.0, "fixed", "s.m"),
        (10.0, "fail", "s.m"),  # its third life has spent its budget in 5 h of beam
        (12.0, "fixed", "s.m"),
        (12.0, "fail", "s.m"),  # fourth start
        (14.0, "fixed", "s.m"),
    ]
    assert run.tally().delivered_h == pytest.approx(5.0 + 5.0)


def test_a_unit_that_is_down_at_a_start_is_not_called_but_its_coin_is_used():
    """Unit 1 is down at the second start, at 3 h, where its coin would fail it; at the third it does not."""
    facility = toy(subsystem("trip", repair="{ law = 'fixed', mean_h = 1.0 }")
                   + units("k", 2, at_start=0.5, repair="{ law = 'fixed', mean_h = 4.0 }")
                   + gate("g", "k", 1, "dump"))  # fmt: skip
    coins = {"start k.m.1": [MISSED, HIT, MISSED], "start k.m.2": [MISSED, MISSED, HIT]}
    run = play(facility, 20.0, {"trip.m": [0.02, 0.07], "k.m.1": [0.1]}, coins)
    assert story(run, "fail", "fixed") == [
        (1.0, "fail", "k.m.1"),
        (2.0, "fail", "trip.m"),
        (3.0, "fixed", "trip.m"),
        (5.0, "fixed", "k.m.1"),
        (10.0, "fail", "trip.m"),
        (11.0, "fixed", "trip.m"),
        (11.0, "fail", "k.m.2"),
        (15.0, "fixed", "k.m.2"),
    ]


def test_more_starts_than_coins_are_reported():
    facility = toy(subsystem("s", mtbf_h=1.0, repair="{ law = 'fixed', mean_h = 0.1 }")
                   + units("k", 2, mtbf_h=1e9, at_start=0.01) + gate("g", "k", 1, "dump"))  # fmt: skip
    scene = ahead(facility, 50.0, 50.0)
    draws = draw(facility, 1, 200, 4, 0)
    few = draws._replace(coin=draws.coin[..., :20])
    seen = [
        reference.simulate(build(facility), nominal(facility), d, scene).exhausted[0] for d in (draws, few)
    ]
    assert seen == [False, True]


def test_enough_draws_are_made_for_shocks_and_starts():
    """The unit itself never fails, its coins and its repairs are used all the same."""
    facility = toy(
        subsystem("s", mtbf_h=2.0, repair="{ law = 'fixed', mean_h = 0.1 }", ages='"beam"')
        + subsystem("k", mtbf_h=1e9, at_start=0.7, repair="{ law = 'fixed', mean_h = 0.1 }")
        + units("u", 3, mtbf_h=1e9, repair="{ law = 'fixed', mean_h = 0.1 }")
        + gate("g", "u", 1, "dump")
        + shock(1.0, '"u.m" = 0.9')
    )
    draws = draw(facility, 4, *enough(facility, 500.0), seed=0)
    tally = reference.simulate(build(facility), nominal(facility), draws, ahead(facility, 500.0, 500.0))
    assert not tally.exhausted.any() and tally.failures_by[:, 1].min() > 100


def test_a_certain_hit_needs_no_units_apart_and_a_partial_one_does():
    names = [toy(units("s", 2) + gate("g", "s", 1, "dump") + shock(10.0, f'"s.m" = {p}')).process_names
             for p in (1.0, 0.5)]  # fmt: skip
    assert names == [["s.m", "shock.dip"], ["s.m.1", "s.m.2", "shock.dip"]]


def test_a_unit_in_reserve_is_not_called_by_a_start():
    run = play(toy(pumps(at_start=0.5)), 9.0, {}, {"start pump.m.1": [HIT], "start pump.m.2": [HIT]})
    assert story(run, "fail") == [(0.0, "fail", "pump.m.1")]


def test_what_fails_as_another_is_struck_is_not_struck_once_more():
    """The second pump, called when the first is struck, fails to start before its own blow falls."""
    facility = toy(pumps("start_failure = 0.5\n") + shock(10.0, '"pump.m" = 1.0'))
    run = play(facility, 9.0, {"shock.dip": [0.5]}, {"call pump": [HIT, MISSED]})
    assert story(run, "fail") == [(5.0, "fail", "pump.m.1"), (5.0, "fail", "pump.m.2")]
    assert sorted(story(run, "fixed")) == [(7.0, "fixed", "pump.m.1"), (7.0, "fixed", "pump.m.2")]
    assert [process.up for process in run.processes] == [1, 1, 1]

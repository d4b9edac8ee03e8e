"""Upkeep in the reference engine, on draws made by hand: proof tests, maintenance, units exchanged together."""

import math
from itertools import pairwise

import numpy as np
import pytest
from closed_form import subsystem, toy
from hand_made import NEVER, play, story
from scipy.special import ndtri

from twin import reference
from twin.draws import draw, enough
from twin.errors import UserError
from twin.nominal import nominal
from twin.plant import build
from twin.scenario import ahead

FIXED = "{ law = 'fixed', mean_h = 10.0 }"
CARE = "{ law = 'fixed', mean_h = 2.0 }"
AGE = f"policy = 'age', every_h = 40.0, takes = {CARE}"
BLOCK = f"policy = 'block', every_h = 40.0, takes = {CARE}"
WEIBULL_2 = math.gamma(1.5) ** 2 / 100.0**2
"""Hazard spent by a life of shape 2 and mean 100 h at age 1 h; it grows with the square of the age."""
TRIP = f"""
[[subsystem.mode]]
name = "trip"
effect = "dump"
mtbf_h = 100.0
ages = "always"
repair = {FIXED}
"""
WEEK = """
[[schedule.block]]
phase = "user"
hours = 90.0
[[schedule.block]]
phase = "maintenance"
hours = 10.0
"""


def tube(preventive: str, more: str = "", units: int = 1, **mode) -> str:
    """A worn tube whose loss dumps the beam."""
    return (
        subsystem(
            "tube", units, f"preventive = {{ {preventive} }}", **({"shape": 2.0, "repair": FIXED} | mode)
        )
        + more
    )


def spent(age_h: float) -> float:
    return WEIBULL_2 * age_h**2


def care(run):
    return story(run, "fail", "noticed", "fixed", "maintain", "maintained")


def begins(run) -> list[float]:
    return [at_h for at_h, _, _ in story(run, "maintain")]


def test_maintenance_by_age_begins_anew_after_each_maintenance_and_each_repair():
    run = play(toy(tube(AGE)), 130.0, {"tube.m": [spent(40.0) + spent(20.0), NEVER]})
    assert care(run) == [
        (40.0, "maintain", "tube.m"),
        (42.0, "maintained", "tube.m"),
        (62.0, "fail", "tube.m"),
        (72.0, "fixed", "tube.m"),
        (112.0, "maintain", "tube.m"),
        (114.0, "maintained", "tube.m"),
    ]


def test_maintenance_takes_the_unit_out_and_its_hours_have_no_failure_as_their_cause():
    tally = play(toy(tube(AGE)), 130.0, {"tube.m": [spent(40.0) + spent(20.0), NEVER]}).tally()
    assert tally.lost_h.tolist() == pytest.approx([10.0, 4.0])
    assert tally.down_h.tolist() == pytest.approx([10.0]) and tally.failures_by.tolist() == [1.0]
    assert tally.delivered_h == pytest.approx(116.0)


def test_age_counts_in_the_own_clock_of_the_mode():
    dark = subsystem("magnet", repair="{ law = 'fixed', mean_h = 30.0 }")
    run = play(toy(tube(AGE, dark, ages='"beam"')), 100.0, {"magnet.m": [0.1, NEVER]})
    assert begins(run) == [70.0]


def test_a_memoryless_mode_neither_asks_for_maintenance_nor_resets_the_age():
    run = play(toy(tube(AGE, TRIP)), 80.0, {"tube.trip": [0.25, NEVER]})
    assert story(run, "fail", "fixed", "maintain") == [
        (25.0, "fail", "tube.trip"),
        (35.0, "fixed", "tube.trip"),
        (40.0, "maintain", "tube.m"),
    ]


def test_repair_of_the_mode_that_ages_begins_its_age_anew_whatever_the_others_reach():
    run = play(toy(tube(AGE, TRIP)), 80.0, {"tube.m": [spent(20.0), NEVER]})
    assert begins(run) == [70.0]


def test_maintenance_that_falls_due_while_another_mode_is_repaired_is_done_when_the_unit_is_back():
    run = play(toy(tube(AGE, TRIP)), 80.0, {"tube.trip": [0.35, NEVER]})
    assert begins(run) == [45.0]


def test_block_maintenance_keeps_to_the_calendar_and_skips_a_unit_that_is_down():
    run = play(toy(tube(BLOCK)), 130.0, {"tube.m": [spent(35.0), NEVER]})
    assert care(run) == [
        (35.0, "fail", "tube.m"),
        (45.0, "fixed", "tube.m"),
        (80.0, "maintain", "tube.m"),
        (82.0, "maintained", "tube.m"),
        (120.0, "maintain", "tube.m"),
        (122.0, "maintained", "tube.m"),
    ]


def test_condition_is_read_at_inspections_and_acted_on_above_the_limit():
    text = f"policy = 'condition', every_h = 15.0, limit = {spent(50.0)}, takes = {CARE}"
    assert begins(play(toy(tube(text)), 140.0, {})) == [60.0, 120.0]


def test_condition_follows_the_hazard_of_the_present_settings():
    text = f"policy = 'condition', every_h = 15.0, limit = {spent(50.0)}, takes = {CARE}"
    facility = toy(tube(text, slope="{ charge = 0.1 }"))
    draws = draw(facility, 1, 16, 4, 0).run(0)
    scene = ahead(facility, 140.0)
    run = reference.start(
        build(facility), draws._replace(budget=np.full_like(draws.budget, NEVER)), scene.calendar
    )
    run.advance(nominal(facility), scene.settings[0], scene.conditions[0], 20.0)
    run.advance(nominal(facility), scene.settings[0] + 10.0, scene.conditions[0], 140.0)
    assert begins(run)[0] == 45.0, "e times the hazard: 50 h of wear in 50 / sqrt(e) h = 30.3 h"


def test_work_for_the_shutdown_waits_for_the_maintenance_block_and_costs_no_user_time():
    facility = toy(tube(AGE + ", when = 'shutdown'"), blocks=WEEK)
    run = play(facility, 300.0, {})
    assert begins(run) == [90.0, 190.0, 290.0]
    without = play(toy(subsystem("tube"), blocks=WEEK), 300.0, {})
    assert run.tally().delivered_h == 270.0 and run.tally().failures == without.tally().failures


def test_work_that_falls_due_in_a_shutdown_is_done_in_it():
    age = AGE.replace("40.0", "95.0") + ", when = 'shutdown'"
    assert begins(play(toy(tube(age), blocks=WEEK), 100.0, {})) == [95.0]


def test_a_repair_before_the_shutdown_takes_the_place_of_what_was_planned():
    facility = toy(tube(AGE + ", when = 'shutdown'"), blocks=WEEK)
    run = play(facility, 200.0, {"tube.m": [spent(55.0), NEVER]})
    assert begins(run) == [190.0], "at 90 h the tube has worked for 25 h only"
    skipped = toy(tube(BLOCK + ", when = 'shutdown'"), blocks=WEEK)
    assert begins(play(skipped, 100.0, {"tube.m": [spent(85.0), NEVER]})) == []


def test_units_of_a_block_share_the_crew_and_are_out_one_after_the_other():
    crew = '[[crew]]\nname = "rf"\nsize = 1\n'
    gate = '[[gate]]\nname = "rf_gate"\nof = ["tube"]\nneeds = 2\neffect = "dump"\n'
    facility = toy(crew + tube(BLOCK + ", crew = 'rf'", gate, units=3, effect='"unit"'))
    run = play(facility, 50.0, {})
    assert begins(run) == [40.0, 42.0, 44.0] and run.tally().delivered_h == 50.0
    assert play(toy(tube(BLOCK, gate, units=3, effect='"unit"')), 50.0, {}).tally().delivered_h == 48.0


def test_repairs_that_were_called_for_later_go_before_maintenance():
    crew = '[[crew]]\nname = "rf"\nsize = 1\n'
    others = "".join(subsystem(name, repair=FIXED, crew='"rf"') for name in ("pump", "valve"))
    facility = toy(crew + tube(AGE + ", crew = 'rf'", others))
    assert begins(play(facility, 70.0, {"pump.m": [0.38, NEVER], "valve.m": [0.44, NEVER]})) == [58.0]


def test_a_call_for_the_maintenance_of_a_unit_that_has_failed_is_taken_back():
    crew = '[[crew]]\nname = "rf"\nsize = 1\n'
    other = subsystem("pump", repair=FIXED, crew='"rf"')
    facility = toy(crew + tube(AGE + ", crew = 'rf'", other, crew='"rf"'))
    run = play(facility, 100.0, {"pump.m": [0.38, NEVER], "tube.m": [spent(45.0), NEVER]})
    assert care(run) == [
        (38.0, "fail", "pump.m"),
        (45.0, "fail", "tube.m"),
        (48.0, "fixed", "pump.m"),
        (58.0, "fixed", "tube.m"),
        (98.0, "maintain", "tube.m"),
        (100.0, "maintained", "tube.m"),
    ]


def test_random_maintenance_takes_the_quantile_of_its_coin():
    text = "policy = 'block', every_h = 40.0, takes = { law = 'lognormal', median_h = 3.0, sigma = 0.5 }"
    run = play(toy(tube(text)), 100.0, {}, {"maintain tube.1": [0.5, 0.9]})
    ends = [at_h for at_h, _, _ in story(run, "maintained")]
    assert ends == pytest.approx([43.0, 80.0 + 3.0 * math.exp(0.5 * ndtri(0.9))])


def test_maintenance_of_a_working_unit_is_a_planned_change_over():
    gate = '[[gate]]\nname = "rf_gate"\nof = ["tube"]\neffect = "dump"\n'
    standby = "standby = { in_service = 1, kind = 'cold', coverage = 0.5 }\n"
    text = subsystem(
        "tube", 2, standby + f"preventive = {{ {AGE} }}", effect='"unit"', shape=2.0, repair=FIXED
    )
    run = play(toy(text + gate), 130.0, {}, {"cover tube": [0.9] * 16})
    assert story(run, "maintain", "start") == [
        (40.0, "maintain", "tube.m.1"),
        (40.0, "start", "tube.m.2"),
        (80.0, "maintain", "tube.m.2"),
        (80.0, "start", "tube.m.1"),
        (120.0, "maintain", "tube.m.1"),
        (120.0, "start", "tube.m.2"),
    ]
    assert run.tally().delivered_h == 130.0


@pytest.mark.parametrize("test_h", [70.0, 41.0])
def test_maintenance_puts_a_hidden_failure_right_and_a_later_proof_test_finds_nothing(test_h):
    gate = '[[gate]]\nname = "stop"\nof = ["tube"]\neffect = "dump"\n'
    facility = toy(tube(BLOCK, gate, effect='"unit"', proof_test_h=test_h))
    run = play(facility, 100.0, {"tube.m": [spent(30.0), NEVER]})
    assert care(run)[:4] == [
        (30.0, "fail", "tube.m"),
        (40.0, "maintain", "tube.m"),
        (42.0, "maintained", "tube.m"),
        (42.0, "fixed", "tube.m"),
    ]
    assert run.tally().down_h.tolist() == pytest.approx([12.0]) and not story(run, "noticed")


def test_a_hidden_failure_is_noticed_at_the_first_proof_test_after_it():
    gate = '[[gate]]\nname = "stop"\nof = ["valve"]\neffect = "dump"\n'
    facility = toy(subsystem("valve", effect='"unit"', proof_test_h=24.0, repair=FIXED) + gate)
    run = play(facility, 300.0, {"valve.m": [0.5, 0.9, NEVER]})
    assert care(run) == [
        (50.0, "fail", "valve.m"),
        (72.0, "noticed", "valve.m"),
        (82.0, "fixed", "valve.m"),
        (172.0, "fail", "valve.m"),
        (192.0, "noticed", "valve.m"),
        (202.0, "fixed", "valve.m"),
    ]
    assert run.tally().delivered_h == 300.0 - 32.0 - 30.0


def test_minimal_repair_leaves_the_age_and_the_time_in_repair_does_not_count():
    facility = toy(subsystem("tube", shape=2.0, minimal_repair="true", repair=FIXED))
    run = play(facility, 500.0, {"tube.m": [spent(50.0), spent(80.0) - spent(50.0), NEVER]})
    assert [at_h for at_h, kind, _ in care(run) if kind == "fail"] == [50.0, 90.0]


def test_maintenance_renews_what_a_minimal_repair_leaves_old():
    budgets = {"tube.m": [spent(30.0), spent(40.0) - spent(30.0) + spent(20.0), NEVER]}
    run = play(toy(tube(AGE, minimal_repair="true", repair=FIXED)), 100.0, budgets)
    assert care(run)[:5] == [
        (30.0, "fail", "tube.m"),
        (40.0, "fixed", "tube.m"),
        (50.0, "maintain", "tube.m"),
        (52.0, "maintained", "tube.m"),
        (72.0, "fail", "tube.m"),
    ]


def gun(tube_h: float = 10.0, **socket) -> str:
    """A tube and a socket that are exchanged as one."""
    keys = {"shape": 2.0, "repair": FIXED}
    return subsystem(
        "tube", 1, 'replaced_with = "gun"', shape=2.0, repair=f"{{ law = 'fixed', mean_h = {tube_h} }}"
    ) + subsystem("socket", 1, 'replaced_with = "gun"', **(keys | socket))


def test_units_exchanged_together_are_all_as_good_as_new():
    run = play(
        toy(gun()), 300.0, {"tube.m": [spent(50.0), NEVER], "socket.m": [spent(60.0) + spent(30.0), NEVER]}
    )
    assert [e for e in care(run) if e[1] == "fail"] == [(50.0, "fail", "tube.m"), (90.0, "fail", "socket.m")]


def test_a_failure_during_an_exchange_is_put_right_by_it():
    run = play(toy(gun(20.0)), 300.0, {"tube.m": [spent(50.0), NEVER], "socket.m": [spent(55.0), NEVER]})
    assert care(run) == [
        (50.0, "fail", "tube.m"),
        (55.0, "fail", "socket.m"),
        (70.0, "fixed", "tube.m"),
        (70.0, "fixed", "socket.m"),
    ]
    assert run.tally().delivered_h == 280.0


def test_an_exchange_puts_a_hidden_failure_right():
    gate = '[[gate]]\nname = "stop"\nof = ["socket"]\neffect = "distort"\n'
    facility = toy(gun(effect='"unit"', proof_test_h=200.0) + gate)
    run = play(facility, 300.0, {"tube.m": [spent(50.0), NEVER], "socket.m": [spent(40.0), NEVER]})
    assert care(run) == [
        (40.0, "fail", "socket.m"),
        (50.0, "fail", "tube.m"),
        (60.0, "fixed", "tube.m"),
        (60.0, "fixed", "socket.m"),
    ]


def test_units_of_one_number_are_exchanged_together_and_need_partners():
    pair = gun().replace("units = 1", "units = 2")
    run = play(
        toy(pair),
        200.0,
        {
            "tube.m.2": [spent(50.0), NEVER],
            "socket.m.1": [spent(70.0), NEVER],
            "socket.m.2": [spent(70.0), NEVER],
        },
    )
    assert (70.0, "fail", "socket.m.1") in care(run) and (70.0, "fail", "socket.m.2") not in care(run)
    with pytest.raises(
        UserError, match=r"'socket'.replaced_with = 'gun': it has units = 1, but subsystem 'tube' has 2"
    ):
        toy(gun().replace("units = 1", "units = 2", 1))


def test_time_never_goes_backwards_and_each_maintenance_that_begins_ends():
    standby = "standby = { in_service = 2, kind = 'warm', dormancy = 0.5, coverage = 0.8, switch_h = 1.0 }\n"
    takes = "{ law = 'gamma', mean_h = 3.0, shape = 2.0 }"
    text = subsystem(
        "tube", 4, standby + f"preventive = {{ policy = 'age', every_h = 60.0, takes = {takes}, crew = 'rf' }}",
        effect='"unit"', shape=2.0, repair=FIXED, crew='"rf"', proof_test_h=30.0,
    )  # fmt: skip
    gate = '[[gate]]\nname = "rf_gate"\nof = ["tube"]\neffect = "dump"\n[[crew]]\nname = "rf"\nsize = 1\n'
    facility = toy(text + gate)
    draws, scene = draw(facility, 1, 256, 4, 7).run(0), ahead(facility, 5_000.0, 5_000.0)
    run = reference.start(build(facility), draws, scene.calendar)
    run.advance(nominal(facility), scene.settings[0], scene.conditions[0], 5_000.0)
    hours = [event.at_h for event in run.trace]
    assert hours == sorted(hours) and not run.exhausted
    for p in range(4):
        turns = [e.kind for e in run.trace if e.subject == p and e.kind in ("maintain", "maintained")]
        assert len(turns) > 10 and all(a != b for a, b in pairwise(turns))


def test_maintenance_coins_used_up_are_told():
    text = "policy = 'block', every_h = 4.0, takes = { law = 'exponential', mean_h = 0.1 }"
    facility = toy(tube(text))
    assert play(facility, 100.0, {}).exhausted
    assert enough(facility, 1_000.0)[0].min() > 250

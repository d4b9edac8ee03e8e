"""Standby in the reference engine, on draws made by hand: who works, who waits, who takes over, and when."""

import pytest
from closed_form import subsystem, toy
from hand_made import NEVER, play, story

from twin.draws import enough
from twin.errors import UserError

GATE = '[[gate]]\nname = "vacuum"\nof = ["pump"]\neffect = "dump"\n'
FIXED = "{ law = 'fixed', mean_h = 10.0 }"


def pumps(units: int = 2, in_service: int = 1, standby: str = "kind = 'cold'", gate: str = GATE, **mode):
    """Pumps that live 100 h and are mended in 10 h."""
    reserve = f"standby = {{ in_service = {in_service}, {standby} }}"
    keys = {"effect": '"unit"', "repair": FIXED} | mode
    return toy(subsystem("pump", units, reserve, **keys) + gate)


def budgets(*first: float) -> dict[str, list[float]]:
    """The hazard that the first life of each pump can spend; later lives go on."""
    return {f"pump.m.{i + 1}": [spent, NEVER] for i, spent in enumerate(first)}


def changes(run):
    return story(run, "fail", "noticed", "fixed", "start")


def delivered(run) -> float:
    return run.tally().delivered_h


def test_a_waiting_unit_takes_over_at_once_and_the_users_do_not_notice():
    run = play(pumps(), 200.0, budgets(0.5))
    assert changes(run) == [
        (50.0, "fail", "pump.m.1"),
        (50.0, "start", "pump.m.2"),
        (60.0, "fixed", "pump.m.1"),
    ]
    assert delivered(run) == 200.0 and run.tally().failures == 0


def test_a_repaired_unit_waits_at_the_end_of_the_reserve():
    run = play(pumps(3), 400.0, budgets(0.5, 0.6, 0.7))
    assert [e for e in changes(run) if e[1] == "start"] == [
        (50.0, "start", "pump.m.2"),
        (110.0, "start", "pump.m.3"),
        (180.0, "start", "pump.m.1"),
    ]


@pytest.mark.parametrize(
    ("standby", "fails_at_h"),
    [("kind = 'cold'", 130.0), ("kind = 'warm', dormancy = 0.5", 105.0), ("kind = 'hot'", 80.0)],
)
def test_a_waiting_unit_ages_at_the_share_of_its_dormancy(standby, fails_at_h):
    run = play(pumps(standby=standby), 200.0, budgets(0.5, 0.8))
    assert (fails_at_h, "fail", "pump.m.2") in changes(run)


def test_a_warm_unit_of_weibull_life_keeps_the_age_it_reached_in_reserve():
    run = play(
        pumps(standby="kind = 'warm', dormancy = 0.5", shape=2.0), 400.0, budgets(0.25, 0.7853981633974483)
    )
    taken, failed = changes(run)[1][0], next(e[0] for e in changes(run) if e[1:] == ("fail", "pump.m.2"))
    assert taken == pytest.approx(56.418958, abs=1e-5)
    assert 0.5 * taken + (failed - taken) == pytest.approx(100.0, abs=1e-5)


def test_a_unit_that_has_failed_does_not_age_until_it_is_back():
    facility = pumps(standby="kind = 'hot'", repair="{ law = 'fixed', mean_h = 30.0 }")
    run = play(facility, 400.0, {"pump.m.1": [0.5, 0.5, NEVER]})
    assert [e[0] for e in changes(run) if e[1:] == ("fail", "pump.m.1")] == [50.0, 130.0]


def test_units_age_in_the_own_time_of_their_modes_which_stands_still_without_beam():
    other = subsystem("dump", repair="{ law = 'fixed', mean_h = 7.0 }")
    facility = pumps(gate=GATE + other, ages='"beam"')
    run = play(facility, 200.0, budgets(0.5, 0.3) | {"dump.m": [0.2, NEVER]})
    fails = [e for e in changes(run) if e[1] == "fail" and e[2].startswith("pump")]
    assert fails == [(57.0, "fail", "pump.m.1"), (87.0, "fail", "pump.m.2")]


def test_switching_takes_its_time_and_the_place_is_empty_meanwhile():
    run = play(pumps(standby="kind = 'cold', switch_h = 3.0"), 200.0, budgets(0.5))
    assert (53.0, "start", "pump.m.2") in changes(run)
    assert delivered(run) == 197.0 and run.tally().lost_h[0] == 3.0


def test_a_unit_repaired_while_another_is_on_its_way_waits():
    facility = pumps(standby="kind = 'cold', switch_h = 15.0")
    run = play(facility, 200.0, budgets(0.5))
    assert [e for e in changes(run) if e[1] == "start"] == [(65.0, "start", "pump.m.2")]
    assert [unit.processes[0].p for unit in run.reserves[0].waiting] == [0]


def test_two_places_do_not_wait_for_the_same_unit():
    run = play(pumps(3, 2, "kind = 'cold', switch_h = 15.0"), 200.0, budgets(0.5, 0.52))
    assert [e for e in changes(run) if e[1] == "start"] == [
        (60.0, "start", "pump.m.1"),
        (65.0, "start", "pump.m.3"),
    ]
    assert [unit.processes[0].p for unit in run.reserves[0].waiting] == [1]


def test_a_switching_that_is_not_covered_leaves_the_place_empty_until_the_failed_unit_is_repaired():
    facility = pumps(standby="kind = 'cold', coverage = 0.8")
    run = play(facility, 200.0, {"pump.m.1": [0.5, 0.5, NEVER]}, {"cover pump": [0.9, 0.7]})
    starts = [e for e in changes(run) if e[1] == "start"]
    assert starts == [(60.0, "start", "pump.m.1"), (110.0, "start", "pump.m.2")]
    assert delivered(run) == 190.0


def test_a_unit_that_does_not_start_is_repaired_and_the_next_one_is_called():
    facility = pumps(3, standby="kind = 'cold', start_failure = 0.2, switch_h = 1.0")
    run = play(facility, 200.0, budgets(0.5), {"call pump": [0.1, 0.9]})
    assert sorted(changes(run)) == [
        (50.0, "fail", "pump.m.1"),
        (51.0, "fail", "pump.m.2"),
        (52.0, "start", "pump.m.3"),
        (60.0, "fixed", "pump.m.1"),
        (61.0, "fixed", "pump.m.2"),
    ]
    assert run.tally().failures_by.tolist() == [1.0, 1.0, 0.0]
    assert run.tally().lost_h[:2].tolist() == [2.0, 0.0], "the failure that began it is the cause"


def test_a_start_that_fails_at_once_stops_the_beam_only_if_nobody_is_left():
    facility = pumps(3, standby="kind = 'cold', start_failure = 0.2")
    assert delivered(play(facility, 200.0, budgets(0.5), {"call pump": [0.1, 0.9]})) == 200.0
    assert delivered(play(facility, 200.0, budgets(0.5), {"call pump": [0.1, 0.1]})) == 190.0


def test_a_unit_that_fails_in_reserve_is_repaired_and_not_called():
    facility = pumps(3, standby="kind = 'hot'")
    run = play(facility, 200.0, budgets(0.55, 0.5))
    assert [e for e in changes(run) if e[1] == "start"] == [(55.0, "start", "pump.m.3")]
    assert delivered(run) == 200.0


def test_failures_in_service_and_in_reserve_stay_hidden_until_the_proof_test():
    facility = pumps(3, standby="kind = 'hot', switch_h = 2.0", proof_test_h=50.0)
    run = play(facility, 500.0, budgets(0.49, 0.3))
    assert changes(run) == [
        (30.0, "fail", "pump.m.2"),
        (49.0, "fail", "pump.m.1"),
        (50.0, "noticed", "pump.m.2"),
        (50.0, "noticed", "pump.m.1"),
        (52.0, "start", "pump.m.3"),
        (60.0, "fixed", "pump.m.2"),
        (60.0, "fixed", "pump.m.1"),
    ]


def two_modes(units: int, in_service: int, standby: str, test_h: float):
    """Pumps with a mode ``m`` that stays hidden until a proof test and a mode ``shown``; one of them is enough."""
    mode = '[[subsystem.mode]]\nname = "shown"\neffect = "unit"\nmtbf_h = 100.0\nages = "always"\n'
    reserve = f"standby = {{ in_service = {in_service}, {standby} }}"
    hidden = subsystem("pump", units, reserve, effect='"unit"', proof_test_h=test_h, repair=FIXED)
    return toy(hidden + mode + f"repair = {FIXED}\n" + GATE.replace("effect", "needs = 1\neffect"))


def test_a_unit_that_has_failed_unnoticed_does_not_age_in_its_other_modes():
    run = play(
        two_modes(3, 2, "kind = 'cold'", 100.0), 300.0, {"pump.m.1": [0.3, NEVER], "pump.shown.1": [0.5]}
    )
    assert changes(run) == [
        (30.0, "fail", "pump.m.1"),
        (100.0, "noticed", "pump.m.1"),
        (100.0, "start", "pump.m.3"),
        (110.0, "fixed", "pump.m.1"),
    ]


def test_demand_finds_a_hidden_failure_before_its_proof_test():
    facility = two_modes(2, 1, "kind = 'hot', switch_h = 2.0", 1000.0)
    run = play(facility, 500.0, {"pump.m.2": [0.3, NEVER], "pump.shown.1": [0.5, NEVER]})
    assert sorted(changes(run)) == [
        (30.0, "fail", "pump.m.2"),
        (50.0, "fail", "pump.shown.1"),
        (52.0, "noticed", "pump.m.2"),
        (60.0, "fixed", "pump.shown.1"),
        (60.0, "start", "pump.m.1"),
        (62.0, "fixed", "pump.m.2"),
    ]
    assert delivered(run) == 490.0


def test_a_hidden_failure_in_service_empties_its_place_before_anybody_switches():
    facility = pumps(standby="kind = 'cold'", proof_test_h=40.0)
    run = play(facility, 200.0, budgets(0.5))
    assert [e[:2] for e in changes(run)] == [
        (50.0, "fail"),
        (80.0, "noticed"),
        (80.0, "start"),
        (90.0, "fixed"),
    ]
    assert delivered(run) == 170.0


def test_a_start_of_the_beam_is_no_demand_on_a_unit_that_waits():
    run = play(pumps(3, 2, at_start=0.2), 100.0, {}, {f"start pump.m.{i + 1}": [0.9, 0.1] for i in range(3)})
    assert changes(run) == []
    dump = subsystem("dump", repair="{ law = 'fixed', mean_h = 7.0 }")
    facility = pumps(3, 2, gate=GATE + dump, at_start=0.2)
    run = play(facility, 100.0, {"dump.m": [0.5, NEVER]}, {f"start pump.m.{i}": [0.9, 0.1] for i in (1, 3)})
    assert changes(run)[-4:-1] == [
        (57.0, "fixed", "dump.m"),
        (57.0, "fail", "pump.m.1"),
        (57.0, "start", "pump.m.3"),
    ]


def test_places_in_service_are_never_overfilled_and_no_unit_is_lost():
    facility = pumps(
        5,
        2,
        "kind = 'warm', dormancy = 0.4, coverage = 0.7, start_failure = 0.3, switch_h = 1.5",
        repair="{ law = 'fixed', mean_h = 40.0 }",
    )
    lives = {f"pump.m.{i + 1}": [0.1 + 0.07 * ((3 * i + 5 * n) % 11) for n in range(16)] for i in range(5)}
    coins = {
        "cover pump": [(7 * n % 10) / 10 for n in range(16)],
        "call pump": [(3 * n % 10) / 10 for n in range(16)],
    }
    run = play(facility, 1.0, lives, coins)
    reserve, up = run.reserves[0], set()
    for until_h in range(2, 400):
        run.proceed(float(until_h))
        places = [*reserve.working, *reserve.waiting]
        assert len(places) == len(set(places)) and len(reserve.working) + reserve.coming <= 2
        assert set(places) | {u for u in reserve.units if u.open} == set(reserve.units)
        assert run.logic.up[0] == len(reserve.working) and run.logic.gate_down[0] == (run.logic.up[0] < 2)
        up.add(run.logic.up[0])
    assert up == {0, 1, 2}, "the run met every state"


def test_a_gate_over_a_reserve_cannot_ask_for_more_than_works_at_once_nor_for_one_unit():
    with pytest.raises(UserError, match="needs = 2 of 1 inputs"):
        pumps(gate=GATE.replace("effect", "needs = 2\neffect"))
    with pytest.raises(UserError, match=r"unknown subsystem, unit or gate 'pump\.2'"):
        pumps(gate=GATE.replace('"pump"', '"pump.2"'))


def test_room_for_draws_counts_the_switchings_of_all_units_together():
    many = pumps(9, 8, "kind = 'cold', coverage = 0.9")
    assert enough(many, 10_000.0)[0].min() > enough(toy(subsystem("pump")), 10_000.0)[0].max()

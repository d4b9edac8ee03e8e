"""Recovery event by event: steps in order, queues, interruptions, shifts, access, spares; what is refused."""

import itertools

import cases_recovery
import numpy as np
import pytest
from cases_recovery import crew, exponential, fixed, spare
from closed_form import ALWAYS_USERS, subsystem, toy

from twin import reference
from twin.draws import draw
from twin.errors import UserError
from twin.nominal import nominal
from twin.plant import build
from twin.reference.crews import CrewState
from twin.scenario import ahead, calendar
from twin.windows import window

NEVER_H = 1e6
STEPS = ("fail", "diagnosed", "spare", "access", "repair", "fixed")


def blocks_of(user_h: float, maintenance_h: float) -> str:
    """Blocks of so many hours of users, then of maintenance."""
    pairs = ("user", user_h), ("maintenance", maintenance_h)
    return "".join(f'[[schedule.block]]\nphase = "{phase}"\nhours = {hours}\n' for phase, hours in pairs)


DAILY = blocks_of(20.0, 4.0)


def play(facility, fails: dict[str, list[float]], until_h: float = 400.0) -> reference.Run:
    """Run a facility whose units fail after these hours of life, all repairs as their fixed law says."""
    plant, law = build(facility), nominal(facility)
    draws = draw(facility, 1, 8, 4, 0).run(0)
    budget = np.full_like(draws.budget, NEVER_H)
    for p, name in enumerate(facility.process_names):
        lives = fails.get(name.split(".")[0], [])
        budget[p, : len(lives)] = np.array(lives) / facility.processes[p].mode.mtbf_h
    run = reference.start(plant, draws._replace(budget=budget), calendar(facility, until_h))
    run.advance(law, [k.value for k in facility.knob], [], until_h)
    return run


def story(run: reference.Run, *names: str, kinds=(*STEPS, "paused", "resumed")) -> list[tuple]:
    """(hour, what, subsystem) of the trace."""
    known = [name.split(".")[0] for name in run.plant.facility.process_names]
    told = [(round(float(e.at_h), 6), e.kind, known[e.subject]) for e in run.trace if e.kind in kinds]
    return [event for event in told if not names or event[2] in names]


def when(run: reference.Run, kind: str, name: str) -> list[float]:
    return [at_h for at_h, _, _ in story(run, name, kinds=(kind,))]


def unit(name: str, **mode) -> str:
    """A subsystem with one unit of fixed repair; ``takes`` hours of a crew."""
    takes = mode.pop("takes", 1.0)
    return subsystem(name, **({"repair": fixed(takes), "crew": "'crew'"} | mode))


def test_recovery_goes_step_by_step_and_the_trace_tells_each():
    text = crew() + spare(0, "lead_h = 5.0") + "[access]\ncooldown_h = 3.0\nfrom_h = 9.0\nto_h = 17.0\n"
    text += unit("s", diagnosis_h=2.0, spare="'part'", access="'stop'", conditioning_h=1.5, takes=4.0)
    run = play(toy(text), {"s": [20.0]})
    assert story(run) == [
        (20.0, "fail", "s"),
        (22.0, "diagnosed", "s"),
        (27.0, "spare", "s"),
        (33.0, "access", "s"),  # 9 o'clock; it has long cooled down
        (33.0, "repair", "s"),
        (38.5, "fixed", "s"),
    ]
    assert {e.life for e in run.trace if e.kind in STEPS} == {0}


def test_a_step_that_the_mode_does_not_ask_for_is_not_told_and_takes_no_time():
    run = play(toy(unit("s", crew=None, takes=4.0)), {"s": [20.0]})
    assert story(run) == [(20.0, "fail", "s"), (24.0, "fixed", "s")]
    run = play(toy(unit("s", crew=None, takes=4.0, conditioning_h=1.0)), {"s": [20.0]})
    assert story(run) == [(20.0, "fail", "s"), (20.0, "repair", "s"), (25.0, "fixed", "s")]


# --- queues


def test_who_calls_first_is_served_first_and_who_is_mended_is_back_before_the_hand_turns_to_the_next():
    text = crew() + unit("a", takes=10.0) + unit("b") + unit("c")
    run = play(toy(text), {"a": [1.0], "b": [3.0], "c": [2.0]})
    assert story(run, kinds=("repair", "fixed")) == [
        (1.0, "repair", "a"), (11.0, "fixed", "a"), (11.0, "repair", "c"), (12.0, "fixed", "c"),
        (12.0, "repair", "b"), (13.0, "fixed", "b"),
    ]  # fmt: skip


def test_a_higher_priority_goes_before_who_has_waited_longer_but_does_not_interrupt():
    text = crew() + unit("a", takes=10.0) + unit("b") + unit("c", priority=2) + unit("d", priority=1)
    run = play(toy(text), {"a": [1.0], "b": [2.0], "c": [4.0], "d": [3.0]})
    assert [name for _, _, name in story(run, kinds=("repair",))] == ["a", "c", "d", "b"]
    assert when(run, "repair", "c") == [11.0]


def test_a_preemptive_crew_drops_its_least_urgent_work_and_keeps_the_hours_done():
    text = crew(size=2, more="preemptive = true")
    text += (
        unit("low", takes=10.0) + unit("mid", takes=10.0, priority=1) + unit("high", takes=4.0, priority=2)
    )
    run = play(toy(text), {"low": [1.0], "mid": [2.0], "high": [6.0]})
    assert story(run, "low", kinds=("repair", "paused", "resumed", "fixed")) == [
        (1.0, "repair", "low"), (6.0, "paused", "low"), (10.0, "resumed", "low"), (15.0, "fixed", "low"),
    ]  # fmt: skip
    assert when(run, "fixed", "mid") == [12.0]
    assert when(run, "fixed", "high") == [10.0]


def test_equal_priority_never_interrupts_and_dropped_work_keeps_its_place_in_the_queue():
    text = crew(more="preemptive = true") + unit("a", takes=5.0) + unit("b") + unit("urgent", priority=1)
    run = play(toy(text), {"a": [1.0], "b": [2.0], "urgent": [3.0]})
    assert story(run, kinds=("repair", "resumed")) == [
        (1.0, "repair", "a"), (3.0, "repair", "urgent"), (4.0, "resumed", "a"), (7.0, "repair", "b"),
    ]  # fmt: skip


def test_dropped_work_goes_on_at_once_with_another_crew_that_has_the_skill():
    text = crew("one", more='skills = ["rf", "vacuum"]\npreemptive = true') + crew(
        "two", more='skills = ["rf"]'
    )
    text += unit("other", crew="'rf'", takes=2.0) + unit("low", crew="'rf'", takes=9.0)
    text += unit("urgent", crew="'vacuum'", priority=1, takes=6.0)
    run = play(toy(text), {"low": [1.0], "other": [1.5], "urgent": [2.0]})
    assert when(run, "paused", "low") == [2.0]
    assert when(run, "resumed", "low") == [3.5], "when the second crew is free, not the first"
    assert when(run, "fixed", "low") == [11.5]


def test_only_a_hand_with_the_skill_takes_the_work():
    text = crew("one", more='skills = ["rf"]') + crew("two", more='skills = ["rf", "vacuum"]')
    text += unit("v", crew="'vacuum'", takes=5.0) + unit("w", crew="'vacuum'") + unit("r", crew="'rf'")
    run = play(toy(text), {"v": [1.0], "w": [2.0], "r": [3.0]})
    assert when(run, "repair", "w") == [6.0]
    assert when(run, "repair", "r") == [3.0]


# --- shifts

DAY = "shift = { from_h = 8.0, to_h = 16.0, days = 5 }"
NIGHT = "shift = { from_h = 22.0, to_h = 6.0, days = 7 }"


def test_work_waits_for_the_shift_and_work_begun_goes_on_past_its_end():
    text = crew(more=DAY) + unit("a", takes=4.0) + unit("b")
    run = play(toy(text), {"a": [14.0], "b": [15.0]})
    assert when(run, "fixed", "a") == [18.0]
    assert when(run, "repair", "b") == [32.0], "Tuesday at 8"


def test_nobody_comes_on_the_weekend():
    run = play(toy(crew(more=DAY) + unit("s")), {"s": [4 * 24 + 17.0]})
    assert when(run, "repair", "s") == [7 * 24 + 8.0]


def test_a_night_shift_goes_on_past_midnight():
    text = crew(more=NIGHT) + unit("a") + unit("b") + unit("c")
    run = play(toy(text), {"a": [5.0], "b": [30.0 - 0.5], "c": [31.0]})
    assert [when(run, "repair", name) for name in "abc"] == [[5.0], [29.5], [46.0]]


def test_a_crew_called_out_arrives_later_stays_for_who_waits_and_then_goes_home():
    text = crew(more=DAY + "\ncall_out_h = 2.0") + unit("a", takes=3.0) + unit("b") + unit("c")
    run = play(toy(text), {"a": [20.0], "b": [21.0], "c": [28.0]})
    assert when(run, "repair", "a") == [22.0]
    assert when(run, "repair", "b") == [25.0], "the crew is there"
    assert when(run, "repair", "c") == [30.0], "it had gone home"


def test_nobody_is_called_out_who_would_come_after_the_shift_begins():
    run = play(toy(crew(more=DAY + "\ncall_out_h = 2.0") + unit("s")), {"s": [7.0]})
    assert when(run, "repair", "s") == [8.0]


def test_a_crew_that_can_be_called_out_does_not_leave_at_the_end_of_its_shift_while_work_waits():
    text = crew(more=DAY + "\ncall_out_h = 2.0") + unit("a", takes=4.0) + unit("b")
    run = play(toy(text), {"a": [14.0], "b": [15.0]})
    assert when(run, "repair", "b") == [18.0]


def test_when_one_crew_leaves_at_the_end_of_its_shift_another_is_called_out():
    skill = 'skills = ["rf"]\n'
    text = crew("day", more=skill + DAY)
    text += crew("oncall", more=skill + "call_out_h = 1.0\nshift = { from_h = 1.0, to_h = 2.0, days = 1 }")
    text += unit("a", crew="'rf'", takes=5.0) + unit("b", crew="'rf'")
    run = play(toy(text), {"a": [14.0], "b": [15.0]})
    assert when(run, "repair", "b") == [17.0]


# --- access

OPEN = "[access]\ncooldown_h = 2.0\n"


def lost_for(run: reference.Run) -> list[float]:
    return [round(float(hours), 6) for hours in run.tally().lost_h]


def test_a_stop_keeps_the_beam_off_from_the_request_to_the_end_of_the_repair_and_the_hours_are_its():
    text = OPEN + cases_recovery.PAIR + subsystem(
        "s", 2, effect="'unit'", access="'stop'", diagnosis_h=1.0, conditioning_h=5.0, repair=fixed(3.0)
    )  # fmt: skip
    run = play(toy(text, restart_h=0.5), {"s": [20.0]})
    beam = [(float(e.at_h), e.kind) for e in run.trace if e.kind in ("stored", "lost")]
    assert beam == [(0.5, "stored"), (11.0, "lost"), (16.5, "stored")], "10 h, for two units share the hazard"
    assert when(run, "access", "s") == [13.0]
    assert when(run, "fixed", "s") == [21.0]
    assert lost_for(run) == [5.5, 0.5]
    assert run.tally().failures == 1


def test_a_restart_that_was_cut_short_makes_the_cool_down_begin_anew():
    text = OPEN + unit("a", crew=None, effect="'dump'") + unit("b", crew=None, access="'stop'")
    run = play(toy(text, restart_h=2.0), {"a": [10.0], "b": [12.0]})
    assert when(run, "access", "b") == [14.0], "12 + 2, for it restarted at 11"


def test_two_in_the_tunnel_hold_the_beam_off_until_both_are_out():
    text = (
        OPEN
        + unit("a", crew=None, access="'stop'", takes=1.0)
        + unit("b", crew=None, access="'stop'", takes=9.0)
    )
    run = play(toy(text), {"a": [10.0], "b": [10.5]})
    assert [float(e.at_h) for e in run.trace if e.kind == "stored"] == [0.0, 21.0]
    assert lost_for(run) == [11.0, 0.0, 0.0], "as long as the machine is down, who took it down is the cause"


def deferring(*names: str, takes: float = 1.0, more: str = OPEN) -> str:
    """Units that a distortion shows, each with its deferred repair by the only crew."""
    return more + crew() + "".join(
        unit(name, effect="'unit'", access="'defer'", takes=takes)
        + f'[[gate]]\nname = "g{name}"\nof = ["{name}"]\neffect = "distort"\n'
        for name in names
    )  # fmt: skip


def test_deferred_work_begins_in_maintenance_after_the_cool_down():
    run = play(toy(deferring("s"), blocks=DAILY), {"s": [5.0]})
    assert story(run)[1:3] == [(22.0, "access", "s"), (22.0, "repair", "s")]


def test_deferred_work_that_finds_no_hand_in_time_waits_for_the_next_maintenance_in_its_order():
    run = play(toy(deferring("a", "b", "c", takes=1.5), blocks=DAILY), {"a": [5.0], "b": [6.0], "c": [7.0]})
    assert [when(run, "repair", name) for name in "abc"] == [[22.0], [23.5], [46.0]]


def test_deferred_work_that_lasts_beyond_the_block_holds_the_beam_off_and_the_hours_are_its():
    run = play(toy(deferring("s", takes=5.0), blocks=DAILY), {"s": [19.0]}, until_h=40.0)
    assert [float(e.at_h) for e in run.trace if e.kind == "stored"] == [0.0, 27.0]
    assert lost_for(run) == [1.0 + 3.0, 0.0]


def test_the_tunnel_closes_for_deferred_work_at_the_end_of_its_hours():
    more = "[access]\nfrom_h = 8.0\nto_h = 10.0\n"
    run = play(
        toy(deferring("a", "b", takes=3.0, more=more), blocks=blocks_of(24.0, 48.0)), {"a": [1.0], "b": [2.0]}
    )
    assert [when(run, "repair", name) for name in "ab"] == [[32.0], [56.0]]


def test_a_crew_that_arrives_after_its_work_was_taken_back_goes_home_again():
    text = deferring("s").replace(crew(), crew(more=DAY + "\ncall_out_h = 3.0")) + unit("late")
    run = play(toy(text, blocks=DAILY), {"s": [5.0], "late": [26.0]}, until_h=31.0)
    assert when(run, "repair", "s") == [], "called at 22, there at 25, but the tunnel closes at 24"
    assert when(run, "repair", "late") == [29.0], "called anew"


def test_a_run_may_begin_in_maintenance():
    blocks = '[[schedule.block]]\nphase = "maintenance"\nhours = 8.0\n' + ALWAYS_USERS
    run = play(toy(deferring("s"), blocks=blocks), {"s": [5.0]})
    assert when(run, "repair", "s") == [5.0]


# --- spares


def test_parts_go_to_the_highest_priority_and_then_to_who_asked_first():
    names = {"a": 0, "b": 0, "c": 0, "d": 1}
    text = spare(1, "lead_h = 10.0") + "".join(
        unit(n, crew=None, spare="'part'", priority=p) for n, p in names.items()
    )
    run = play(toy(text), {"a": [1.0], "b": [2.0], "c": [3.0], "d": [4.0]})
    assert {n: when(run, "spare", n)[0] for n in names} == {"a": 1.0, "d": 11.0, "b": 12.0, "c": 13.0}


def test_a_part_comes_back_from_the_shop_after_the_time_that_its_coin_draws():
    text = spare(1, f"shop = {exponential(10.0)}") + "".join(unit(n, crew=None, spare="'part'") for n in "ab")
    facility = toy(text)
    run = play(facility, {"a": [1.0], "b": [1.5]})
    coin = run.draws.coin[[facility.bernoulli_streams.index(f"shop {n}.m") for n in "ab"], 0]
    back = np.array([1.0, 1.5]) - 10.0 * np.log(1.0 - coin)
    np.testing.assert_allclose(when(run, "spare", "b"), min(back), rtol=1e-6)


# --- what always holds

WORK = (
    crew("one", 1, 'skills = ["rf"]\n' + DAY)
    + crew("two", 2, 'skills = ["rf", "vacuum"]\npreemptive = true\ncall_out_h = 3.0\n' + DAY)
    + spare(2, f"shop = {exponential(30.0)}")
    + "[access]\ncooldown_h = 1.0\nfrom_h = 7.0\nto_h = 20.0\n"
    + subsystem("a", 4, mtbf_h=60.0, crew="'rf'", repair=exponential(8.0), spare="'part'")
    + subsystem("b", 4, mtbf_h=60.0, crew="'vacuum'", repair=exponential(4.0), priority=1, diagnosis_h=0.5)
    + subsystem("c", 4, mtbf_h=80.0, crew="'vacuum'", repair=exponential(4.0), access="'stop'", priority=2)
    + subsystem("d", 4, effect="'unit'", mtbf_h=80.0, crew="'rf'", repair=exponential(4.0), access="'defer'")
    + '[[gate]]\nname = "g"\nof = ["d"]\nneeds = 1\neffect = "dump"\n'
)


def work(seed: int) -> reference.Run:
    facility = toy(WORK, restart_h=0.2, blocks=blocks_of(40.0, 8.0))
    plant, scene = build(facility), ahead(facility, 1500.0, 1500.0)
    run = reference.start(plant, draw(facility, 1, 256, 4, seed).run(0), scene.calendar)
    run.advance(nominal(facility), scene.settings[0], scene.conditions[0], 1500.0)
    assert not run.exhausted
    return run


@pytest.fixture(scope="module", params=[1, 2, 3])
def worked(request) -> reference.Run:
    return work(request.param)


def test_no_time_goes_backwards_and_every_life_goes_through_its_steps_in_order(worked):
    times = [event.at_h for event in worked.trace]
    assert times == sorted(times)
    lives = {}
    for event in worked.trace:
        if event.kind in STEPS:
            lives.setdefault((event.subject, event.life), []).append(STEPS.index(event.kind))
    assert len(lives) > 200
    assert all(steps == sorted(set(steps)) for steps in lives.values())


def spells(run: reference.Run) -> list[tuple[float, float, int, int]]:
    """(from, to, process, life) of all work that has been finished; to the end of time for the rest."""
    begun, done = {}, []
    for e in run.trace:
        at = e.subject, e.life
        if e.kind in ("repair", "resumed"):
            assert at not in begun
            begun[at] = e.at_h
        elif e.kind in ("paused", "fixed"):
            done.append((begun.pop(at), e.at_h, *at))
    return done + [(since, np.inf, *at) for at, since in begun.items()]


def test_what_is_worked_on_a_repair_in_all_is_what_it_takes(worked):
    hours, finished = {}, {(e.subject, e.life) for e in worked.trace if e.kind == "fixed"}
    for begin, end, p, life in spells(worked):
        hours[p, life] = hours.get((p, life), 0.0) + end - begin
    assert any(e.kind == "paused" for e in worked.trace), "the scenario must interrupt"
    for at in finished:
        assert hours[at] == pytest.approx(worked.repair_h[at], abs=1e-9)


def test_no_more_hands_work_than_there_are_and_none_without_the_skill(worked):
    spells_ = spells(worked)
    for begin, *_ in spells_:
        busy = [p for since, until, p, _ in spells_ if since <= begin < until]
        assert len(busy) <= 3
        assert sum(p in (1, 2) for p in busy) <= 2, "vacuum is known to the crew of two alone"


def test_nobody_begins_to_work_off_shift_who_was_not_called_out(monkeypatch):
    taken, take = [], CrewState.take

    def seen(team, job, now_h):
        taken.append((team.crew.name, window(now_h, 8.0, 16.0, 5)[0] <= now_h))
        take(team, job, now_h)

    monkeypatch.setattr(CrewState, "take", seen)
    work(4)
    assert {("one", True), ("two", True), ("two", False)} == set(taken)


def test_parts_are_neither_made_nor_lost(worked):
    """Those who still wait are all who asked less all who got one; nobody waits while a part lies there."""
    shelf = worked.spare_stores["part"]
    demands, taken = (
        sum(e.kind == kind and e.subject == 0 for e in worked.trace) for kind in ("fail", "spare")
    )
    assert demands - taken == len(shelf.waiting)
    assert shelf.on_hand * len(shelf.waiting) == 0
    while worked.env.peek() < 1e5 and worked.env.now < 3000.0:
        worked.env.step()
        assert 0 <= shelf.on_hand <= 2
        assert not (shelf.on_hand and shelf.waiting)


def test_nobody_is_in_the_tunnel_with_beam(worked):
    inside = [(b, e) for b, e, p, _ in spells(worked) if p in (2, 3)]
    stored, spans = None, []
    for event in worked.trace:
        if event.kind == "stored":
            stored = event.at_h
        elif event.kind == "lost":
            spans.append((stored, event.at_h))
    assert len(inside) > 20
    assert len(spans) > 20
    assert not any(b < off and on < e for (b, e), (on, off) in itertools.product(inside, spans))


@pytest.mark.parametrize("plenty", [crew(size=1000), crew(size=1000) + spare(1000, "lead_h = 1.0")])
def test_plenty_of_hands_and_parts_is_as_good_as_none_needed(plenty):
    more = {"spare": "'part'"} if "part" in plenty else {}
    with_ = play(toy(plenty + unit("a", **more) + unit("b", **more)), {"a": [1.0, 3.0], "b": [1.5, 9.0]})
    without = play(toy(unit("a", crew=None) + unit("b", crew=None)), {"a": [1.0, 3.0], "b": [1.5, 9.0]})
    plain = ("fail", "fixed", "lost", "stored")
    assert [e for e in with_.trace if e.kind in plain] == [e for e in without.trace if e.kind in plain]


# --- what is refused

REFUSED = {
    "an unknown skill": (crew(more='skills = ["rf"]') + unit("s"), {}, "crew = 'crew'"),
    "an unknown spare": (unit("s", crew=None, spare="'tube'"), {}, "spare = 'tube'"),
    "a spare that is never replaced": (spare(1, ""), {}, "lead_h"),
    "a spare that is both ordered and mended": (spare(1, f"lead_h = 1.0\nshop = {fixed(1.0)}"), {}, "either"),
    "a shop without stock": (spare(0, f"shop = {fixed(1.0)}"), {}, "stock = 0 with shop"),
    "a negative stock": (spare(-1, "lead_h = 1.0"), {}, "stock"),
    "a call-out without a shift": (crew(more="call_out_h = 1.0"), {}, "needs a shift"),
    "a shift of no length": (crew(more="shift = { from_h = 8.0, to_h = 8.0 }"), {}, "from_h = to_h = 8"),
    "a tunnel that is never open": ("[access]\nfrom_h = 8.0\nto_h = 8.0\n", {}, "from_h = to_h = 8"),
    "deferring without maintenance": (deferring("s"), {}, "phase = 'maintenance'"),
    "maintenance that is over before it has cooled down": (
        deferring("s"), {"blocks": blocks_of(166.0, 2.0)}, "allows entry",
    ),
    "maintenance out of the hours of access": (
        deferring("s", more="[access]\nfrom_h = 8.0\nto_h = 16.0\n"), {"blocks": DAILY}, "allows entry",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_contradiction_is_refused_with_its_table_and_key(what):
    text, schedule, words = REFUSED[what]
    if "subsystem" not in text:
        text += unit("s", crew=None)
    with pytest.raises(UserError, match=words):
        toy(text, **schedule)

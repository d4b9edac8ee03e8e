"""The batched engine equals the reference event for event, on random plants with every feature on or off."""

from functools import cache
from itertools import count

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_plants import FEATURES, HORIZON_H, VISITS, B, Case, P, RandomLaw, random_case

import twin
from twin import UserError, batched, draws, reference
from twin.batched import turns
from twin.outcome import Tally
from twin.reference.beam import RESTARTING, Beam
from twin.reference.clocks import Alarm
from twin.reference.crews import Crews
from twin.reference.failures import FailureProcess
from twin.supported import lacking

PLANTS, TRACED, SEEDED, STEPS, CLOSE = 300, 60, 30, 512, 1e-9
FACILITY = twin.load("storage-ring")
KINDS = (
    "ages with beam",
    "phases",
    "minimal repair",
    "tree",
    "levels",
    "like units",
    "crews",
    "diagnosis",
    "conditioning",
)
PROFILES = (
    {"ring", *KINDS},
    {*KINDS},
    {"ring", "ages with beam"},
    set(),
    {"ring", "ages with beam", "phases", "minimal repair", "crews"},
    {"like units", "crews", "tree"},
)
"""What a compiled program takes for granted of its plant; all else differs from case to case."""
OTHERS = sorted(set(FEATURES) - {"ring", *KINDS})


def mixed(number: int) -> Case:
    """The case of a number: its profile, and each other feature by a toss."""
    toss = np.random.default_rng([7, number])
    on = {feature for feature in OTHERS if toss.random() < 0.5}
    return case(frozenset(PROFILES[number % len(PROFILES)] | on), number)


@cache
def case(features: frozenset[str], number: int) -> Case:
    return random_case(features, number)


def referenced(c: Case) -> reference.Run:
    run = reference.start(c.plant, c.draws.run(0), c.scenario.calendar)
    for e, until_h in enumerate(c.scenario.edges_h[1:]):
        run.advance(c.law, c.scenario.settings[e], c.scenario.conditions[e], float(until_h))
    return run


def batch_tally(c: Case) -> Tally:
    return Tally(*(f[0] for f in batched.simulate(c.plant, c.law, c.draws, c.scenario)))


def tally_differences(told: Tally, seen: Tally) -> list[str]:
    return [
        f"{name}: {a} in the reference, {b} in the batch"
        for name, a, b in zip(Tally._fields, told, seen, strict=True)
        if not np.allclose(np.asarray(a, float), np.asarray(b, float), rtol=CLOSE, atol=CLOSE)
    ]


def differing(numbers) -> dict[int, list[str]]:
    """The numbers of the cases on which the engines' tallies differ, and how."""
    found = {n: tally_differences(referenced(mixed(n)).tally(), batch_tally(mixed(n))) for n in numbers}
    return {n: words for n, words in found.items() if words}


@settings(max_examples=PLANTS, deadline=None, derandomize=True, database=None,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(st.sampled_from(PROFILES), st.sets(st.sampled_from(OTHERS)), st.integers(0, 10**9))
def test_hundreds_of_random_plants_end_with_the_same_tally(profile, others, number):
    c = case(frozenset(profile | others), number)
    assert not lacking(c.plant.facility)
    assert not tally_differences(referenced(c).tally(), batch_tally(c))


SOURCES = {"fail": 0, "fixed": 0, "stored": P, "target": P, "low": P, "warm": P + 1, "empty": P + 1 + B,
           "arrive": P + 1 + 2 * B}  # fmt: skip


def hours_by_source(events) -> dict[int, list[float]]:
    rows: dict[int, list[float]] = {source: [] for source in range(P + 1 + 3 * B)}
    for at_h, source in events:
        if source in rows:
            rows[source].append(at_h)
    return rows


def trace_differences(run: reference.Run, events) -> list[str]:
    told = hours_by_source((e.at_h, SOURCES[e.kind] + e.subject) for e in run.trace if e.kind in SOURCES)
    seen = hours_by_source(events)
    found = []
    for source in told:
        a, b = told[source], seen[source]
        if len(a) != len(b):
            found.append(f"source {source}: {len(a)} events in the reference, {len(b)} in the batch")
        elif a and np.max(np.abs(np.subtract(a, b))) > CLOSE:
            found.append(f"source {source}: {np.max(np.abs(np.subtract(a, b))):.2g} h apart")
    return found


def test_dozens_of_random_plants_tell_the_same_story_event_for_event(record_property):
    events = 0
    for n in (number for number in range(2 * TRACED) if number % len(PROFILES) < 3):
        c, run = mixed(n), referenced(mixed(n))
        tally, told = batched.trace(c.plant, c.law, c.draws.run(0), c.scenario, STEPS)
        events += len(told)
        assert not trace_differences(run, told), n
        assert not tally_differences(run.tally(), tally), n
    record_property("events compared", events)
    assert events > 50 * TRACED


def test_the_random_plants_exercise_every_feature():
    cases = [mixed(n) for n in range(160)]
    runs = [referenced(c) for c in cases]
    tallies = [run.tally() for run in runs]
    features = {
        "rings": sum(bool(c.plant.ring) for c in cases),
        "linacs": sum(not c.plant.ring for c in cases),
        "restart at once": sum(c.plant.restart_h == 0 for c in cases),
        "no warm-up": sum(bool(np.any(c.plant.warmup_h == 0)) for c in cases),
        "several like units down at once": sum(max(run.accounting.down) > 1 for run in runs),
        "a tree that stops the beam": sum(any(run.logic.gate_down) for run in runs),
        "a level below 1": sum(t.level_h < t.delivered_h - 1e-6 for t in tallies),
        "an outage": sum(t.failures > 0 for t in tallies),
        "merged outages": sum(t.short_h > 0 for t in tallies),
        "low current": sum(t.outages[1] > 0 for t in tallies),
        "distorted beam": sum(t.outages[2] > 0 for t in tallies),
        "a spoilt sample": sum(t.spoilt.sum() > 0 for t in tallies),
        "a finished experiment": sum(t.experiments.sum() > 0 for t in tallies),
        "user time lost without a failure": sum(t.lost_h[-1] > 0 for t in tallies),
        "draws used up": sum(bool(t.exhausted) for t in tallies),
    }
    assert min(features.values()) >= 3, features
    assert sum(not t.exhausted for t in tallies) > 0.7 * len(cases), features


def test_what_the_batched_engine_lacks_it_refuses_in_words():
    text = (twin.facility.BUILT_IN / "storage-ring.toml").read_text()
    special = twin.facility.parse(
        text.replace('name = "klystron"\neffect', 'name = "klystron"\nat_start = 0.1\neffect')
    )
    plant = twin.plant.build(special)
    some = draws.draw(special, 1, 4, 4, 0)
    with pytest.raises(
        UserError, match=r"the batched engine lacks mode 'rf.klystron': at_start; take the reference"
    ):
        batched.world(plant, some, twin.scenario.ahead(special, 24.0).calendar)


# Bugs sown on purpose: the check above must see each of them.


def sow_lifo(patch):
    honest = Crews.__init__

    def youngest_first(crews, run):
        honest(crews, run)
        crews.order = count(0, -1)

    patch.setattr(Crews, "__init__", youngest_first)


def sow_wrong_repair_draw(patch):
    honest = reference.Run.__init__

    def shifted(run, built, chance, calendar, *others, **named):
        wrong = chance._replace(repair_z=np.roll(chance.repair_z, -1, axis=-1))
        honest(run, built, wrong, calendar, *others, **named)

    patch.setattr(reference.Run, "__init__", shifted)


def sow_clock_slip_in_restart(patch):
    honest = Alarm.set

    def late(alarm, at_h):
        beam = getattr(alarm.action, "__self__", None)
        honest(alarm, at_h + 1e-6 * (isinstance(beam, Beam) and beam.mode == RESTARTING))

    patch.setattr(Alarm, "set", late)


def sow_missed_rate_change(patch):
    honest = FailureProcess.follow

    def deaf(life, hazard):
        honest(life, hazard if life.run.env.now == 0 else life.hazard)

    patch.setattr(FailureProcess, "follow", deaf)


BUGS = [sow_lifo, sow_wrong_repair_draw, sow_clock_slip_in_restart, sow_missed_rate_change]


@pytest.mark.parametrize("sow", BUGS, ids=lambda sow: sow.__name__)
def test_a_bug_sown_in_one_engine_is_caught(sow, monkeypatch):
    sow(monkeypatch)
    assert differing(range(SEEDED)), f"{sow.__name__} went unnoticed on {SEEDED} plants"


# Chance: used up, repeated, extended.


def test_both_engines_say_so_when_draws_are_used_up():
    calm = case(frozenset(), 0)
    calm = calm._replace(law=RandomLaw(np.zeros(P), *list(vars(calm.law).values())[1:]))
    chance = calm.draws._replace(arrive_h=calm.draws.arrive_h + np.array([0.0] + [HORIZON_H] * (VISITS - 1)))
    calm = calm._replace(draws=chance)
    short_lived = case(frozenset(), 0)._replace(draws=chance._replace(budget=chance.budget * 1e-3))
    crowded = calm._replace(draws=chance._replace(arrive_h=chance.arrive_h * 1e-2))
    for c, spent in ((calm, False), (short_lived, True), (crowded, True)):
        told, seen = referenced(c).tally(), batch_tally(c)
        assert bool(told.exhausted) == bool(seen.exhausted) == spent
        assert not tally_differences(told, seen)


def test_advancing_epoch_by_epoch_equals_the_whole_run_in_one_program():
    c = mixed(0)
    all_runs = batched.world(c.plant, c.draws, c.scenario.calendar)
    state = batched.start(all_runs)
    for e, until_h in enumerate(c.scenario.edges_h[1:]):
        state = batched.advance(
            all_runs, c.law, state, c.scenario.settings[e], c.scenario.conditions[e], until_h
        )
    assert not tally_differences(Tally(*(f[0] for f in batched.tally(all_runs, state))), batch_tally(c))


def equal(one, other) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_two_runs_of_one_seed_are_equal_and_another_seed_differs():
    assert equal(batch_tally(mixed(1)), batch_tally(mixed(1)))
    assert equal(referenced(mixed(1)).trace, referenced(mixed(1)).trace)
    one, same, other = (draws.draw(FACILITY, 2, 8, 8, seed) for seed in (7, 7, 8))
    assert equal(one, same)
    assert not np.any(one.budget == other.budget)


def test_more_runs_or_longer_lives_leave_the_earlier_draws_unchanged():
    few = draws.draw(FACILITY, 2, 8, 8, seed=3)
    many = draws.draw(FACILITY, 3, 16, 16, seed=3)
    assert equal(few, [field[:2, :, : early.shape[-1]] for field, early in zip(many, few, strict=True)])


def test_lives_drawn_for_each_process_apart_are_the_same_lives_and_a_run_that_needs_more_says_so():
    lives = np.where(np.arange(len(FACILITY.process_names)) % 2, 2, 8)
    whole, few = (draws.draw(FACILITY, 4, n, 8, seed=3) for n in (8, lives))
    for p, n in enumerate(lives):
        assert np.array_equal(few.budget[:, p, :n], whole.budget[:, p, :n])
        assert np.all(np.isinf(few.budget[:, p, n:]))
    plant, law = twin.plant.build(FACILITY), twin.nominal.nominal(FACILITY)
    scenario = twin.scenario.ahead(FACILITY, 3000.0)
    both = [engine.simulate(plant, law, few, scenario) for engine in (reference, batched)]
    assert both[0].exhausted.all() and both[1].exhausted.all()
    assert np.array_equal(both[0].failures_by, both[1].failures_by)
    assert np.all(both[0].failures_by[:, lives == 2] <= 2)


def test_another_process_leaves_the_draws_of_the_others_unchanged():
    fewer = FACILITY.model_copy(update={"subsystem": FACILITY.subsystem[1:]})
    gone = len(FACILITY.process_names) - len(fewer.process_names)
    whole, part = (draws.draw(f, 2, 8, 8, seed=3) for f in (FACILITY, fewer))
    assert np.array_equal(whole.budget[:, gone:], part.budget)
    assert np.array_equal(whole.demand, part.demand)


def test_a_batch_in_chunks_is_the_same_batch():
    facility = FACILITY
    plant, law, scenario = (
        twin.plant.build(facility),
        twin.nominal.nominal(facility),
        twin.scenario.ahead(facility, 168.0),
    )
    many = draws.draw(facility, 300, *draws.enough(facility, 168.0), seed=4)
    whole = batched.simulate(plant, law, many, scenario)
    last = jax.tree.map(lambda field: field[290:], many)
    assert equal([field[290:] for field in whole], batched.simulate(plant, law, last, scenario))


def test_a_bug_sown_in_the_batched_engine_is_caught(monkeypatch):
    """The last test here: it makes the batched engine compile anew."""
    honest = turns._drawn
    monkeypatch.setattr(turns, "_drawn", lambda world, process, ordinal: honest(world, process, ordinal + 2))
    batched._whole.clear_cache()
    try:
        assert differing([3, 11])
    finally:
        batched._whole.clear_cache()

"""The batched engine equals the reference event for event, on random plants, scenarios and draws."""

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import simpy

import twin
from twin import batched, batched_settle, draws, reference
from twin.draws import Draws
from twin.outcome import Tally
from twin.plant import BEAMLINE, DISTORT, DUMP, INJECTION, Plant, Point
from twin.scenario import Calendar, Scenario

PLANTS, TRACED, SEEDED, STEPS = 500, 60, 40, 128
P, C, B, K, W, S, E, LIVES, VISITS = 6, 2, 2, 3, 1, 8, 5, 24, 16
HORIZON_H, CLOSE = 72.0, 1e-9
WEIBULL = [0, 3]
FACILITY = twin.load("storage-ring")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RandomLaw:
    """Hazards exponential, quantities linear in settings and conditions; a quantity may turn negative."""

    hazard: Any  # [P]
    hazard_slope: Any  # [P, K + W]
    quantity: Any  # [1 + B]: lifetime, then a flux for each beamline
    quantity_slope: Any  # [1 + B, K + W]

    def __call__(self, settings, conditions):
        x = jnp.concatenate([settings / 300.0 - 1.0, conditions])
        hazard = self.hazard * jnp.exp(self.hazard_slope @ x)
        return Point(hazard, self.quantity * (1.0 + self.quantity_slope @ x))


class Case(NamedTuple):
    """One random plant with its law, its chance and its world outside."""

    plant: Plant
    law: RandomLaw
    draws: Draws
    scenario: Scenario


def random_plant(rng) -> Plant:
    ring = rng.random() < 0.6
    effect = rng.choice([DUMP, DUMP, INJECTION, DISTORT, BEAMLINE], P)
    if not ring:
        effect[effect == INJECTION] = DUMP
    busy = rng.random() < 0.3  # one pair of hands for everything, and long repairs: queues form
    shape = np.ones(P)
    shape[WEIBULL] = rng.choice([0.6, 0.9, 1.5, 2.5, 4.0], len(WEIBULL))

    def sometimes(share, value, otherwise):
        return np.array(otherwise if rng.random() < share else value, float)

    return Plant(
        shape=shape,
        with_beam=rng.random(P) < 0.5,
        effect=effect,
        line=np.where(effect == BEAMLINE, rng.integers(0, B, P), -1),
        crew=np.zeros(P, int) if busy else rng.choice([-1, 0, 1], P),
        repair_mu=np.log(rng.uniform(0.05, 6.0 if busy else 2.0, P)),
        repair_sigma=rng.uniform(0.1, 1.2, P),
        crew_size=np.ones(C, int) if busy else rng.integers(1, 4, C),
        ring=np.array(ring),
        restart_h=sometimes(0.2, rng.uniform(0.05, 1.0), 0.0),
        fill_per_h=np.array(rng.uniform(100.0, 5000.0)),
        low_share=sometimes(0.2, rng.uniform(0.2, 0.99), rng.choice([0.0, 1.0])),
        touschek_share=sometimes(0.2, rng.uniform(0.0, 0.9), 0.0),
        merge_h=sometimes(0.5, rng.uniform(0.1, 3.0), 0.0),
        current_knob=np.array(0 if ring else -1),
        lifetime=np.array(0 if ring else -1),
        flux=rng.integers(1, 1 + B, B),
        flux_ref=rng.uniform(0.5, 2.0, B),
        exchange_h=rng.uniform(0.01, 0.3, B),
        exposure_h=rng.uniform(0.02, 0.6, B),
        warmup_h=np.where(rng.random(B) < 0.3, 0.0, rng.uniform(0.1, 2.0, B)),
        warmup_tau_h=rng.uniform(0.1, 2.0, B),
        weight=np.ones(B),
    )


def random_law(rng, shape) -> RandomLaw:
    hazard = (1.0 / rng.uniform(4.0, 40.0, P)) ** shape
    return RandomLaw(
        hazard=np.where(rng.random(P) < 0.1, 0.0, hazard),
        hazard_slope=rng.normal(0.0, 0.8, (P, K + W)),
        quantity=np.concatenate([[rng.uniform(2.0, 40.0)], rng.uniform(0.5, 2.0, B)]),
        quantity_slope=rng.normal(0.0, 0.3, (1 + B, K + W)),
    )


def random_draws(rng) -> Draws:
    arrive = np.cumsum(rng.exponential(8.0, (1, B, VISITS)), axis=-1)
    brought = np.cumsum(rng.integers(1, 40, (1, B, VISITS)), axis=-1)
    return Draws(
        rng.exponential(1.0, (1, P, LIVES)),
        rng.normal(0.0, 1.0, (1, P, LIVES)),
        arrive - arrive[..., :1],
        np.concatenate([np.zeros((1, B, 1)), brought], axis=-1).astype(float),
    )


def random_scenario(rng) -> Scenario:
    """Calendars with blocks of any kind; half of them turn a page at the very edge of an epoch."""
    edges = np.concatenate([[0.0], np.sort(rng.uniform(1.0, HORIZON_H - 1.0, E - 1)), [HORIZON_H]])
    ends = np.sort(rng.uniform(1.0, 1.2 * HORIZON_H, S))
    if rng.random() < 0.5:
        ends[2] = edges[2]
        ends = np.sort(ends)
    ends[-1] = np.inf
    phase = rng.choice(["user", "user", "user", "study", "maintenance"], S)
    user = phase == "user"
    calendar = Calendar(ends, phase != "maintenance", user, user[:, None] & (rng.random((S, B)) < 0.7))
    settings = np.column_stack([rng.uniform(150.0, 500.0, E), rng.uniform(150.0, 450.0, (E, K - 1))])
    if rng.random() < 0.3:
        settings[:, 0] = settings[0, 0]
    return Scenario(calendar, edges, settings, rng.normal(0.0, 0.5, (E, W)))


@cache
def case(number: int) -> Case:
    rng = np.random.default_rng([2026, number])
    built = random_plant(rng)
    return Case(built, random_law(rng, built.shape), random_draws(rng), random_scenario(rng))


def referenced(c: Case) -> reference.Run:
    run = reference.start(c.plant, c.draws.run(0), c.scenario.calendar)
    for e, until_h in enumerate(c.scenario.edges_h[1:]):
        run.advance(c.law, c.scenario.settings[e], c.scenario.conditions[e], float(until_h))
    return run


def batch_tally(c: Case) -> Tally:
    return Tally(*(f[0] for f in batched.simulate(c.plant, c.law, c.draws, c.scenario)))


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


def tally_differences(told: Tally, seen: Tally) -> list[str]:
    return [
        f"{name}: {a} in the reference, {b} in the batch"
        for name, a, b in zip(Tally._fields, told, seen, strict=True)
        if not np.allclose(np.asarray(a, float), np.asarray(b, float), rtol=CLOSE, atol=CLOSE)
    ]


def differing(numbers) -> dict[int, list[str]]:
    """The numbers of the random plants on which the engines' tallies differ, and how."""
    found = {n: tally_differences(referenced(case(n)).tally(), batch_tally(case(n))) for n in numbers}
    return {n: words for n, words in found.items() if words}


def test_hundreds_of_random_plants_end_with_the_same_tally(record_property):
    found = differing(range(PLANTS))
    record_property("plants compared by tally", PLANTS)
    assert not found, f"{len(found)} of {PLANTS} plants differ: {dict(list(found.items())[:3])}"


def test_dozens_of_random_plants_tell_the_same_story_event_for_event(record_property):
    events = 0
    for n in range(TRACED):
        c, run = case(n), referenced(case(n))
        tally, told = batched.trace(c.plant, c.law, c.draws.run(0), c.scenario, STEPS)
        events += len(told)
        assert not trace_differences(run, told), n
        assert not tally_differences(run.tally(), tally), n
    record_property("plants compared by events", TRACED)
    record_property("events compared", events)
    assert events > 50 * TRACED


def test_the_random_plants_exercise_every_feature():
    cases = [case(n) for n in range(PLANTS)]
    tallies = [batch_tally(c) for c in cases]
    features = {
        "rings": sum(bool(c.plant.ring) for c in cases),
        "linacs": sum(not c.plant.ring for c in cases),
        "restart at once": sum(c.plant.restart_h == 0 for c in cases),
        "no Touschek loss": sum(c.plant.touschek_share == 0 for c in cases),
        "no warm-up": sum(bool(np.any(c.plant.warmup_h == 0)) for c in cases),
        "merging": sum(c.plant.merge_h > 0 for c in cases),
        "an outage": sum(t.failures > 0 for t in tallies),
        "a spoilt sample": sum(t.spoilt.sum() > 0 for t in tallies),
        "a finished experiment": sum(t.experiments.sum() > 0 for t in tallies),
        "user time lost without a failure": sum(t.lost_h[-1] > 0 for t in tallies),
        "draws used up": sum(bool(t.exhausted) for t in tallies),
    }
    assert min(features.values()) >= 5, features
    assert sum(not t.exhausted for t in tallies) > 0.8 * PLANTS, features


# Bugs sown on purpose: the check above must see each of them.


class LastComeFirstServed(simpy.PriorityResource):
    """A crew that takes the youngest fault first."""

    def request(self):  # type: ignore[override]
        return super().request(priority=-self._env.now)


def sow_lifo(patch):
    patch.setattr(reference.simpy, "Resource", LastComeFirstServed)


def sow_wrong_repair_draw(patch):
    honest = reference.Run.__init__

    def shifted(run, built, chance, calendar):
        honest(run, built, chance._replace(repair_z=np.roll(chance.repair_z, -1, axis=-1)), calendar)

    patch.setattr(reference.Run, "__init__", shifted)


def sow_clock_slip_in_restart(patch):
    honest = reference.Alarm.set

    def late(alarm, at_h):
        beam = getattr(alarm.ring, "__self__", None)
        restarting = isinstance(beam, reference.Beam) and beam.mode == reference.RESTARTING
        honest(alarm, at_h + 1e-6 * restarting)

    patch.setattr(reference.Alarm, "set", late)


def sow_missed_rate_change(patch):
    honest = reference.Life.settle

    def deaf(life, new_law):
        honest(life, new_law and life.run.env.now == 0)

    patch.setattr(reference.Life, "settle", deaf)


BUGS = [sow_lifo, sow_wrong_repair_draw, sow_clock_slip_in_restart, sow_missed_rate_change]


@pytest.mark.parametrize("sow", BUGS, ids=lambda sow: sow.__name__)
def test_a_bug_sown_in_one_engine_is_caught(sow, monkeypatch):
    sow(monkeypatch)
    assert differing(range(SEEDED)), f"{sow.__name__} went unnoticed on {SEEDED} plants"


# Chance: used up, repeated, extended.


def test_both_engines_say_so_when_draws_are_used_up():
    calm = case(0)._replace(law=random_law(np.random.default_rng(0), np.ones(P)))
    calm = calm._replace(law=RandomLaw(np.zeros(P), *list(vars(calm.law).values())[1:]))
    chance = calm.draws._replace(arrive_h=calm.draws.arrive_h + np.array([0.0] + [HORIZON_H] * (VISITS - 1)))
    calm = calm._replace(draws=chance)
    short_lived = case(0)._replace(draws=chance._replace(budget=chance.budget * 1e-3))
    crowded = calm._replace(draws=chance._replace(arrive_h=chance.arrive_h * 1e-2))
    for c, spent in ((calm, False), (short_lived, True), (crowded, True)):
        told, seen = referenced(c).tally(), batch_tally(c)
        assert bool(told.exhausted) == bool(seen.exhausted) == spent
        assert not tally_differences(told, seen)


def test_advancing_epoch_by_epoch_equals_the_whole_run_in_one_program():
    c = case(1)
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
    assert equal(batch_tally(case(5)), batch_tally(case(5)))
    assert equal(referenced(case(5)).trace, referenced(case(5)).trace)
    one, same, other = (draws.draw(FACILITY, 2, 8, 8, seed) for seed in (7, 7, 8))
    assert equal(one, same)
    assert not np.any(one.budget == other.budget)


def test_more_runs_or_longer_lives_leave_the_earlier_draws_unchanged():
    few = draws.draw(FACILITY, 2, 8, 8, seed=3)
    many = draws.draw(FACILITY, 3, 16, 16, seed=3)
    assert equal(few, [field[:2, :, : early.shape[-1]] for field, early in zip(many, few, strict=True)])


def test_another_process_leaves_the_draws_of_the_others_unchanged():
    fewer = FACILITY.model_copy(update={"subsystem": FACILITY.subsystem[1:]})
    gone = len(FACILITY.process_names) - len(fewer.process_names)
    whole, part = (draws.draw(f, 2, 8, 8, seed=3) for f in (FACILITY, fewer))
    assert np.array_equal(whole.budget[:, gone:], part.budget)
    assert np.array_equal(whole.demand, part.demand)


def test_a_bug_sown_in_the_batched_engine_is_caught(monkeypatch):
    """The last test here: it makes the batched engine compile anew."""
    honest = batched_settle.draw_of
    monkeypatch.setattr(batched_settle, "draw_of", lambda table, ordinal: honest(table, ordinal + 1))
    batched._whole.clear_cache()
    try:
        assert differing(range(SEEDED))
    finally:
        batched._whole.clear_cache()

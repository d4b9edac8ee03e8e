"""A unit may be retired before it fails: both engines agree, what is down is left, off beam it costs nothing."""

import numpy as np
import pytest
from test_twin_agreement import OTHERS, PROFILES, Case, case, tally_differences

import twin
from twin import batched, reference
from twin.nominal import nominal
from twin.outcome import Tally
from twin.plant import build
from twin.scenario import ahead

DAYS = 28.0


def orders(number: int, epochs: int, processes: int, share: float) -> np.ndarray:
    """[E, P] random orders, at the very beginning and of units that may be down too."""
    return np.random.default_rng([3, number]).random((epochs, processes)) < share


def referenced(c: Case, wanted: np.ndarray, r: int = 0) -> reference.Run:
    run = reference.start(c.plant, c.draws.run(r), c.scenario.calendar)
    for e, until_h in enumerate(c.scenario.edges_h[1:]):
        row = c.scenario.settings[e], c.scenario.conditions[e], float(until_h)
        run.advance(c.law, *row, np.flatnonzero(wanted[e]))
    return run


def batch(c: Case, wanted: np.ndarray) -> Tally:
    """The tallies of all runs, each under the same orders."""
    world = batched.world(c.plant, c.draws, c.scenario.calendar)
    state = batched.start(world)
    for e, until_h in enumerate(c.scenario.edges_h[1:]):
        row = c.scenario.settings[e], c.scenario.conditions[e], until_h
        all_runs = np.broadcast_to(wanted[e], (world.runs, world.processes))
        state = batched.advance(world, c.law, state, *row, retire=all_runs)
    return Tally(*(np.asarray(field) for field in batched.tally(world, state)))


def mixed(number: int, profile: int) -> Case:
    toss = np.random.default_rng([8, number])
    on = {feature for feature in OTHERS if toss.random() < 0.5}
    return case(frozenset(PROFILES[profile] | on), number)


def built_in(facility, seed: int = 2) -> Case:
    scenario = ahead(facility, 24.0 * DAYS, 8.0)
    plant = build(facility)
    return Case(plant, nominal(facility), twin.draws.draw(facility, 2, 256, 64, seed), scenario)


FAST = (len(PROFILES) - 1,)  # each profile is a program to compile


@pytest.mark.parametrize(
    "profile",
    [pytest.param(p, marks=[] if p in FAST else pytest.mark.slow) for p in range(len(PROFILES))],
)
def test_both_engines_agree_on_random_plants_under_random_orders(profile):
    plants, retired = 8, 0
    for n in range(profile * plants, (profile + 1) * plants):
        c = mixed(n, profile)
        wanted = orders(n, len(c.scenario.edges_h) - 1, len(c.plant.units), 0.3)
        run = referenced(c, wanted)
        seen = Tally(*(field[0] for field in batch(c, wanted)))
        assert not tally_differences(run.tally(), seen), n
        edges = c.scenario.edges_h[:-1][:, None] * wanted
        retired += sum(e.kind == "fail" and e.at_h in edges[:, e.subject] for e in run.trace)
    assert retired > 5 * plants


@pytest.mark.parametrize("name", ["storage-ring", pytest.param("xfel-linac", marks=pytest.mark.slow)])
def test_both_engines_agree_on_the_built_in_facilities_under_random_orders(name):
    c = built_in(twin.load(name))
    wanted = orders(1, len(c.scenario.edges_h) - 1, len(c.plant.units), 0.02)
    told = batch(c, wanted)
    for r in range(2):
        seen = Tally(*(field[r] for field in told))
        assert not tally_differences(referenced(c, wanted, r).tally(), seen)


def test_no_orders_change_nothing_and_orders_for_what_is_down_are_ignored(ring):
    c = built_in(ring)
    shifts, processes = len(c.scenario.edges_h) - 1, len(c.plant.units)
    nothing = np.zeros((shifts, processes), bool)
    plain = batched.simulate(c.plant, c.law, c.draws, c.scenario)
    assert not tally_differences(plain, batch(c, nothing))
    stuck = c._replace(draws=c.draws._replace(repair_z=np.full_like(c.draws.repair_z, 9.0)))
    klystron = list(ring.process_names).index("rf.klystron.1")
    once, again = nothing.copy(), nothing.copy()
    once[3, klystron], again[3:5, klystron] = True, True
    assert c.plant.units[klystron] == 1
    assert not tally_differences(batch(stuck, once), batch(stuck, again))
    assert tally_differences(batch(stuck, nothing), batch(stuck, once))


def test_a_klystron_retired_in_maintenance_costs_no_user_time_and_one_retired_in_user_time_does(linac):
    c = built_in(linac)
    old = int(np.flatnonzero(c.plant.shape > 1.0)[0])
    wanted = np.zeros((len(c.scenario.edges_h) - 1, len(c.plant.units)), bool)
    off, user = wanted.copy(), wanted.copy()
    off[21, old], user[21 + 8, old] = True, True  # shift 21 begins the second week, with maintenance
    quiet = c._replace(draws=c.draws._replace(budget=np.full_like(c.draws.budget, 1e6)))
    lost = [batch(quiet, w).lost_h.sum(1) for w in (wanted, off, user)]
    np.testing.assert_allclose(lost[1], lost[0], atol=1e-9)
    assert np.all(lost[2] > lost[0] + 1.0)

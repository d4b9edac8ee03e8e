"""Importance: textbook systems, random trees against every state of the engine's own logic, intervals that cover."""

from itertools import product
from math import comb

import numpy as np
import pytest
from cases_tree import BRIDGE, gate, units
from closed_form import subsystem, toy

import twin
from twin import reference
from twin.draws import draw
from twin.importance import importance, ranking
from twin.nominal import nominal
from twin.outcome import Tally
from twin.plant import build
from twin.reference.logic import Logic
from twin.scenario import ahead

RNG = np.random.default_rng(4)
IDLE = subsystem("idle", effect='"beamline"', beamline='"line"')
THREE = "".join(units(name) for name in "abc")


def solved(text: str, *down: float):
    """(A, I_B of each process) with these chances of being down, one a process."""
    found = importance(toy(text), np.array(down)[:, None])
    return found.up[0], found.birnbaum[:, 0]


def test_in_series_a_units_importance_is_the_availability_of_all_others():
    up, birnbaum = solved("".join(subsystem(name) for name in "abc"), 0.1, 0.2, 0.3)
    assert up == pytest.approx(0.9 * 0.8 * 0.7, rel=1e-12)
    np.testing.assert_allclose(birnbaum, [0.8 * 0.7, 0.9 * 0.7, 0.9 * 0.8], rtol=1e-12)


def test_two_of_three_needs_a_unit_when_just_one_of_the_others_is_up():
    up, birnbaum = solved(THREE + gate("two", "a b c", 2, "dump"), 0.1, 0.2, 0.3)
    assert birnbaum[0] == pytest.approx(0.8 * 0.3 + 0.2 * 0.7, rel=1e-12)
    assert up == pytest.approx(0.9 * 0.8 + 0.9 * 0.7 + 0.8 * 0.7 - 2 * 0.9 * 0.8 * 0.7, rel=1e-12)


def test_the_bridge_of_like_units_has_its_textbook_polynomials():
    """A = 2 p^2 + 2 p^3 - 5 p^4 + 2 p^5; the middle unit's importance is 2 p^2 (1 - p)^2."""
    p = 0.9
    up, birnbaum = solved(BRIDGE + gate("bridge", "path0 path1 path2 path3", 1, "dump"), *[1.0 - p] * 5)
    assert up == pytest.approx(2 * p**2 + 2 * p**3 - 5 * p**4 + 2 * p**5, rel=1e-12)
    assert birnbaum[2] == pytest.approx(2 * p**2 * (1 - p) ** 2, rel=1e-12)
    assert birnbaum.sum() == pytest.approx(4 * p + 6 * p**2 - 20 * p**3 + 10 * p**4, rel=1e-12)


def test_several_modes_of_a_unit_are_in_series_and_unit_certainly_down_divides_by_nothing():
    two_modes = units("a").replace('name = "m"', 'name = "x"') + units("b")
    second = "name = 'y'\neffect = 'unit'\nmtbf_h = 9.0\nrepair = { law = 'fixed', mean_h = 1.0 }\n"
    extra = f"[[subsystem.mode]]\n{second}"
    text = two_modes.replace('[[subsystem]]\nname = "b"', extra + '[[subsystem]]\nname = "b"')
    up, birnbaum = solved(text + gate("either", "a b", 1, "dump"), 0.1, 1.0, 0.3)
    assert up == pytest.approx(0.7)
    np.testing.assert_allclose(birnbaum, [0.0, 0.3 * 0.9, 1.0], atol=1e-15)


def random_tree(rng: np.random.Generator) -> str:
    """Four subsystems, one of them of two like units, and three to six gates that share units and gates."""
    text = units("a") + units("b") + units("c", 2) + units("d") + subsystem("e", effect='"distort"')
    inputs, idle = list("abcd"), list("abcd")
    for n in range(rng.integers(2, 6)):
        of = rng.choice(inputs, size=min(len(inputs), rng.integers(2, 5)), replace=False).tolist()
        effect = str(rng.choice(["dump", "distort", "beamline", ""], p=[0.3, 0.2, 0.1, 0.4]))
        text += chosen(rng, f"g{n}", of, effect)
        idle = [name for name in idle if name not in of] + ([] if effect else [f"g{n}"])
        inputs.append(f"g{n}")
    return text + chosen(rng, "last", idle or inputs[-2:], "dump")


def chosen(rng: np.random.Generator, name: str, of: list[str], effect: str) -> str:
    """A gate that needs any number of these inputs."""
    needs = int(rng.integers(1, len(of) + ("c" in of) + 1))
    return gate(name, " ".join(of), needs, effect or None) + (
        'beamline = "line"\n' if effect == "beamline" else ""
    )


def by_states(facility, down: np.ndarray) -> tuple[float, np.ndarray]:
    """(A, I_B) by the engine's logic in every state of all units."""
    plant = build(facility)
    each = [p for p, n in enumerate(plant.units) for _ in range(n)]
    up, given = 0.0, np.zeros((2, len(down)))
    firsts = [each.index(p) for p in range(len(down))]
    for state in product((0, 1), repeat=len(each)):
        logic = Logic(plant)
        for p, failed in zip(each, state, strict=True):
            if failed:
                logic.lose(p)
        if logic.machine_down:
            continue
        chance = np.array(
            [down[p] if failed else 1.0 - down[p] for p, failed in zip(each, state, strict=True)]
        )
        up += chance.prod()
        for p, i in enumerate(firsts):
            given[state[i], p] += np.delete(chance, i).prod()
    return up, given[0] - given[1]


@pytest.mark.parametrize("seed", range(40))
def test_a_random_tree_is_solved_as_by_every_state_of_the_engines_logic(seed):
    rng = np.random.default_rng(seed)
    facility = toy(random_tree(rng))
    down = rng.uniform(0.05, 0.6, len(facility.processes))
    up, birnbaum = by_states(facility, down)
    found = importance(facility, down[:, None])
    assert found.up[0] == pytest.approx(up, rel=1e-12)
    np.testing.assert_allclose(found.birnbaum[:, 0], birnbaum, rtol=1e-10, atol=1e-14)


def test_thousands_of_units_and_more_shared_ones_than_states_could_be_counted_are_solved():
    up, birnbaum = solved(units("cavity", 3000) + gate("linac", "cavity", 2990, "dump"), 0.001)
    exact = sum(comb(3000, k) * 0.001**k * 0.999 ** (3000 - k) for k in range(11))
    assert up == pytest.approx(exact, rel=1e-9)
    assert birnbaum[0] == pytest.approx(comb(2999, 10) * 0.001**10 * 0.999**2989, rel=1e-9)
    names = [f"u{i}" for i in range(40)]
    pairs = "".join(gate(f"p{i}", f"u{i} u{i + 1}", 1, "dump") for i in range(39))
    up, _ = solved("".join(map(units, names)) + pairs, *[0.1] * 40)
    whole, broken = 1.0, 0.0  # chance that no two neighbours are down, the last one up or down
    for _ in range(40):
        whole, broken = 0.9 * (whole + broken), 0.1 * whole
    assert up == pytest.approx(whole + broken, rel=1e-12)


def test_a_tree_too_entangled_is_refused_in_words(monkeypatch):
    monkeypatch.setattr("twin.diagram.LIMIT", 500)
    with pytest.raises(twin.UserError, match=r"needs more than 500 nodes.*fewer units be shared"):
        solved(units("cavity", 100) + gate("linac", "cavity", 50, "dump"), 0.1)


@pytest.mark.parametrize("kind", ["parallel", "series"])
def test_the_ranking_of_a_run_meets_the_exact_figures(kind):
    if kind == "parallel":
        text = units("a", 1, mtbf_h=20.0) + units("b") + subsystem("c") + gate("both", "a b", 1, "dump")
    else:
        text = subsystem("a", mtbf_h=20.0) + subsystem("b", mtbf_h=10.0) + subsystem("c")
    facility, hours = toy(text), 2_000.0
    draws = draw(facility, 40, 1024, 4, 1)
    tally = reference.simulate(build(facility), nominal(facility), draws, ahead(facility, hours, hours))
    rows = {row["process"]: row for row in ranking(facility, tally, hours)}
    q = np.array([1 / 21, 1 / 11, 1 / 101])
    exact = importance(facility, q[:, None])
    for p, name in enumerate(facility.process_names):
        critical = exact.birnbaum[p, 0] * q[p] / (1.0 - exact.up[0])
        for key, value in (
            ("unavailability", q[p]),
            ("birnbaum", exact.birnbaum[p, 0]),
            ("criticality", critical),
        ):
            seen = rows[name][key]
            assert abs(seen.value - value) < 2.5 * (seen.high - seen.low) / 2 + 1e-3, (name, key, seen, value)
    assert sum(row["lost_share"].value for row in rows.values()) == pytest.approx(1.0)
    assert next(iter(rows)) == {"parallel": "c.m", "series": "b.m"}[kind]


def synthetic(facility, rng, runs: int, hours: float, rates, repairs) -> Tally:
    """Tallies of processes in series with Poisson failures and exponential repairs that never overlap."""
    processes = len(facility.processes)
    counts = rng.poisson(np.array(rates) * hours, (runs, processes))
    down = np.where(counts, rng.gamma(np.maximum(counts, 1), np.broadcast_to(repairs, counts.shape)), 0.0)
    zero, lost = np.zeros(runs), np.concatenate([down, np.zeros((runs, 1))], axis=1)
    user, three, line = zero + hours, np.zeros((runs, 3)), np.zeros((runs, 1))
    good = user - down.sum(1)
    fields = (
        user,
        good,
        good,
        counts.sum(1),
        zero,
        three,
        three,
        counts,
        lost,
        down,
        line,
        line,
        line,
        line,
        zero,
    )
    return Tally(*fields)


def test_intervals_of_every_column_cover_the_truth_about_nine_times_in_ten():
    facility = toy("".join(subsystem(name) for name in "ab") + IDLE)
    rates, repairs, hours, trials = (0.01, 0.004, 1e-9), (1.0, 4.0, 1.0), 1_000.0, 600
    q = np.array(rates) * repairs
    exact = importance(facility, q[:, None])
    truth = {
        "unavailability": q[:2],
        "birnbaum": exact.birnbaum[:2, 0],
        "criticality": exact.birnbaum[:2, 0] * q[:2] / (1.0 - exact.up[0]),
        "lost_h": q[:2] * hours,
        "lost_share": q[:2] / q[:2].sum(),
    }
    rng, hits = np.random.default_rng(8), {key: np.zeros(2) for key in truth}
    for _ in range(trials):
        rows = {
            r["process"]: r
            for r in ranking(facility, synthetic(facility, rng, 30, hours, rates, repairs), hours)
        }
        for key, values in truth.items():
            for p, name in enumerate(("a.m", "b.m")):
                hits[key][p] += rows[name][key].low <= values[p] <= rows[name][key].high
    for key, found in hits.items():
        assert np.all((found / trials > 0.85) & (found / trials < 0.95)), (key, found / trials)


def test_a_process_that_never_failed_has_a_bound_and_one_without_effect_no_row():
    facility = toy(subsystem("a") + subsystem("b") + IDLE)
    tally = synthetic(facility, RNG, 10, 1_000.0, (0.01, 1e-12, 1e-12), (1.0, 1.0, 1.0))
    rows = {row["process"]: row for row in ranking(facility, tally, 1_000.0)}
    assert set(rows) == {"a.m", "b.m"}
    assert rows["b.m"]["unavailability"] == (0.0, 0.0, pytest.approx(2.9957 / 10_000, rel=1e-4))
    assert rows["b.m"]["criticality"].value == 0.0
    assert 0.0 < rows["b.m"]["criticality"].high < 0.1
    alone = Tally(*(field[:1] for field in tally))
    assert {r["criticality"].high for r in ranking(facility, alone, 1_000.0) if r["process"] == "a.m"} == {
        1.0
    }

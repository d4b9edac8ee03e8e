"""The system's tree: what a failure takes with it, level by level, and what it costs to find out."""

import numpy as np
import pytest
from cases_tree import gate, units
from closed_form import subsystem, toy
from hand_made import play
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.facility import BUILT_IN, parse
from twin.facility.gates import cycle
from twin.plant import build
from twin.reference.logic import Logic
from twin.tree import BEAMLINE, DISTORT, DUMP, EFFECTS, INJECTION, build_tree

FIXED = "{ law = 'fixed', mean_h = 1.0 }"


def logic_of(text: str) -> tuple[Logic, list[str]]:
    facility = toy(text)
    return Logic(build(facility)), facility.process_names


def scratch(logic: Logic, down: set[int]) -> tuple[list[int], list[bool], float]:
    """(inputs up, down, share) of the gates, counted anew from the leaves that are down."""
    tree, ups, share = logic.tree, [], 1.0
    for i, node in enumerate(tree.gates):
        below = [
            leaf for leaf, above in enumerate(tree.parents) for gate in above if gate == i and leaf in down
        ]
        fallen = [
            g
            for g in range(i)
            for gate in tree.gates[g].parents
            if gate == i and ups[g] < tree.gates[g].needs
        ]
        ups.append(node.inputs - len(below) - len(fallen))
        share *= node.share[ups[i]] if node.share else 1.0
    return ups, [up < node.needs for up, node in zip(ups, tree.gates, strict=True)], share


@st.composite
def trees(draw) -> str:
    """Six units under two to six gates, each over units and earlier gates; the last dumps the beam."""
    names, text = [f"u{i}" for i in range(6)], "".join(units(f"u{i}") for i in range(6))
    count = draw(st.integers(2, 6))
    for n in range(count):
        first = names if n == 0 else names + [f"g{i}" for i in range(n)]
        of = draw(st.lists(st.sampled_from(first), min_size=1, max_size=5, unique=True))
        needs = draw(st.integers(1, len(of)))
        rated = needs < len(of) and draw(st.booleans())
        level = f"{{ up = {needs}, share = {draw(st.sampled_from([0.5, 0.7, 0.9]))} }}" if rated else ""
        text += gate(f"g{n}", " ".join(of), needs, "dump", level)
    return text + gate("rest", " ".join(names), effect="distort")


@settings(max_examples=40, deadline=None)
@given(trees(), st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_counting_step_by_step_gives_what_counting_anew_gives(text, steps):
    logic, _ = logic_of(text)
    down: set[int] = set()
    for p in steps:
        (logic.regain if p in down else logic.lose)(p)
        down ^= {p}
        ups, fallen, share = scratch(logic, down)
        assert logic.up == ups and logic.gate_down == fallen
        assert logic.share == pytest.approx(share, rel=1e-14)
        dumping = [f for f, node in zip(fallen, logic.tree.gates, strict=True) if node.effect == DUMP]
        assert logic.down[DUMP] == sum(dumping) and logic.down[DISTORT] == bool(down)


def test_all_well_again_is_exactly_the_whole_flux():
    logic, names = logic_of(
        units("a", 4) + gate("g", "a", 2, "dump", "{ up = 3, share = 0.7 }, { up = 2, share = 0.1 }")
    )
    for _ in range(3):
        logic.lose(names.index("a.m"))
    assert logic.down[DUMP] == 1 and logic.share == 1.0
    for share in (0.1, 0.7, 1.0):
        logic.regain(names.index("a.m"))
        assert logic.share == share and logic.down[DUMP] == 0


def test_a_failure_costs_the_gates_above_it_and_not_the_others():
    class Counted(tuple):
        looks = 0

        def __getitem__(self, i):
            Counted.looks += 1
            return super().__getitem__(i)

    wide = "".join(
        units(f"u{i}", 2) + gate(f"g{i}", f"u{i}", 1, None, "{ up = 1, share = 0.9 }") for i in range(100)
    )
    logic, names = logic_of(wide + gate("top", " ".join(f"g{i}" for i in range(100)), 99, "dump"))
    logic.tree = logic.tree._replace(gates=Counted(logic.tree.gates))
    p = names.index("u50.m")
    logic.lose(p)
    assert Counted.looks == 1 and logic.share == 0.9
    logic.lose(p)
    assert Counted.looks == 3 and logic.up[-1] == 99 and not logic.machine_down


def test_a_unit_with_two_failures_is_down_until_both_are_mended():
    two = (
        units("s", 2)
        + "[[subsystem.mode]]\nname = 'n'\neffect = 'unit'\nmtbf_h = 9.0\nrepair = "
        + FIXED
        + "\n"
    )
    logic, names = logic_of(two + gate("g", "s", 2, "dump"))
    assert names == ["s.m.1", "s.m.2", "s.n.1", "s.n.2"]
    seen = []
    for do, name in (
        (logic.lose, "s.m.1"),
        (logic.lose, "s.n.1"),
        (logic.regain, "s.m.1"),
        (logic.regain, "s.n.1"),
    ):
        do(names.index(name))
        seen.append((logic.up[0], logic.down[DUMP]))
    assert seen == [(1, 1), (1, 1), (1, 1), (2, 0)]


def test_a_unit_named_singly_takes_only_the_gates_that_name_it():
    text = units("k", 3) + gate("first", "k.1", effect="distort") + gate("two", "k", 2, "dump")
    logic, names = logic_of(text)
    assert names == ["k.m.1", "k.m.2", "k.m.3"]
    logic.lose(1)
    assert logic.machine_down == 0
    logic.lose(0)
    assert (logic.down[DISTORT], logic.down[DUMP]) == (1, 1)
    logic.regain(1)
    assert (logic.down[DISTORT], logic.down[DUMP]) == (1, 0)


def test_gates_have_each_effect():
    ring = (BUILT_IN / "storage-ring.toml").read_text()
    line = parse(ring).beamline[1].name
    gates = "".join(gate(f"by_{effect}", "u", effect=effect) for effect in ("dump", "injection", "distort"))
    text = ring + units("u") + gates + gate("by_line", "u", effect="beamline") + f'beamline = "{line}"\n'
    facility = parse(text)
    logic = Logic(build(facility))
    logic.lose(facility.process_names.index("u.m"))
    assert [logic.down[EFFECTS.index(e)] for e in ("dump", "injection", "distort", "beamline")] == [
        1,
        1,
        1,
        1,
    ]
    assert (INJECTION, BEAMLINE) == (1, 3) and logic.line_down == [0, 1] and logic.machine_down == 3
    logic.regain(facility.process_names.index("u.m"))
    assert logic.down == [0] * 5 and logic.line_down == [0, 0]


def test_gates_may_stand_in_any_order_and_a_thousand_deep():
    chain = [gate(f"g{i}", f"g{i + 1}" if i < 999 else "u", effect="dump") for i in range(1000)]
    logic, _ = logic_of("".join(chain) + units("u"))
    logic.lose(0)
    assert logic.down[DUMP] == 1000


def test_shared_gates_cost_no_search_of_every_path():
    text = units("u0") + units("u1") + gate("a0", "u0") + gate("b0", "u1")
    for i in range(1, 40):
        text += gate(f"a{i}", f"a{i - 1} b{i - 1}") + gate(f"b{i}", f"a{i - 1} b{i - 1}")
    facility = toy(text + gate("top", "a39 b39", effect="dump"))
    assert cycle(facility.gate) is None and len(build_tree(facility).gates) == 81


def test_a_large_tree_is_built_in_no_time_that_grows_with_its_square():
    facility = toy(units("u", 10_000) + gate("top", " ".join(f"u.{i + 1}" for i in range(10_000)), 1, "dump"))
    tree = build_tree(facility)
    assert len(tree.names) == 10_000 and set(tree.parents) == {(0,)} and tree.leaf == tuple(range(10_000))


def test_a_level_slows_the_samples_and_weighs_the_hours():
    """Exchange 0.1 h, exposure 0.2 h: 5 h at full flux, then 5 h at half of it."""
    facility = toy(
        units("k", 2, repair="{ law = 'fixed', mean_h = 99.0 }")
        + gate("rf", "k", 1, "dump", "{ up = 1, share = 0.5 }")
    )
    run = play(facility, 10.0, {"k.m": [0.2 * 5.0]})
    tally = run.tally()
    assert tally.delivered_h == 10.0 and tally.level_h == pytest.approx(5.0 + 0.5 * 5.0)
    assert run.lines[0].done == pytest.approx(5.0 / 0.3 + 5.0 / 0.5)


def test_several_of_like_units_are_down_at_once_and_come_back_one_by_one():
    """Three units at 0.1 / h: budgets are spent at the rate of those that work."""
    facility = toy(units("k", 3, repair="{ law = 'fixed', mean_h = 10.0 }") + gate("most", "k", 2, "dump"))
    run = play(facility, 30.0, {"k.m": [0.3, 0.2]})
    assert [(round(e.at_h, 9), e.kind) for e in run.trace if e.kind in ("fail", "fixed")] == [
        (1.0, "fail"), (2.0, "fail"), (11.0, "fixed"), (12.0, "fixed"),
    ]  # fmt: skip
    assert run.tally().lost_h[0] == pytest.approx(9.0) and run.tally().down_h[0] == pytest.approx(20.0)


def test_a_gate_of_a_beamline_stops_that_beamline_alone():
    facility = toy(
        units("optics", repair=FIXED) + gate("hutch", "optics", effect="beamline") + 'beamline = "line"\n'
    )
    run = play(facility, 6.0, {"optics.m": [0.306]})  # while a sample is exchanged, so that none is spoilt
    tally = run.tally()
    assert tally.delivered_h == 6.0 and tally.failures == 0
    assert run.lines[0].done == pytest.approx((6.0 - 1.0) / 0.3)


def test_a_leaf_stands_for_like_units_unless_something_tells_them_apart():
    plain = build_tree(toy(units("k", 4) + gate("g", "k", 3, "dump")))
    assert (plain.names, plain.units, plain.leaf) == (("k",), (4,), (0,))
    worn = build_tree(toy(units("k", 2, shape=2.0) + subsystem("s") + gate("g", "k", 1, "dump")))
    assert (worn.names, worn.leaf) == (("k.1", "k.2", "s"), (0, 1, 2))
    assert np.all(np.array(worn.units) == 1)

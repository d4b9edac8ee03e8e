"""The fault tree as plain numbers: the leaf of each failure process, and the gates above each leaf.

A gate is up while at least ``needs`` of its inputs are: all of them is a series system, one a parallel
one. With u inputs up it gives share(u) of the flux (performability), 1 with all of them, and the flux
is scaled by the product of all gates' shares. The share of a gate counts once, however many gates are
above it. A gate that is down has no share: the consequence follows from its effect, or from the levels of the
gates above it. A subsystem with standby counts as many inputs as it has units in service.
"""

from collections import defaultdict
from typing import NamedTuple, get_args

from twin.facility import Facility, Gate, Subsystem
from twin.facility.gates import bottom_up
from twin.facility.table import Effect

DUMP, INJECTION, DISTORT, BEAMLINE, UNIT = range(5)
EFFECTS = (*get_args(Effect), "unit")
NO_EFFECT = UNIT


class Node(NamedTuple):
    """One gate: its inputs are counted, its parents are indices into the tree's gates."""

    name: str
    inputs: int
    needs: int
    effect: int
    line: int
    share: tuple[float, ...]  # [inputs + 1] by the number of inputs up; none: 1 whatever is up
    parents: tuple[int, ...]


class Tree(NamedTuple):
    """The fault tree. A leaf is one unit, or all identical units of a subsystem together."""

    names: tuple[str, ...]  # [L] of the leaves
    units: tuple[int, ...]  # [L] that each leaf stands for
    leaf: tuple[int, ...]  # [P] of each process, -1 = none
    parents: tuple[tuple[int, ...], ...]  # [L] gates above each leaf
    gates: tuple[Node, ...]  # in the order of evaluation


def build_tree(facility: Facility) -> Tree:
    """The tree of a facility's gates over its subsystems' units."""
    leaves = _leaves(facility)
    place = {name: i for i, name in enumerate(leaves)}
    gates = bottom_up(facility.gate)
    above: defaultdict[str, tuple[int, ...]] = defaultdict(tuple)
    for i, gate in enumerate(gates):
        for name in gate.of:
            above[name] += (i,)
    inputs = {s.name: s.working for s in facility.subsystem}
    lines = [b.name for b in facility.beamline]
    return Tree(
        tuple(leaves),
        tuple(leaves.values()),
        tuple(_leaf(name, place) for name in facility.process_names),
        tuple(above[name] + (above[name.split(".")[0]] if "." in name else ()) for name in leaves),
        tuple(_node(g, sum(inputs.get(of, 1) for of in g.of), above[g.name], lines) for g in gates),
    )


def _leaves(facility: Facility) -> dict[str, int]:
    """Name of each leaf and the units it stands for."""
    individual = facility.individual_modes

    def apart(s: Subsystem) -> bool:
        return any(f"{s.name}.{m.name}" in individual for m in s.mode if m.effect == "unit")

    leaves = {}
    for s in facility.subsystem:
        if s.units > 1 and apart(s):
            leaves |= {f"{s.name}.{i + 1}": 1 for i in range(s.units)}
        else:
            leaves[s.name] = s.units
    return leaves


def _leaf(process: str, place: dict[str, int]) -> int:
    """The leaf of ``subsystem.mode`` or ``subsystem.mode.3``, -1 if no leaf is the process's."""
    subsystem, _, *unit = process.split(".")
    return place.get(".".join([subsystem, *unit]), place.get(subsystem, -1))


def _node(gate: Gate, inputs: int, parents: tuple[int, ...], lines: list[str]) -> Node:
    needs = inputs if gate.needs is None else gate.needs

    def share(up: int) -> float:
        if up == inputs or up < needs:
            return 1.0
        return next(level.share for level in gate.level if level.up <= up)

    return Node(
        gate.name,
        inputs,
        needs,
        EFFECTS.index(gate.effect) if gate.effect else NO_EFFECT,
        lines.index(gate.beamline) if gate.beamline else -1,
        tuple(share(up) for up in range(inputs + 1)) if gate.level else (),
        parents,
    )

"""Contradictions between a facility's gates and its subsystems: one message for each."""

from collections import Counter
from collections.abc import Iterator

from twin.errors import unknown
from twin.facility.description import Description
from twin.facility.failures import Gate, Subsystem
from twin.facility.gates import cycle


def tree_defects(facility: Description) -> Iterator[str]:
    """Every contradiction of the fault tree: unknown inputs, k > n, idle gates, levels, cyclic logic, missing units."""
    subsystems = {s.name: s for s in facility.subsystem}
    known = dict.fromkeys([*subsystems, *(g.name for g in facility.gate)])
    singles = {f"{s.name}.{i + 1}" for s in facility.subsystem if s.units > 1 for i in range(s.units)}
    for gate in facility.gate:
        inputs = sum(subsystems[name].working if name in subsystems else 1 for name in gate.of)
        for name in gate.of:
            yield from _input(gate, name, subsystems, known, singles)
        for name, times in Counter(gate.of).items():
            if times > 1:
                yield f"gate {gate.name!r}.of: {name!r} is given twice; an input counts once"
        yield from _needs(gate, inputs)
        yield from _effect(facility, gate)
        if gate.level:
            yield from _levels(gate, inputs)
    yield from _cycles(facility.gate)
    yield from _idle(facility)


def _input(
    gate: Gate, name: str, subsystems: dict[str, Subsystem], known: dict, singles: set[str]
) -> Iterator[str]:
    """An input of a gate that is unknown, given twice or never fails."""
    where = f"gate {gate.name!r}.of"
    stem, dot, _ = name.partition(".")
    part = subsystems.get(stem)
    if part is None or not dot:
        if name not in known:
            yield f"{where} = {name!r}: {unknown('subsystem, unit or gate', name, list(known))}"
    elif part.standby:
        message = unknown("subsystem, unit or gate", name, list(known))
        yield f"{where} = {name!r}: {message}; units of a standby replace each other, so name all: {stem!r}"
    elif name not in singles:
        units = f"{stem}.1 ... {stem}.{part.units}" if part.units > 1 else f"{stem!r} alone (units = 1)"
        yield f"{where} = {name!r}: unknown unit; subsystem {stem!r} has {units}"
    elif stem in gate.of:
        yield f"{where}: {name!r} is given twice, because {stem!r} means all its units; drop one of them"
    if part and all(m.effect != "unit" for m in part.mode):
        yield f"{where} = {name!r}: no mode of it has effect = 'unit', so it never fails; give it one or drop it"


def _needs(gate: Gate, inputs: int) -> Iterator[str]:
    if gate.needs is not None and gate.needs > inputs:
        yield f"gate {gate.name!r}: needs = {gate.needs} of {inputs} inputs; lower it or add inputs"
    if gate.needs == 0 and not gate.level:
        yield f"gate {gate.name!r}: needs = 0, so it is never down; raise it or give it a level"


def _effect(facility: Description, gate: Gate) -> Iterator[str]:
    where, lines = f"gate {gate.name!r}", [b.name for b in facility.beamline]
    if (gate.effect == "beamline") != (gate.beamline is not None):
        yield f"{where}: effect = 'beamline' and beamline = NAME need each other"
    if gate.beamline is not None and gate.beamline not in lines:
        yield f"{where}.beamline = {gate.beamline!r}: {unknown('beamline', gate.beamline, lines)}"
    if gate.effect == "injection" and facility.kind == "linac":
        yield f"{where}: effect = 'injection' needs a ring; a linac has no stored beam"


def _levels(gate: Gate, inputs: int) -> Iterator[str]:
    """Levels that do not fall from below the number of inputs to ``needs``, or that scale an unstopped flux."""
    where, ups = f"gate {gate.name!r}.level", [level.up for level in gate.level]
    shares = [level.share for level in gate.level]
    if ups != sorted(set(ups), reverse=True) or ups[0] >= inputs:
        yield f"{where}: up = {ups} must fall from below {inputs} inputs, with each number once"
    if gate.needs is None:
        yield f"{where}: without needs the gate is down when one input is down; give needs = {ups[-1]}, the last up"
    elif gate.needs != ups[-1]:
        yield f"{where}: the last up = {ups[-1]} must equal needs = {gate.needs}; with fewer inputs the gate is down"
    if shares != sorted(shares, reverse=True):
        yield f"{where}: share = {shares} must not rise as inputs are lost"
    if gate.effect in ("injection", "beamline"):
        yield f"{where}: share is of all beamlines' flux, which effect = {gate.effect!r} does not stop; drop one"


def _cycles(gates: list[Gate]) -> Iterator[str]:
    """Gates that depend on themselves."""
    while path := cycle(gates):
        yield f"gate {path[0]!r}: cyclic logic: {' -> '.join(path)}; a gate cannot depend on itself"
        gates = [gate for gate in gates if gate.name not in path]


def _idle(facility: Description) -> Iterator[str]:
    """Gates and units whose failure would change nothing."""
    used = {name for gate in facility.gate for name in gate.of}
    for gate in facility.gate:
        idle = gate.effect is None and gate.name not in used
        if idle and not gate.level:
            yield f"gate {gate.name!r}: no effect, level or gate above, so it changes nothing; add one or drop it"
        elif idle and gate.needs:
            yield (
                f"gate {gate.name!r}: with fewer than needs = {gate.needs} inputs it is down, but it has no "
                "effect and no gate above; give it one, or levels down to up = 0"
            )
    for s in facility.subsystem:
        if s.name in used or all(m.effect != "unit" for m in s.mode):
            continue
        missing = [i + 1 for i in range(s.units) if f"{s.name}.{i + 1}" not in used]
        if missing:
            which = f"; unit {missing[0]} is in none" if len(missing) < s.units else ""
            yield f"subsystem {s.name!r}: effect = 'unit' needs a gate that names it among its inputs{which}"

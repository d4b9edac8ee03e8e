"""Contradictions between the tables of a facility file: one message for each, with its table and key."""

from collections.abc import Iterator

from twin.errors import unknown
from twin.facility.defects_tree import tree_defects
from twin.facility.description import Description
from twin.facility.failures import Mode, Shock, Subsystem
from twin.windows import window


def defects(facility: Description) -> Iterator[str]:
    """Every contradiction of a facility: duplicate or unknown names, impossible powers, trees, stocks, standbys."""
    yield from _duplicate_names(facility)
    yield from _beam(facility)
    yield from _quantities(facility)
    yield from _powers_of_zero(facility)
    yield from _interlocks(facility)
    for subsystem in facility.subsystem:
        yield from _subsystem(facility, subsystem)
        for mode in subsystem.mode:
            yield from _mode(facility, subsystem, mode)
    yield from _replaced_together(facility)
    yield from _shocks(facility)
    yield from tree_defects(facility)
    yield from _schedule(facility)


def _missing(table: str, key: str, name: str | None, kind: str, known) -> Iterator[str]:
    if name is not None and name not in known:
        yield f"{table}.{key} = {name!r}: {unknown(kind, name, list(known))}"


def _skills(facility: Description) -> list[str]:
    return [skill for crew in facility.crew for skill in crew.skills or [crew.name]]


def _duplicate_names(facility: Description) -> Iterator[str]:
    lists = {
        "knob, condition or quantity": facility.inputs + [q.name for q in facility.quantity],
        "crew": [c.name for c in facility.crew],
        "spare": [s.name for s in facility.spare],
        "subsystem or gate": [s.name for s in facility.subsystem] + [g.name for g in facility.gate],
        "shock": [s.name for s in facility.shocks],
        "beamline": [b.name for b in facility.beamline],
        "interlock": [lock.name for lock in facility.interlock],
    }
    lists |= {f"mode of subsystem {s.name!r}": [m.name for m in s.mode] for s in facility.subsystem}
    for kind, names in lists.items():
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield f"{kind} {name!r} is given twice; rename one"


def _beam(facility: Description) -> Iterator[str]:
    beam = facility.beam
    quantities = [q.name for q in facility.quantity]
    yield from _missing("beam", "current_knob", beam.current_knob, "knob", [k.name for k in facility.knob])
    yield from _missing("beam", "topup_knob", beam.topup_knob, "knob", [k.name for k in facility.knob])
    yield from _missing("beam", "lifetime", beam.lifetime, "quantity", quantities)
    if facility.kind == "ring" and not (beam.current_knob and beam.lifetime):
        yield "beam: a ring needs current_knob (its stored current) and lifetime (a quantity)"
    if facility.kind == "ring" and beam.fill_per_h is None:
        yield "beam: a ring needs fill_per_h, the filling rate in mA per hour"
    for k in facility.knob:
        if k.name == beam.current_knob and k.low <= 0:
            yield f"knob {k.name!r}: low = {k.low:g} {k.unit} must be above 0, because this knob is the stored current"
        if k.name == beam.topup_knob and k.unit != "min":
            yield f"knob {k.name!r}: unit = {k.unit!r} must be 'min', because this knob is the time between refills"
    if facility.access.from_h == facility.access.to_h:
        yield f"access: from_h = to_h = {facility.access.from_h:g}: the tunnel is never open; 0 ... 24 is all day"


def _interlocks(facility: Description) -> Iterator[str]:
    knobs = {k.name: k.value for k in facility.knob}
    for lock in facility.interlock:
        where = f"interlock {lock.name!r}"
        unknowns = [text for name in lock.factor for text in _missing(where, "factor", name, "knob", knobs)]
        yield from unknowns
        value = sum(factor * knobs.get(name, 0.0) for name, factor in lock.factor.items())
        low, high = (
            lock.low if lock.low is not None else value,
            lock.high if lock.high is not None else value,
        )
        if not unknowns and not low <= value <= high:
            bound = f">= {lock.low:g}" if value < low else f"<= {lock.high:g}"
            yield f"{where}: the knobs' values give {value:g} {lock.unit}, which must be {bound}; change one of them"


def _quantities(facility: Description) -> Iterator[str]:
    knobs, values = [k.name for k in facility.knob], {q.name: q.value for q in facility.quantity}
    for q in facility.quantity:
        for name in (*q.power, *q.slope):
            yield from _missing(
                f"quantity {q.name!r}", "power/slope", name, "knob or condition", facility.inputs
            )
        if q.law == "touschek" and q.voltage not in knobs:
            yield f"quantity {q.name!r}: law = 'touschek' needs voltage = the name of a knob in MV"
    for b in facility.beamline:
        yield from _missing(f"beamline {b.name!r}", "flux", b.flux, "quantity", values)
    scales = {b.flux for b in facility.beamline} | ({facility.beam.lifetime or ""} - {""})
    for name in sorted(scales):
        if values.get(name, 1.0) <= 0:
            yield f"quantity {name!r}: value = {values[name]:g} must be above 0, as a flux or lifetime"


def _powers_of_zero(facility: Description) -> Iterator[str]:
    at_zero = {x.name for x in [*facility.knob, *facility.condition] if x.value <= 0}
    powers = [(f"quantity {q.name!r}", q.power) for q in facility.quantity]
    powers += [(f"shock {s.name!r}", s.power) for s in facility.shock]
    powers += [(f"subsystem {s.name!r} mode {m.name!r}", m.power) for s in facility.subsystem for m in s.mode]
    for where, power in powers:
        for name in sorted(at_zero & set(power)):
            yield f"{where}.power: {name!r} has no positive reference value, so it cannot have a power; use slope"


def _subsystem(facility: Description, subsystem: Subsystem) -> Iterator[str]:
    where, standby, preventive = f"subsystem {subsystem.name!r}", subsystem.standby, subsystem.preventive
    if standby and standby.in_service >= subsystem.units:
        yield (
            f"{where}.standby: in_service = {standby.in_service} of units = {subsystem.units} leaves none "
            "in reserve; raise units or drop standby"
        )
    if standby and any(m.effect != "unit" for m in subsystem.mode):
        yield f"{where}.standby: its modes need effect = 'unit'; a gate states the effect of missing units"
    if preventive:
        yield from _missing(f"{where}.preventive", "crew", preventive.crew, "skill", _skills(facility))


def _replaced_together(facility: Description) -> Iterator[str]:
    groups = {s.replaced_with: s for s in reversed(facility.subsystem) if s.replaced_with}
    for s in facility.subsystem:
        first = groups.get(s.replaced_with or "", s)
        if s.units != first.units:
            yield (
                f"subsystem {s.name!r}.replaced_with = {s.replaced_with!r}: it has units = {s.units}, but "
                f"subsystem {first.name!r} has {first.units}; they are replaced together, make them equal"
            )


def _mode(facility: Description, subsystem: Subsystem, mode: Mode) -> Iterator[str]:
    where = f"subsystem {subsystem.name!r} mode {mode.name!r}"
    yield from _missing(where, "crew", mode.crew, "skill", _skills(facility))
    yield from _missing(where, "spare", mode.spare, "spare", [s.name for s in facility.spare])
    yield from _missing(where, "beamline", mode.beamline, "beamline", [b.name for b in facility.beamline])
    if (mode.effect == "beamline") != (mode.beamline is not None):
        yield f"{where}: effect = 'beamline' and beamline = NAME need each other"
    if mode.effect == "injection" and facility.kind == "linac":
        yield f"{where}: effect = 'injection' needs a ring; a linac has no stored beam"
    if mode.proof_test_h is not None and mode.effect != "unit":
        yield f"{where}: proof_test_h hides the failure until a test, but effect = {mode.effect!r} is seen at once"
    if mode.minimal_repair and mode.life.power is None:
        yield f"{where}: minimal_repair needs law = 'weibull' (a power law), not {mode.law!r}"
    yield from _phases(facility, where, mode)
    for name in (*mode.power, *mode.slope):
        yield from _missing(where, "power/slope", name, "knob or condition", facility.inputs)


def _shocks(facility: Description) -> Iterator[str]:
    modes = facility.mode_names
    for shock in facility.shock:
        yield from _phases(facility, f"shock {shock.name!r}", shock)
        for name in shock.hits:
            yield from _missing(f"shock {shock.name!r}", "hits", name, "mode", modes)
        for name in (*shock.power, *shock.slope):
            yield from _missing(
                f"shock {shock.name!r}", "power/slope", name, "knob or condition", facility.inputs
            )
    if facility.shocks and any(s.name == "shock" for s in facility.subsystem):
        yield "subsystem 'shock': this name is reserved for the common causes; rename it"


def _phases(facility: Description, where: str, ageing: Mode | Shock) -> Iterator[str]:
    """Phases that never occur, or that have no beam although ageing needs it."""
    if ageing.phases is None:
        return
    blocks = {"maintenance": "shutdown"}
    occurring = {"startup"} | {blocks.get(block.phase, block.phase) for block in facility.schedule.block}
    occurring |= {"injection"} if facility.kind == "ring" else set()
    with_beam = occurring - {"startup", "shutdown"}
    if not occurring & set(ageing.phases):
        yield f"{where}: phases = {ageing.phases} never occur here; those that do are {sorted(occurring)}"
    elif ageing.ages == "beam" and not with_beam & set(ageing.phases):
        yield f"{where}: phases = {ageing.phases} have no beam, so with ages = 'beam' it never ages"


def _schedule(facility: Description) -> Iterator[str]:
    blocks, lines = facility.schedule.block, [b.name for b in facility.beamline]
    for line in facility.beamline:
        for visit in line.visit:
            if visit.start_h >= facility.schedule.period_h:
                yield (
                    f"beamline {line.name!r} visit: start_h = {visit.start_h:g} is not within the schedule's period of "
                    f"{facility.schedule.period_h:g} h; visits repeat with the schedule"
                )
    if not any(block.phase == "user" for block in blocks):
        yield "schedule: no block has phase = 'user'; add one"
    for i, block in enumerate(blocks):
        for name in block.beamlines or []:
            yield from _missing(f"schedule.block[{i}]", "beamlines", name, "beamline", lines)
    waits = any(m.access == "defer" for s in facility.subsystem for m in s.mode)
    waits |= any(s.preventive and s.preventive.when == "shutdown" for s in facility.subsystem)
    if waits and not any(block.phase == "maintenance" for block in blocks):
        yield "schedule: no block has phase = 'maintenance', but some work waits for one; add one"
    elif any(m.access == "defer" for s in facility.subsystem for m in s.mode) and not _allows_entry(facility):
        yield (
            f"access: no maintenance block allows entry, {facility.access.cooldown_h:g} h (cooldown_h) after "
            f"beam-off and from {facility.access.from_h:g} to {facility.access.to_h:g} h; lengthen or move a block"
        )


def _allows_entry(facility: Description) -> bool:
    """True if the tunnel is open in some maintenance block of 24 periods of the schedule."""
    access, off_h, end_h = facility.access, 0.0, 0.0
    for block in facility.schedule.block * 24:
        start_h, end_h = end_h, end_h + block.hours
        if block.phase != "maintenance":
            off_h = end_h
        elif window(max(start_h, off_h + access.cooldown_h), access.from_h, access.to_h)[0] < end_h:
            return True
    return False

"""The features of a facility that the batched engine does not support; it refuses them and never ignores them."""

from collections.abc import Iterator

from twin.facility import Crew, Facility, Mode


def lacking(facility: Facility) -> list[str]:
    """Each feature in use that only the reference engine supports, with its table; empty if there is none."""
    found = [f"{where}: {what}" for where, what in _features(facility)]
    return list(dict.fromkeys(found))


def _features(facility: Facility) -> Iterator[tuple[str, str]]:
    for crew in facility.crew:
        yield from ((f"crew {crew.name!r}", what) for what in _crew(facility, crew))
    for line in facility.beamline:
        where = f"beamline {line.name!r}"
        yield from ((where, key) for key in ("dose_sigma", "urgent_share") if getattr(line, key))
    for shock in facility.shocks:
        yield f"shock {shock.name!r}", "common causes"
    for s in facility.subsystem:
        keys = ("standby", "preventive", "replaced_with")
        yield from ((f"subsystem {s.name!r}", key) for key in keys if getattr(s, key) is not None)
        for mode in s.mode:
            yield from ((f"mode '{s.name}.{mode.name}'", what) for what in _mode(mode))


def _crew(facility: Facility, crew: Crew) -> Iterator[str]:
    if crew.shift:
        yield "shift"
    if len(crew.skills) > 1 or any(
        set(crew.skills or [crew.name]) & set(other.skills or [other.name])
        for other in facility.crew
        if other is not crew
    ):
        yield "several skills, or one skill of several crews"


def _mode(mode: Mode) -> Iterator[str]:
    if mode.life.power is None:
        yield f"law = {mode.law!r}"
    if mode.at_start:
        yield "at_start"
    if mode.proof_test_h:
        yield "proof_test_h"
    if mode.access != "none":
        yield f"access = {mode.access!r}"
    if mode.spare:
        yield "spare"
    if mode.priority:
        yield "priority"

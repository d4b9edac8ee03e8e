"""Windows as they might have been: knobs held elsewhere, a case of a scenario, a policy in charge."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from replay_data.window import Window, check_recoverable
from twin import Facility, Space, UserError
from twin.nominal import nominal
from twin.plant import build
from twin.whatif import CaseTable
from twin.whatif import changed as facility_of_case

RECORDED = {
    "knob": "its limits are those the log was made under",
    "condition": "the log's own are replayed",
    "quantity": "the model's own are replayed",
    "schedule": "the recorded one is replayed",
}
ARRIVALS = ("experiments_per_week", "samples_per_experiment", "visit")
LEARNED = ("power", "slope")

Policy = Callable[[float, np.ndarray, np.ndarray], Any]
"""Hour of the log, recorded settings [K] and conditions [C] to settings [K]."""


def altered(view: Window, changes: dict[str, float]) -> Window:
    """The window with some knobs held at other values throughout; UserError beyond a knob's limits."""
    return _held(view, Space.of(view.facility).override(view.scenario.settings, changes))


def by_policy(view: Window, policy: Policy) -> Window:
    """The window with the settings that a policy would have chosen at the start of each epoch."""
    space, scenario = Space.of(view.facility), view.scenario
    rows = []
    for hour, held, conditions in zip(scenario.edges_h, scenario.settings, scenario.conditions, strict=False):
        chosen = np.asarray(policy(float(hour + view.from_h), held.copy(), conditions.copy()), float)
        if chosen.shape != held.shape:
            raise UserError(
                f"policy at hour {hour + view.from_h:g}: it gave {chosen.size} settings, the facility has "
                f"{held.size}: {', '.join(space.names)}"
            )
        try:
            rows.append(space.check(chosen))
        except UserError as error:
            raise UserError(f"policy at hour {hour + view.from_h:g}: {error}") from None
    return _held(view, np.array(rows))


def by_case(view: Window, case: CaseTable) -> Window:
    """The window in a facility changed by a scenario's case: knobs, crews, modes, other keys.

    A mode's other mean life multiplies the hazard that the model learned; the luck stays. UserError for
    changes that the record or the model overrules, and for those that change which processes there are.
    """
    facility, _ = facility_of_case(view.facility, case)
    _overruled(view.facility, facility, case.name)
    check_recoverable(facility)
    if facility.process_names != view.facility.process_names:
        raise UserError(
            f"case {case.name!r}: it changes which failure processes there are, and luck belongs to processes; "
            "compare such cases with `beamtwin whatif`"
        )
    try:
        changed = altered(view, case.set)
    except UserError as error:
        raise UserError(f"case {case.name!r}: {error}") from None
    times = nominal(facility).hazard / nominal(view.facility).hazard
    return replace(
        changed,
        facility=facility,
        plant=build(facility),
        hazard_times=None if (times == 1.0).all() else times,
    )


def _overruled(before: Facility, after: Facility, case: str) -> None:
    """Refuse changes without effect in a replay, rather than ignore them."""
    old, new = before.model_dump(), after.model_dump()
    found = [f"{table}: {why}" for table, why in RECORDED.items() if old[table] != new[table]]
    for mine, other in zip(old["beamline"], new["beamline"], strict=False):
        found += [
            f"{mine['name']}.{k}: recorded arrivals are replayed" for k in ARRIVALS if mine[k] != other[k]
        ]
    for (system, mode, _), (_, other, _) in zip(before.processes, after.processes, strict=False):
        for key in LEARNED:
            if getattr(mode, key) != getattr(other, key):
                found.append(f"{system.name}.{mode.name}.{key}: the model's own is replayed")
    if found:
        raise UserError(
            f"case {case!r} changes what a replay takes from the log or the model: {'; '.join(found)}"
        )


def _held(view: Window, settings: np.ndarray) -> Window:
    return replace(view, scenario=replace(view.scenario, settings=settings))


class Reach(NamedTuple):
    """Where settings leave what was seen before."""

    inside: float  # share of the window's hours within it
    farthest: float  # the largest distance, in the measure's unit
    limit: float  # endless: the law does not know what was seen
    outside_h: list[tuple[float, float]]  # stretches outside, hours of the log
    beyond: list[str]  # knobs outside the window's own recorded range, in words

    @property
    def words(self) -> str:
        """The finding as a sentence."""
        if not np.isfinite(self.limit):
            knobs = "; ".join(self.beyond) or "here all settings lie within what this window recorded"
            return f"The facility file's own law does not know what logs have seen: {knobs}."
        measure = f"distance up to {self.farthest:.2f}, limit {self.limit:.2f}"
        if not self.outside_h:
            return f"These settings lie inside what the logs have seen ({measure})."
        hours = ", ".join(f"{a:g} to {b:g}" for a, b in self.outside_h[:3])
        more = f" and {len(self.outside_h) - 3} more stretches" if len(self.outside_h) > 3 else ""
        knobs = f"; {'; '.join(self.beyond)}" if self.beyond else ""
        return (
            f"These settings leave what the logs have seen for {100 * (1 - self.inside):.0f} % of the time "
            f"(hours {hours}{more}; {measure}){knobs}: "
            "there the model guesses."
        )


def reach(view: Window, changed: Window, distance: Callable[[Any, Any], Any], limit: float) -> Reach:
    """Where ``changed`` goes farther than ``limit``; ``distance`` of settings [E, K], conditions [E, C] is [E]."""
    edges, world = view.scenario.edges_h, changed.scenario
    width = np.diff(edges)
    away = np.where(width > 0, np.asarray(distance(world.settings, world.conditions)), 0.0)
    out = away > limit
    moved = np.flatnonzero(np.diff(np.r_[False, out, False]))
    stretches = [
        (float(edges[a] + view.from_h), float(edges[b] + view.from_h)) for a, b in moved.reshape(-1, 2)
    ]
    beyond = []
    for k, knob in enumerate(view.facility.knob):
        low, high = view.scenario.settings[:, k].min(), view.scenario.settings[:, k].max()
        least, most = world.settings[:, k].min(), world.settings[:, k].max()
        if least < low or most > high:
            told = f"{least:g}" if least == most else f"{least:g} ... {most:g}"
            beyond.append(f"{knob.name} {told} against {low:g} ... {high:g} {knob.unit} recorded")
    inside = float(1.0 - width[out].sum() / width.sum())
    return Reach(inside, float(away.max()), float(limit), stretches, beyond)

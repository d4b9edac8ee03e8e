"""Counterfactual windows: other settings, a case of a scenario, or settings chosen by a policy."""

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
    "knob": "the limits of the time of recording are used",
    "condition": "the recorded conditions are replayed",
    "quantity": "the model's quantities are used",
    "schedule": "the recorded schedule is replayed",
}
ARRIVALS = ("experiments_per_week", "samples_per_experiment", "visit")
LEARNED = ("power", "slope")

Policy = Callable[[float, np.ndarray, np.ndarray], Any]
"""A function from the hour of the log, the recorded settings [K] and the conditions [C] to settings [K]."""


def altered(view: Window, changes: dict[str, float]) -> Window:
    """The window with some knobs held at other values throughout; UserError outside a knob's limits."""
    return _held(view, Space.of(view.facility).override(view.scenario.settings, changes))


def by_policy(view: Window, policy: Policy) -> Window:
    """The window with the settings that a policy chooses at the start of each epoch."""
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
    """The window with a facility changed by a scenario's case: knobs, crews, modes, other keys.

    A changed mean life of a mode multiplies the learned hazard; the random inputs stay the same. Raises
    UserError for changes that have no effect in a replay, and for those that change the set of processes.
    """
    facility, _ = facility_of_case(view.facility, case)
    _overruled(view.facility, facility, case.name)
    check_recoverable(facility)
    if facility.process_names != view.facility.process_names:
        raise UserError(
            f"case {case.name!r}: it changes the set of failure processes, and random inputs belong to processes; "
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
    """Refuse changes that have no effect in a replay, instead of ignoring them."""
    old, new = before.model_dump(), after.model_dump()
    found = [f"{table}: {why}" for table, why in RECORDED.items() if old[table] != new[table]]
    for mine, other in zip(old["beamline"], new["beamline"], strict=False):
        found += [
            f"{mine['name']}.{k}: recorded arrivals are replayed" for k in ARRIVALS if mine[k] != other[k]
        ]
    for (system, mode, _), (_, other, _) in zip(before.processes, after.processes, strict=False):
        for key in LEARNED:
            if getattr(mode, key) != getattr(other, key):
                found.append(f"{system.name}.{mode.name}.{key}: the model's value is used")
    if found:
        raise UserError(
            f"case {case!r} changes what a replay takes from the log or the model: {'; '.join(found)}"
        )


def _held(view: Window, settings: np.ndarray) -> Window:
    return replace(view, scenario=replace(view.scenario, settings=settings))


class Reach(NamedTuple):
    """Where settings lie outside the support of the logs."""

    inside: float  # share of the window's hours inside the support
    farthest: float  # the largest distance, in the unit of the measure
    limit: float  # the limit of the support; infinite for a law without known support
    outside_h: list[tuple[float, float]]  # stretches outside, hours of the log
    beyond: list[str]  # text for each knob outside its recorded range in the window

    @property
    def words(self) -> str:
        """The finding as a sentence."""
        if not np.isfinite(self.limit):
            knobs = "; ".join(self.beyond) or "all settings lie in the recorded range of this window"
            return f"The support of the facility file's own law is unknown: {knobs}."
        measure = f"distance up to {self.farthest:.2f}, limit {self.limit:.2f}"
        if not self.outside_h:
            return f"These settings lie inside the support of the logs ({measure})."
        hours = ", ".join(f"{a:g} to {b:g}" for a, b in self.outside_h[:3])
        more = f" and {len(self.outside_h) - 3} more stretches" if len(self.outside_h) > 3 else ""
        knobs = f"; {'; '.join(self.beyond)}" if self.beyond else ""
        return (
            f"These settings lie outside the support of the logs for {100 * (1 - self.inside):.0f} % of the time "
            f"(hours {hours}{more}; {measure}){knobs}: "
            "there the model extrapolates."
        )


def reach(view: Window, changed: Window, distance: Callable[[Any, Any], Any], limit: float) -> Reach:
    """Where ``changed`` lies outside the support: ``distance(settings [E, K], conditions [E, C])`` above ``limit``."""
    edges, scenario = view.scenario.edges_h, changed.scenario
    width = np.diff(edges)
    away = np.where(width > 0, np.asarray(distance(scenario.settings, scenario.conditions)), 0.0)
    outside = away > limit
    moved = np.flatnonzero(np.diff(np.r_[False, outside, False]))
    stretches = [
        (float(edges[a] + view.from_h), float(edges[b] + view.from_h)) for a, b in moved.reshape(-1, 2)
    ]
    beyond = []
    for k, knob in enumerate(view.facility.knob):
        low, high = view.scenario.settings[:, k].min(), view.scenario.settings[:, k].max()
        least, most = scenario.settings[:, k].min(), scenario.settings[:, k].max()
        if least < low or most > high:
            values = f"{least:g}" if least == most else f"{least:g} ... {most:g}"
            beyond.append(f"{knob.name} {values} against {low:g} ... {high:g} {knob.unit} recorded")
    inside = float(1.0 - width[outside].sum() / width.sum())
    return Reach(inside, float(away.max()), float(limit), stretches, beyond)

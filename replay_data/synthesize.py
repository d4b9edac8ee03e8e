"""Synthetic operations logs: a run of the twin under the law of a hidden plant, recorded as in an archive."""

from datetime import UTC, datetime, timedelta

import jax
import numpy as np

from replay_data import hidden
from replay_data.record import Channel, Record, instant
from twin import Facility, Space, UserError, laws, reference
from twin.beam_states import STORED
from twin.draws import draw, enough
from twin.nominal import at
from twin.plant import build, rates
from twin.reference import DECAY, FILL, Run
from twin.scenario import Calendar, calendar
from twin.types import Progress, silent

START = "2026-01-01T00:00:00+00:00"
"""The default start of a log: fixed, so that equal calls give equal logs."""
EPOCH_H = 24.0
SAMPLE_H = 1.0 / 6.0
TWICE = 5


def synthesize(
    facility: Facility,
    days: float,
    seed: int,
    start: str = START,
    progress: Progress = silent,
) -> Record:
    """A log of ``days`` days from ``start`` (ISO 8601), with sensor faults as in real archives.

    The same seed gives the same log; ``hidden.plant_law(facility, seed)`` is the law of its plant.
    """
    hours = 24.0 * days
    epochs = int(np.ceil(hours / EPOCH_H))
    edges = np.minimum(np.arange(epochs + 1) * EPOCH_H, hours)
    rng = np.random.default_rng([seed, 15485863])
    settings = operate(facility, epochs, rng)
    law = hidden.plant_law(facility, seed)
    run = _run(facility, law, settings, edges, seed, progress)
    channels = _setpoints(facility, settings, edges) | _beam(facility, run, hours)
    channels |= _sensors(facility, law, settings, edges, run, seed, rng)
    tables = {
        "faults": _faults(facility, run),
        "schedule": _schedule(facility, run.calendar, hours),
        "experiments": _experiments(facility, run, hours),
        "actions": _actions(facility, settings, edges),
    }
    return Record(facility.name, start, hours, channels, tables)


def start_of(days: float, end: str | None = None) -> str:
    """The start (ISO 8601, a whole hour of UTC) of a log of ``days`` days that ends at ``end``, or now.

    The log ends less than an hour before that, so that the dashboard accepts it as the present state.
    """
    last = instant(end, "end") if end is not None else datetime.now(UTC)
    try:
        first = last - timedelta(days=days)
    except OverflowError:
        raise UserError(f"a log of {days:g} days would begin before the year 1; ask for fewer days") from None
    return first.replace(minute=0, second=0, microsecond=0).isoformat()


def operate(facility: Facility, epochs: int, rng) -> np.ndarray:
    """Settings [E, K] as of an operator: a daily random walk about the present ones, within limits and ramps.

    If a linear quantity (a linac's energy) is below its promised bound, its knobs are raised.
    """
    space = Space.of(facility)
    home = space.to_unit(space.present)
    unit, held, rows = home, space.present, []
    for _ in range(epochs):
        unit = home + 0.8 * (unit - home) + 0.09 * rng.normal(size=len(home))
        wanted = _keep_promises(facility, space, space.clip(space.from_unit(unit)))
        held = space.step(held, wanted, EPOCH_H)
        rows.append(held)
    rows = _rounded(space, np.array(rows))
    outside = ~space.inside(rows)  # outside an interlock because of the rounding
    return np.where(outside[:, None], space.present + 0.999 * (rows - space.present), rows)


def _rounded(space: Space, rows: np.ndarray) -> np.ndarray:
    """Settings [E, K] rounded to four decimals; for a knob with a range below 1, to four digits of its range."""
    digits = [4 + max(0, int(np.ceil(-np.log10(span)))) for span in space.high - space.low]
    columns = [np.round(rows[:, k], decimals) for k, decimals in enumerate(digits)]
    return np.stack(columns, axis=1) if columns else rows


def _keep_promises(facility: Facility, space: Space, settings: np.ndarray) -> np.ndarray:
    for quantity in facility.quantity:
        if quantity.law == "linear" and quantity.low is not None:
            slope = np.array([quantity.slope.get(name, 0.0) for name in space.names])
            if not slope.any():
                continue
            short = quantity.low * 1.002 - (quantity.value + slope @ (settings - space.present))
            settings = space.clip(settings + max(short, 0.0) * slope / (slope @ slope))
    return settings


def _run(facility, law, settings, edges, seed, progress) -> Run:
    plant = build(facility)
    conditions = hidden.conditions(facility, (edges[:-1] + edges[1:]) / 2, seed)
    often = 2.0 * rates(plant, np.asarray(_points(law, settings, conditions).hazard).max(axis=0))
    stated = [4.0 * units / mode.mean_h for _, mode, units in facility.processes]
    draws = draw(facility, 1, *enough(facility, edges[-1], np.maximum(often, stated)), seed=seed)
    run = reference.start(plant, draws.run(0), calendar(facility, edges[-1]))
    for e, until_h in enumerate(edges[1:]):
        run.advance(law, settings[e], conditions[e], float(until_h))
        progress("running the hidden plant", (e + 1) / len(conditions))
    if run.exhausted:
        raise RuntimeError(
            "the run used more random inputs than were drawn: a defect of replay_data.synthesize"
        )
    return run


def _setpoints(facility: Facility, settings, edges) -> dict[str, Channel]:
    channels = {}
    for k, knob in enumerate(facility.knob):
        moved = np.r_[True, np.diff(settings[:, k]) != 0]
        channels[knob.name] = Channel(
            knob.name, edges[:-1][moved], settings[moved, k], knob.unit, "setpoint", knob.pv, knob.title
        )
    return channels


def _beam(facility: Facility, run: Run, hours: float) -> dict[str, Channel]:
    curve = run.curve
    at_h = np.array([p.at_h for p in curve])
    mode = np.array([p.mode for p in curve], float)
    last = np.r_[at_h[1:] > at_h[:-1], True]
    at_h, mode = at_h[last], mode[last]
    moved = np.r_[True, np.diff(mode) != 0]
    channels = {
        "beam_state": Channel("beam_state", at_h[moved], mode[moved], "", "state", title="Beam state")
    }
    if facility.kind == "ring":
        stamps = np.arange(0.0, hours, SAMPLE_H)
        channels["stored_current"] = Channel(
            "stored_current",
            stamps,
            current_at(run, stamps),
            "mA",
            "readback",
            "SR:DCCT:CURRENT",
            "Stored current",
        )
    for b, line in enumerate(facility.beamline):
        done = np.array([p.done[b] for p in curve])[last]
        stamps, read = np.r_[at_h[at_h < hours], hours], np.r_[done[at_h < hours], run.lines[b].done]
        name = f"samples_{line.name}"
        channels[name] = Channel(name, stamps, np.floor(read), "", "counter", title=f"Samples, {line.title}")
    return channels


def current_at(run: Run, hours: np.ndarray) -> np.ndarray:
    """The stored current [mA] at ``hours``, from the pieces of the run's curve."""
    at_h, mode, regime, current, gas, touschek = (
        np.array([p[i] for p in run.curve], float) for i in range(6)
    )
    i = np.maximum(np.searchsorted(at_h, hours, side="right") - 1, 0)
    since = np.maximum(hours - at_h[i], 0.0)
    fallen = laws.decay(current[i], np.maximum(gas[i], 1e-12), touschek[i], since)
    filled = current[i] + float(run.plant.fill_per_h) * since
    moved = np.where(regime[i] == DECAY, fallen, np.where(regime[i] == FILL, filled, current[i]))
    return np.where(mode[i] == STORED, moved, 0.0)


@jax.jit
def _points(law, settings, conditions):
    return jax.vmap(at, in_axes=(None, 0, 0))(law, settings, conditions)


def _sensors(facility, law, settings, edges, run: Run, seed: int, rng) -> dict[str, Channel]:
    """Conditions and quantities every ten minutes, with noise and sensor faults."""
    stamps = np.arange(0.0, edges[-1], SAMPLE_H)
    conditions = hidden.conditions(facility, stamps, seed)
    epoch = np.minimum(np.searchsorted(edges, stamps, side="right") - 1, len(settings) - 1)
    quantity = np.asarray(_points(law, settings[epoch], conditions).quantity)
    at_h = np.array([p.at_h for p in run.curve])
    mode = np.array([p.mode for p in run.curve])
    stored = mode[np.searchsorted(at_h, stamps, side="right") - 1] == STORED
    lost = _gaps(stamps, rng)
    absolute, relative = hidden.sensor_noise(facility)
    channels = {}
    for c, condition in enumerate(facility.condition):
        value = conditions[:, c] + rng.normal(0.0, absolute[c], len(stamps))
        channels[condition.name] = _faulty(condition, "condition", stamps[~lost], value[~lost], rng)
    for q, row in enumerate(facility.quantity):
        value = quantity[:, q] * (1.0 + relative[row.name] * rng.normal(size=len(stamps)))
        recorded = stored & ~lost
        channels[row.name] = _faulty(row, "quantity", stamps[recorded], value[recorded], rng)
    return channels


def _gaps(stamps, rng) -> np.ndarray:
    """Mask of three stretches of 4 to 20 hours in which the archiver was down."""
    lost = np.zeros(len(stamps), bool)
    for start in rng.uniform(0.0, stamps[-1], 3):
        lost |= (stamps >= start) & (stamps < start + rng.uniform(4.0, 20.0))
    return lost


def _faulty(row, role: str, stamps, value, rng) -> Channel:
    """A channel with spikes, NaN, one stuck stretch and a few repeated stamps; none if there are only a few samples."""
    if len(value) < TWICE:
        return Channel(row.name, stamps, value, row.unit, role, row.pv, row.title)
    value = value.copy()
    spikes = rng.choice(len(value), max(1, len(value) // 2000), replace=False)
    value[spikes] *= rng.choice([0.2, 5.0], len(spikes))
    value[rng.choice(len(value), max(1, len(value) // 3000), replace=False)] = np.nan
    stuck = rng.integers(0, max(1, len(value) - 120))
    if np.isfinite(value[stuck]):
        value[stuck : stuck + 90] = value[stuck]
    twice = np.sort(np.r_[np.arange(len(value)), rng.choice(len(value), TWICE, replace=False)])
    return Channel(row.name, stamps[twice], value[twice], row.unit, role, row.pv, row.title)


def _faults(facility: Facility, run: Run) -> dict[str, np.ndarray]:
    """One row per failure: start, start of the repair, end (NaN while open)."""
    begun = {}
    rows = []
    for event in run.trace:
        if event.kind == "fail":
            begun[event.subject, event.life] = [event.subject, event.at_h, np.nan, np.nan]
            rows.append(begun[event.subject, event.life])
        elif event.kind == "repair":
            begun[event.subject, event.life][2] = event.at_h
        elif event.kind == "fixed":
            row = begun[event.subject, event.life]
            row[3], row[2] = event.at_h, row[1] if np.isnan(row[2]) else row[2]
    names = facility.process_names
    causes = [name.split(".")[0] for name in names]
    columns = np.array(rows, float).reshape(-1, 4)
    which = columns[:, 0].astype(int)
    return {
        "process": np.array([names[p] for p in which], str),
        "start_h": columns[:, 1],
        "repair_start_h": columns[:, 2],
        "end_h": columns[:, 3],
        "cause": np.array([causes[p] for p in which], str),
        "comment": np.array([""] * len(which), str),
    }


def _schedule(facility: Facility, plan: Calendar, hours: float) -> dict[str, np.ndarray]:
    blocks = facility.schedule.block
    ends = np.minimum(plan.end_h, hours)
    starts = np.r_[0.0, ends[:-1]]
    kept = np.flatnonzero(starts < hours)
    every = ",".join(line.name for line in facility.beamline)
    rows = [blocks[i % len(blocks)] for i in kept]
    return {
        "start_h": starts[kept],
        "end_h": ends[kept],
        "phase": np.array([b.phase for b in rows], str),
        "beamlines": np.array(
            ["" if b.phase != "user" else ",".join(b.beamlines) if b.beamlines else every for b in rows], str
        ),
    }


def _experiments(facility: Facility, run: Run, hours: float) -> dict[str, np.ndarray]:
    rows = [
        (line.name, at_h, size)
        for b, line in enumerate(facility.beamline)
        for at_h, size in zip(run.draws.arrive_h[b], np.diff(run.draws.demand[b]), strict=True)
        if at_h <= hours
    ]
    return {
        "beamline": np.array([name for name, _, _ in rows], str),
        "arrive_h": np.array([at_h for _, at_h, _ in rows], float),
        "samples": np.array([size for _, _, size in rows], float),
    }


def _actions(facility: Facility, settings, edges) -> dict[str, np.ndarray]:
    e, k = np.nonzero(np.diff(settings, axis=0))
    return {
        "time_h": edges[1:-1][e],
        "knob": np.array([facility.knob[i].name for i in k], str),
        "before": settings[e, k],
        "after": settings[e + 1, k],
    }

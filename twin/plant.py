"""The plant: a facility as plain arrays; its laws and its operating point."""

import math
from typing import Any, NamedTuple, Protocol, get_args

import numpy as np

from twin import laws
from twin.facility import Facility, Mode, Process
from twin.facility.table import Phase
from twin.tree import EFFECTS, Tree, build_tree

UNLIMITED_H = 1e9
PHASES = get_args(Phase)


class Plant(NamedTuple):
    """A facility as arrays: P failure processes, K clocks, C crews, B beamlines.

    Times in hours, current in mA (a linac has current 1 while beam is on).
    """

    units: Any  # [P] identical units of the process
    shape: Any  # [P] Weibull shape, 1 = memoryless; nan = another failure law
    minimal: Any  # [P] a repair does not reset the age
    clock: Any  # [P] index into the clocks
    clock_beam: Any  # [K] the clock stands still without stored beam
    clock_phase: Any  # [K, 5] phases in which the clock runs
    effect: Any  # [P] index into EFFECTS
    line: Any  # [P] beamline that a beamline fault stops, else -1
    diagnosis_h: Any  # [P]
    crew: Any  # [P] crew that repairs, -1 = no crew needed
    repair_mu: Any  # [P] log of the median repair time
    conditioning_h: Any  # [P]
    crew_size: Any  # [C]
    ring: Any  # [] beam is stored and refilled
    restart_h: Any  # []
    fill_per_h: Any  # [] mA/h
    low_share: Any  # [] of the target, below which users have no beam
    touschek_share: Any  # []
    merge_h: Any  # [] outages closer than this count once
    current_knob: Any  # [] index of the stored-current knob, -1 = none
    lifetime: Any  # [] index of the lifetime quantity, -1 = none
    flux: Any  # [B] index of each beamline's flux quantity
    flux_ref: Any  # [B] its reference value
    exchange_h: Any  # [B]
    exposure_h: Any  # [B] at reference flux
    warmup_h: Any  # [B]
    warmup_tau_h: Any  # [B]
    weight: Any  # [B]
    tree: Tree
    processes: tuple[Process, ...]  # [P]; with facility: the tables, for features of the reference engine
    facility: Facility


class LawOutput(NamedTuple):
    """The output of a law at one operating point: hazards and quantities."""

    hazard: Any  # [P] 1/h**shape
    quantity: Any  # [Q] in the facility's units


class Law(Protocol):
    """A function from settings [K] and conditions [C] to a LawOutput; a pytree, so engines take it as an argument."""

    def __call__(self, settings: Any, conditions: Any) -> LawOutput: ...


class OperatingPoint(NamedTuple):
    """An operating point as the engines use it: hazards, target current, loss rates and flux."""

    hazard: Any  # [P]
    target: Any  # [] mA
    gas: Any  # [] 1/h
    touschek: Any  # [] 1/(h mA)
    flux_per_ma: Any  # [B] reference flux per mA


def build(facility: Facility) -> Plant:
    """The arrays of a facility."""
    lines = [b.name for b in facility.beamline]
    modes = [m for _, m, _ in facility.processes]
    beam, knobs = facility.beam, [k.name for k in facility.knob]
    flux = [facility.quantity_index(b.flux) for b in facility.beamline]
    clocks = _clocks(modes)
    times = [m.repair.time for m in modes]

    def hours(values):
        return np.array([v / 60.0 for v in values])

    return Plant(
        units=np.array([n for _, _, n in facility.processes], int),
        shape=np.array([np.nan if (power := m.life.power) is None else power for m in modes], float),
        minimal=np.array([m.minimal_repair for m in modes], bool),
        clock=np.array([clocks.index(_clock(m)) for m in modes], int),
        clock_beam=np.array([needs_beam for needs_beam, _ in clocks], bool),
        clock_phase=np.array([[name in names for name in PHASES] for _, names in clocks], bool),
        effect=np.array([EFFECTS.index(m.effect) for m in modes], int),
        line=np.array([lines.index(m.beamline) if m.beamline else -1 for m in modes], int),
        diagnosis_h=np.array([m.diagnosis_h for m in modes], float),
        crew=np.array([_crew(facility, m) for m in modes], int),
        repair_mu=np.array([math.log(max(t.hours(0.0), 1e-12)) for t in times], float),
        conditioning_h=np.array([m.conditioning_h for m in modes], float),
        crew_size=np.array([c.size for c in facility.crew], int),
        ring=np.array(facility.kind == "ring"),
        restart_h=np.array(beam.restart_h, float),
        fill_per_h=np.array(beam.fill_per_h or 1.0),
        low_share=np.array(beam.low_share, float),
        touschek_share=np.array(beam.touschek_share, float),
        merge_h=np.array(facility.metrics.merge_h, float),
        current_knob=np.array(knobs.index(beam.current_knob) if beam.current_knob else -1),
        lifetime=np.array(facility.quantity_index(beam.lifetime) if beam.lifetime else -1),
        flux=np.array(flux, int),
        flux_ref=np.array([facility.quantity[i].value for i in flux]),
        exchange_h=hours(b.exchange_min for b in facility.beamline),
        exposure_h=hours(b.exposure_min for b in facility.beamline),
        warmup_h=hours(b.warmup_min for b in facility.beamline),
        warmup_tau_h=hours(b.warmup_tau_min for b in facility.beamline),
        weight=np.array([b.weight for b in facility.beamline], float),
        tree=build_tree(facility),
        processes=tuple(facility.processes),
        facility=facility,
    )


def _clock(mode: Mode) -> tuple[bool, frozenset[str]]:
    return mode.ages == "beam", frozenset(mode.phases or PHASES)


def _clocks(modes: list[Mode]) -> list[tuple[bool, frozenset[str]]]:
    """The distinct clocks. The calendar's and the beam's come first, even if not used."""
    plain = [(False, frozenset(PHASES)), (True, frozenset(PHASES))]
    return list(dict.fromkeys([*plain, *map(_clock, modes)]))


def _crew(facility: Facility, mode: Mode) -> int:
    """The first crew with the skill that a mode needs, -1 if it needs none."""
    skilled = [i for i, c in enumerate(facility.crew) if mode.crew in (c.skills or [c.name])]
    return skilled[0] if mode.crew else -1


def rates(plant: Plant, hazard) -> np.ndarray:
    """The approximate failure rate of each process at these hazards, [P] 1/h: used to size the random inputs."""
    means = np.array([process.mode.mean_h for process in plant.processes])
    power = np.nan_to_num(1.0 / plant.shape, nan=1.0)
    return np.where(np.isnan(plant.shape), hazard / means, np.asarray(hazard) ** power)


def repair_hours(plant: Plant, z, drawn=None) -> np.ndarray:
    """Repair times [..., P, N] of standard normal random numbers z [..., P, N], by the law of each process, [h].

    ``drawn`` [P]: how many of the N were drawn for each process; the others stay 0.
    """
    hours = np.zeros(np.shape(z))
    for p, process in enumerate(plant.processes):
        some = np.s_[..., p, : None if drawn is None else drawn[p]]
        hours[some] = process.mode.repair.time.hours(z[some])
    return hours


def operating_point(plant: Plant, point: LawOutput, settings, xp=np) -> OperatingPoint:
    """The operating point of a law output: losses from the lifetime, flux per mA at the target current.

    A flux of zero or below, as from extrapolation, is raised to 1e-6 of the reference.
    """
    target = xp.where(plant.current_knob >= 0, settings[plant.current_knob], 1.0)
    lifetime = xp.where(plant.lifetime >= 0, point.quantity[plant.lifetime], UNLIMITED_H)
    gas, touschek = laws.losses(xp.maximum(lifetime, 1e-3), target, plant.touschek_share)
    flux = xp.maximum(point.quantity[plant.flux] / plant.flux_ref, 1e-6)
    return OperatingPoint(point.hazard, target, gas, touschek, flux / target)

"""The plant: a facility as plain arrays, the point it is operated at, and its nominal law."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from twin import laws
from twin.facility import Facility

DUMP, INJECTION, DISTORT, BEAMLINE = range(4)
EFFECTS = ("dump", "injection", "distort", "beamline")
UNLIMITED_H = 1e9


class Plant(NamedTuple):
    """What the facility is, in arrays: P failure processes, C crews, B beamlines.

    Times in hours, current in mA (a linac has current 1 while beam is on).
    """

    shape: Any  # [P] Weibull shape, 1 = memoryless
    with_beam: Any  # [P] ages only while beam is stored
    effect: Any  # [P] index into EFFECTS
    line: Any  # [P] beamline that a beamline fault stops, else -1
    crew: Any  # [P] crew that repairs, -1 = resets itself
    repair_mu: Any  # [P] log of the median repair time
    repair_sigma: Any  # [P]
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


class Point(NamedTuple):
    """What a law says of one operating point."""

    hazard: Any  # [P] 1/h**shape
    quantity: Any  # [Q] in the facility's units


class Law(Protocol):
    """Settings [K] and conditions [C] to a Point; a pytree, so that engines take it as an argument."""

    def __call__(self, settings: Any, conditions: Any) -> Point: ...


@jax.jit
def at(law: Law, settings, conditions) -> Point:
    """The Point of a law at one operating point, compiled once per kind of law."""
    return law(settings, conditions)


class Drive(NamedTuple):
    """A Point as the engines use it."""

    hazard: Any  # [P]
    target: Any  # [] mA
    gas: Any  # [] 1/h
    touschek: Any  # [] 1/(h mA)
    flux_per_ma: Any  # [B] reference flux per mA


def build(facility: Facility) -> Plant:
    """The arrays of a facility."""
    crews = [c.name for c in facility.crew]
    lines = [b.name for b in facility.beamline]
    modes = [m for _, m, _ in facility.processes]
    beam, knobs = facility.beam, [k.name for k in facility.knob]
    flux = [facility.quantity_index(b.flux) for b in facility.beamline]

    def hours(values):
        return np.array([v / 60.0 for v in values])

    return Plant(
        shape=np.array([m.shape for m in modes], float),
        with_beam=np.array([m.ages == "beam" for m in modes], bool),
        effect=np.array([EFFECTS.index(m.effect) for m in modes], int),
        line=np.array([lines.index(m.beamline) if m.beamline else -1 for m in modes], int),
        crew=np.array([crews.index(m.crew) if m.crew else -1 for m in modes], int),
        repair_mu=np.array([math.log(m.repair.median_h) for m in modes]),
        repair_sigma=np.array([m.repair.sigma for m in modes], float),
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
    )


def drive(plant: Plant, point: Point, settings, xp=np) -> Drive:
    """The Drive of a Point: losses from the lifetime, flux per mA at the target current.

    A flux that a law extrapolates to zero or below is held at 1e-6 of the reference.
    """
    target = xp.where(plant.current_knob >= 0, settings[plant.current_knob], 1.0)
    lifetime = xp.where(plant.lifetime >= 0, point.quantity[plant.lifetime], UNLIMITED_H)
    gas, touschek = laws.losses(xp.maximum(lifetime, 1e-3), target, plant.touschek_share)
    flux = xp.maximum(point.quantity[plant.flux] / plant.flux_ref, 1e-6)
    return Drive(point.hazard, target, gas, touschek, flux / target)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NominalLaw:
    """The facility file's own law: powers and slopes about the reference settings.

    hazard = base * prod((x/x_ref)**power) * exp(slope . (x - x_ref)); quantities likewise,
    times the Touschek shape of the voltage or as a linear sum where the file says so.
    """

    reference: Any  # [I] inputs: knobs, then conditions
    hazard: Any  # [P] at the reference
    hazard_power: Any  # [P, I]
    hazard_slope: Any  # [P, I]
    quantity: Any  # [Q] at the reference
    quantity_power: Any  # [Q, I]
    quantity_slope: Any  # [Q, I]
    voltage: Any  # [Q] knob of the Touschek shape, -1 = none
    linear: Any  # [Q] sum(slope * x) instead

    def __call__(self, settings, conditions) -> Point:
        x = jnp.concatenate([settings, conditions])
        powered = jnp.any(self.hazard_power != 0, axis=0) | jnp.any(self.quantity_power != 0, axis=0)
        ratio = jnp.log(jnp.where(powered, x / self.reference, 1.0))
        step = x - self.reference
        hazard = self.hazard * jnp.exp(self.hazard_power @ ratio + self.hazard_slope @ step)
        scaled = self.quantity * jnp.exp(
            self.quantity_power @ ratio + jnp.where(self.linear[:, None], 0.0, self.quantity_slope) @ step
        )
        voltage = [jnp.where(self.voltage >= 0, v[self.voltage], 2.0) for v in (x, self.reference)]
        shape = laws.touschek_shape(voltage[0], jnp) / laws.touschek_shape(voltage[1], jnp)
        summed = self.quantity + self.quantity_slope @ step
        return Point(
            hazard, jnp.where(self.linear, summed, scaled * jnp.where(self.voltage >= 0, shape, 1.0))
        )


def nominal(facility: Facility) -> NominalLaw:
    """The law that the facility file states; hazards follow from each mode's mean life."""
    inputs = facility.inputs
    reference = [k.value for k in facility.knob] + [c.value for c in facility.condition]

    def matrix(rows):
        return np.array([[row.get(name, 0.0) for name in inputs] for row in rows], float).reshape(
            -1, len(inputs)
        )

    processes, quantities = facility.processes, facility.quantity
    return NominalLaw(
        reference=np.array(reference, float),
        hazard=np.array([n * (math.gamma(1 + 1 / m.shape) / m.mtbf_h) ** m.shape for _, m, n in processes]),
        hazard_power=matrix(m.power for _, m, _ in processes),
        hazard_slope=matrix(m.slope for _, m, _ in processes),
        quantity=np.array([q.value for q in quantities], float),
        quantity_power=matrix(q.power for q in quantities),
        quantity_slope=matrix(q.slope for q in quantities),
        voltage=np.array([inputs.index(q.voltage) if q.voltage else -1 for q in quantities]),
        linear=np.array([q.law == "linear" for q in quantities]),
    )

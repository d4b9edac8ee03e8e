"""Hidden plants: the laws behind synthetic logs and the scores of recommendations; models have no access to them.

They are more complex than any surrogate: mixed powers, interactions, hundreds of different cavities, and slow
drifts that no channel records. An import contract keeps ``surrogate`` and ``controllers`` from importing them.
All numbers are assumed unless a source is named.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from replay_data.hidden_drawn import DAILY_NOISE, drawn_law, reading_noise, swing
from twin import Facility, built_in, laws, load
from twin.nominal import nominal
from twin.plant import Law, LawOutput
from twin.scenario import conditions as stated_conditions

CAVITIES = 72
DRIFTS = 2
READINGS = {"lifetime": 0.04, "flux_mx": 0.02, "flux_saxs": 0.02, "energy": 0.0004, "pulse_energy": 0.03}


def _ripple(interval_min, lifetime_h):
    """Relative fall of the stored current between two top-up shots."""
    return -jnp.expm1(-interval_min / 60.0 / lifetime_h)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class HiddenRing:
    """The true law of the storage ring; ``base`` [P] are its hazards at the reference."""

    base: Any
    acceptance: Any  # [] factor of the RF voltage: its calibration error

    def __call__(self, settings, conditions) -> LawOutput:
        current, voltage, coupling, interval = settings
        hall, water, vacuum, conditioning = conditions
        touschek = 30.0 * laws.touschek_shape(voltage * self.acceptance, jnp) / laws.touschek_shape(3.4, jnp)
        touschek = touschek * (430.0 / current) ** 0.85 * coupling**0.45
        lifetime = 1.0 / (1.0 / touschek + (1.0 + 0.5 * vacuum) * (current / 430.0) / 150.0)
        ripple = _ripple(interval, lifetime)
        droop = (1.0 + (430.0 / 520.0) ** 10) / (1.0 + (current / 520.0) ** 10)
        duty = (1.0 - 0.12 / interval) * droop * (current / 430.0)
        steady = jnp.exp(-((ripple / 0.015) ** 2))
        mx = 2.0e12 * duty * steady * coupling**-0.35 * (1.0 - 0.01 * (hall - 26.0) ** 2)
        saxs = 8.0e12 * duty * steady**0.5 * coupling**-0.12
        push = current / 430.0
        factors = {
            "rf.trip": (voltage / 3.4) ** 4.0 * push**1.5
            * jnp.exp(0.25 * (water - 30.0) + 0.3 * conditioning)
            * (1.0 + 4.0 * jnp.maximum(0.0, voltage * current / (3.6 * 450.0) - 1.0)),
            "rf.klystron": (voltage / 3.4) ** 2,
            "vacuum.interlock": push**3.5 * (1.0 + 0.5 * vacuum),
            "injector.trip": (5.0 / interval) ** 0.4,
            "orbit.distortion": jnp.exp(0.2 * (hall - 26.0)) * coupling**-0.3,
        }  # fmt: skip
        return LawOutput(self.base * _spread(factors, RING_PROCESSES), jnp.stack([lifetime, mx, saxs]))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class HiddenLinac:
    """The true law of the XFEL linac: each cavity has its own Benesch law (JLAB-TN-09-41)."""

    base: Any
    slope: Any  # [3, CAVITIES] B, 1/(MV/m)
    onset: Any  # [3, CAVITIES] F, MV/m

    def __call__(self, settings, conditions) -> LawOutput:
        gradients, charge = settings[:3], settings[3]
        gallery, phase, matching = conditions
        trips = 3600.0 * jnp.exp(-10.268 + self.slope * (gradients[:, None] - self.onset)).sum(-1)
        energy = 36.0 * gradients.sum() * (1.0 - 0.001 * phase)
        gain = (charge / 200.0) ** 0.9 * jnp.exp(-(((charge - 190.0) / 260.0) ** 2))
        gain = gain / jnp.exp(-((10.0 / 260.0) ** 2))
        pulse = (
            500.0
            * gain
            * (energy / 799.2) ** 3
            * (1.0 - 0.03 * jnp.abs(matching) - 0.004 * (gallery - 27.0) ** 2)
        )
        push = charge / 200.0
        factors = {
            "klystrons.thyratron": (gradients.mean() / 7.4) ** 3,
            "gun.laser": push**1.2,
            "protection.beam_loss": push**3.5 * (1.0 + 0.4 * jnp.abs(matching)),
            "pointing.drift": jnp.exp(0.15 * (gallery - 27.0)),
        }
        hazard = self.base * _spread(factors, LINAC_PROCESSES)
        return LawOutput(hazard.at[:3].set(trips), jnp.stack([energy, pulse]))


RING_PROCESSES = (
    ["rf.trip"] + ["rf.klystron"] * 4 + ["magnets.supply", "vacuum.interlock", "injector.trip"]
    + ["orbit.distortion", "bl1.robot", "bl2.optics"]
)  # fmt: skip
LINAC_PROCESSES = (
    ["section_1.trip", "section_2.trip", "section_3.trip"] + ["klystrons.thyratron"] * 2
    + ["gun.laser", "protection.beam_loss", "cryo.plant", "pointing.drift"]
)  # fmt: skip


def _spread(factors, processes):
    return jnp.stack([jnp.asarray(factors.get(name, 1.0), float) for name in processes])


def plant_law(facility: Facility, seed: int) -> Law:
    """The law of the hidden plant of a facility; another seed gives another machine of the same design.

    The built-in facilities have their own physics; any other plant is drawn around the numbers of its file.
    """
    rng = np.random.default_rng([seed, 7919])
    if not _is_built_in(facility):
        return drawn_law(facility, DRIFTS, rng)
    base = np.asarray(nominal(facility).hazard)
    base = base * np.exp(rng.normal(0.0, 0.2, len(base)))
    if facility.name == "storage-ring":
        return HiddenRing(base, np.asarray(rng.normal(1.0, 0.02)))
    return _linac(base, rng)


def _is_built_in(facility: Facility) -> bool:
    """Whether it has the inputs, processes and quantities of the built-in facility of its name."""
    if facility.name not in built_in():
        return False
    known = load(facility.name)
    return (
        facility.inputs == known.inputs
        and facility.process_names == known.process_names
        and [q.name for q in facility.quantity] == [q.name for q in known.quantity]
    )


def _linac(base, rng) -> HiddenLinac:
    """A linac whose cavities have Benesch's spread of slopes (median 1.84, p10-p90 1.05-3.10 per MV/m)."""
    slope = np.exp(rng.normal(np.log(1.84), 0.42, (3, CAVITIES)))
    onset = rng.normal(10.5, 0.5, (3, CAVITIES))
    wanted = rng.permutation([0.10, 0.20, 0.34])
    for section in range(3):
        onset[section] += _shift_to(wanted[section], slope[section], onset[section])
    return HiddenLinac(base, slope, onset)


def _shift_to(rate_per_h: float, slope, onset) -> float:
    """The shift of all onsets that gives a section the trip rate ``rate_per_h`` at 7.4 MV/m (bisection)."""
    low, high = -6.0, 6.0
    for _ in range(60):
        mid = (low + high) / 2
        rate = 3600.0 * np.exp(-10.268 + slope * (7.4 - onset - mid)).sum()
        low, high = (mid, high) if rate > rate_per_h else (low, mid)
    return (low + high) / 2


def conditions(facility: Facility, hours: np.ndarray, seed: int) -> np.ndarray:
    """The conditions of the hidden plant, [..., C + DRIFTS]: the facility's with daily noise, then two slow drifts.

    ``hours`` count from the start of the log. Equal seeds give equal conditions, so a longer horizon continues
    the drift.
    """
    rng = np.random.default_rng([seed, 104729])
    days = np.arange(0.0, 24.0 * 1500, 24.0)
    walk = np.cumsum(rng.normal(0.0, 0.06, (DRIFTS, len(days))), axis=1)
    walk = walk - np.array([_running(row, 120) for row in walk])
    noise = _daily_noise(facility)[:, None] * rng.normal(size=(len(facility.condition), len(days)))
    recorded = stated_conditions(facility, hours)
    conditions = [recorded[..., c] + np.interp(hours, days, noise[c]) for c in range(len(facility.condition))]
    return np.stack(conditions + [np.interp(hours, days, row) for row in walk], axis=-1)


def _daily_noise(facility: Facility) -> np.ndarray:
    """Standard deviation [C] of the daily noise of each condition."""
    if _is_built_in(facility):
        return np.full(len(facility.condition), 0.35)
    return DAILY_NOISE * swing(facility)


def sensor_noise(facility: Facility) -> tuple[np.ndarray, dict[str, float]]:
    """Noise of a reading: for each condition [C] in its unit, for each quantity relative to its value."""
    if _is_built_in(facility):
        return np.full(len(facility.condition), 0.05), READINGS
    return 0.05 * swing(facility), reading_noise(facility)


def _running(row: np.ndarray, width: int) -> np.ndarray:
    """Running mean over the past ``width`` values."""
    total = np.cumsum(np.concatenate([[0.0], row]))
    first = np.maximum(np.arange(len(row)) - width + 1, 0)
    return (total[np.arange(len(row)) + 1] - total[first]) / (np.arange(len(row)) - first + 1)

"""Known optima of the beam: fill length of a collider, RF voltage against trips, gradients over many cavities.

Sources: L. R. Evans and P. Bryant, LHC Machine, JINST 3 S08001, 2008 (run time against turnaround);
J. Benesch, JLAB-TN-09-41, and B. Terzic et al., PRSTAB 17, 101003, 2014 (trips and heat of cavities).
"""

import math
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from cases_optima_maintenance import peak
from closed_form import subsystem
from optimum import Problem, space
from scipy.integrate import quad
from scipy.optimize import brentq

from controllers.searches.ascent import AcquisitionObjective, GradientAscent, no_limits
from twin import Facility, Space, batched, laws
from twin.facility import parse
from twin.nominal import nominal
from twin.space import Fence

RING = """
name = "toy-ring"
title = "A toy ring"
kind = "ring"
[beam]
current_knob = "current"
lifetime = "lifetime"
touschek_share = {share}
low_share = 0.0
restart_h = 0.0
fill_per_h = 1e9
[[knob]]
name = "current"
title = "Current"
pv = "I"
unit = "mA"
low = 50.0
high = 500.0
value = 100.0
ramp_per_h = 1e3
[[knob]]
name = "rf_voltage"
title = "RF voltage"
pv = "V"
unit = "MV"
low = 1.2
high = 4.0
value = 3.0
ramp_per_h = 10.0
[[quantity]]
name = "lifetime"
title = "Lifetime"
pv = "T"
unit = "h"
value = {lifetime_h}
law = "touschek"
voltage = "rf_voltage"
[[quantity]]
name = "flux"
title = "Flux or luminosity, as the current"
pv = "F"
unit = "1"
value = 1.0
[schedule]
user_h_per_year = 5000
[[schedule.block]]
phase = "user"
hours = 1e6
[[beamline]]
name = "line"
title = "Line"
flux = "flux"
exchange_min = 1e-6
exposure_min = 0.01
experiments_per_week = 1e-6
samples_per_experiment = 1e12
"""
"""Filled at once; users take any current, in samples so short that their number is the integrated flux."""
SAMPLE_H = (0.01 + 1e-6) / 60.0


def delivered(tally) -> np.ndarray:
    """Integrated flux for each hour, 1 = the target current all the time."""
    return tally.samples[:, 0] * SAMPLE_H / tally.user_h


def fixed(hours: float) -> str:
    return f"{{ law = 'fixed', mean_h = {hours} }}"


# --- The fill length of a collider between turnarounds

LIFE_H, BURN_SHARE, TURN_H = 12.0, 0.5, 4.0


def fill_worth(x) -> float:
    """Mean luminosity over fill and turnaround: int_0^T i dt / (T + turnaround), di/dt = -a i - b i^2."""
    a, b = laws.losses(LIFE_H, 1.0, BURN_SHARE)
    return math.log1p(b / a * -math.expm1(-a * float(x[0]))) / b / (float(x[0]) + TURN_H)


def collider(x) -> Facility:
    """No injection from the begin of a fill on; after T hours the beam is dumped; the turnaround is a gamma time."""
    fill_h, dt = float(x[0]), 1e-4
    phase = {"law": '"fixed"', "phases": '["user"]', "ages": '"beam"'}
    return parse(
        RING.format(share=BURN_SHARE, lifetime_h=LIFE_H)
        + subsystem("injector", effect='"injection"', mtbf_h=1e-6, repair=fixed(fill_h + dt), **phase)
        + subsystem(
            "dump", mtbf_h=fill_h, repair=f"{{ law = 'gamma', mean_h = {TURN_H}, shape = 4.0 }}", **phase
        )
    )


# --- RF voltage of a ring: lifetime against trips

AWAY_H, THERE_H, TRIP_H, TRIP_POWER = 4.0, 16.0, 20.0, 3.0
VOLTAGE_LIFE_H = 6.0


def voltage_worth(x, trip_h: float = TRIP_H, life_h: float = VOLTAGE_LIFE_H) -> float:
    """Mean current (u + int_0^d exp(-v t) i(t) dt) / (u + d): the injector is away for d hours, and a trip in them
    ends the beam; v ~ V^3 the trip rate, i the decay with the Touschek lifetime at V; both as they are at 3 MV."""
    volts = float(x[1])
    trips = (volts / 3.0) ** TRIP_POWER / trip_h
    a, b = laws.losses(life_h * laws.touschek_shape(volts) / laws.touschek_shape(3.0), 1.0, 0.8)
    kept = quad(lambda t: math.exp(-trips * t) * laws.decay(1.0, a, b, t), 0.0, AWAY_H, epsabs=1e-10)[0]
    return (THERE_H + kept) / (THERE_H + AWAY_H)


def voltage_ring(x) -> Facility:
    return parse(
        RING.format(share=0.8, lifetime_h=VOLTAGE_LIFE_H)
        + subsystem(
            "rf", mtbf_h=TRIP_H, ages='"beam"', repair=fixed(1e-6), power=f"{{ rf_voltage = {TRIP_POWER} }}"
        )
        + subsystem("injector", effect='"injection"', mtbf_h=THERE_H, repair=fixed(AWAY_H))
    )


def _held(facility: Facility, **ends) -> Space:
    """The facility's knobs; those not named are as good as fixed at their present value."""
    free = Space.of(facility)
    hold = [n not in ends for n in free.names]
    low = np.where(hold, free.present - 1e-9, free.low)
    return Space(
        free.names, free.units, low, np.where(hold, free.present, free.high), free.ramp_per_h, free.present
    )


def _voltage_best() -> np.ndarray:
    found = peak(lambda v: voltage_worth((100.0, v[0])), 1.2, 4.0)
    return np.array([100.0, found[0]])


VOLTS = voltage_ring(None)

# --- Gradients over many cavities: heat against trips at a fixed energy

CAVITIES, LENGTH_M, ENERGY_MV = 8, 0.5, 30.0
B = np.linspace(1.05, 3.10, CAVITIES)[[3, 0, 6, 2, 7, 1, 5, 4]]  # 1/(MV/m), Benesch's p10 to p90
F = np.linspace(7.4, 9.4, CAVITIES)  # MV/m about Benesch's median 8.4; the spread is assumed
HEAT = LENGTH_M * 1e12 / (968.0 * 5e9)  # W for (MV/m)^2: L / (r/Q Q0), r/Q 968 Ohm/m, Q0 5e9 (assumed)
LOW, HIGH = 3.0, 12.0  # MV/m


def trips(gradient) -> np.ndarray:
    """Trips an hour of each cavity, 3600 exp(-10.268 + B (G - F))."""
    return 3600.0 * np.exp(-10.268 + B * (np.asarray(gradient) - F))


def heat(gradient) -> float:
    """Heat load, [W]."""
    return float(HEAT * np.sum(np.square(gradient)))


def front(weight: float) -> np.ndarray:
    """Gradients [K] of least heat + weight * trips at the energy: equal marginal cost by Lagrange's multiplier.

    Both terms are convex and separable, so each cavity's marginal cost rises and one multiplier fits them all.
    """

    def gradients(multiplier: float) -> np.ndarray:
        low, high = np.full(CAVITIES, LOW), np.full(CAVITIES, HIGH)
        for _ in range(60):
            mid = (low + high) / 2
            dear = 2 * HEAT * mid + weight * B * trips(mid) > multiplier
            low, high = np.where(dear, low, mid), np.where(dear, mid, high)
        return (low + high) / 2

    return gradients(
        brentq(lambda m: LENGTH_M * gradients(m).sum() - ENERGY_MV, 1e-3, 1e4, xtol=1e-14, rtol=1e-14)
    )


def linac(x=None) -> Facility:
    """A linac of cavities that trip by Benesch's law, each with its gradient as a knob."""
    knobs = "".join(
        f'[[knob]]\nname = "g{i}"\ntitle = "Gradient {i}"\npv = "G{i}"\nunit = "MV/m"\nlow = {LOW}\nhigh = {HIGH}\n'
        "value = 7.5\nramp_per_h = 1.0\n"
        for i in range(CAVITIES)
    )
    cavities = "".join(
        subsystem(
            f"c{i}",
            mtbf_h=1.0 / trips(np.full(CAVITIES, 7.5))[i],
            repair=fixed(1e-6),
            slope=f"{{ g{i} = {B[i]} }}",
        )
        for i in range(CAVITIES)
    )
    head = RING.replace('"ring"', '"linac"').split("[beam]")[0] + "[beam]\nrestart_h = 0.0\n" + knobs
    tail = "[[quantity]]" + RING.split("[[quantity]]")[2]
    return parse(head + tail + cavities)


LINAC = linac()


def _cost(machine, gradients):
    """Less is better: heat and the law's trips, by the machine's weight; negated to be climbed."""
    law, weight = machine
    return -(HEAT * (gradients @ gradients) + weight * law(gradients, jnp.zeros(0)).hazard.sum())


AT_LEAST = Fence(("energy",), ("MV",), np.full((1, CAVITIES), -LENGTH_M), np.array([-ENERGY_MV]))


def climb(weight: float) -> np.ndarray:
    """Gradients [K] by gradient ascent through the twin's own law, the energy an interlock; begun at an even spread."""
    objective = AcquisitionObjective(_cost, no_limits, (nominal(LINAC), jnp.asarray(weight)))
    search = GradientAscent(objective)
    return search.ask(search.start(replace(Space.of(LINAC), fence=AT_LEAST), 1), 2)[1]


def mean_current(trips, life_h):
    """What ``voltage_worth`` is, differentiable, of trips an hour and lifetime: Gauss-Legendre with 24 points."""
    a, b = laws.losses(life_h, 1.0, 0.8)
    at, weight = np.polynomial.legendre.leggauss(24)
    hours = AWAY_H * (at + 1.0) / 2.0
    kept = jnp.sum(AWAY_H / 2.0 * weight * jnp.exp(-trips * hours) * laws.decay(1.0, a, b, hours, jnp))
    return (THERE_H + kept) / (THERE_H + AWAY_H)


def trips_and_life(volts):
    """(trips an hour, lifetime [h]) of the ring at a voltage, differentiable."""
    life_h = VOLTAGE_LIFE_H * laws.touschek_shape(volts, jnp) / laws.touschek_shape(3.0)
    return (volts / 3.0) ** TRIP_POWER / TRIP_H, life_h


def shares(x) -> np.ndarray:
    """Gradients of the policy that gives cavity i its even share plus x_i, brought to the energy."""
    x = np.asarray(x, float)
    return x + (ENERGY_MV / LENGTH_M - x.sum()) / CAVITIES


WEIGHTS = (0.1, 3.0, 100.0)  # W for a trip an hour


CASES = [
    Problem(
        "fill length of a collider",
        "max int_0^T i dt / (T + 4 h), losses half gas, half burn-off (Evans and Bryant, 2008)",
        space(("fill", "h", 2.0, 30.0)),
        fill_worth,
        peak(fill_worth, 2.0, 30.0),
        collider,
        lambda tally, x: delivered(tally),
        lives=4096,
        bias=TURN_H / 10_000.0,
    ),
    Problem(
        "RF voltage against trips",
        "max (u + int_0^d exp(-v t) i dt) / (u + d), v ~ V^3, Touschek lifetime at V (twin.laws)",
        _held(VOLTS, rf_voltage=True),
        voltage_worth,
        _voltage_best(),
        voltage_ring,
        lambda tally, x: delivered(tally),
        knobs=True,
        lives=4096,
        bias=AWAY_H / 10_000.0,
        simulate=batched.simulate,
    ),
]

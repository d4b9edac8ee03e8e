"""The physical laws of the plant, written once for numpy (``xp=np``), JAX (``xp=jnp``) and floats (``xp=SCALAR``)."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

NEVER = math.inf
SCALAR = SimpleNamespace(
    abs=abs, arccos=math.acos, exp=math.exp, expm1=math.expm1, log=math.log, log1p=math.log1p,
    maximum=max, minimum=min, sqrt=math.sqrt, where=lambda test, a, b: a if test else b,
)  # fmt: skip
"""The same functions for Python floats, ten times faster than numpy there: ``xp=SCALAR``."""


def losses(lifetime_h, target_ma, touschek_share):
    """Constants (a [1/h], b [1/(h mA)]) of dI/dt = -a I - b I**2 with 1/lifetime at the target.

    The Touschek part of the loss is proportional to the current, the gas part is not.
    """
    total = 1.0 / lifetime_h
    return (1.0 - touschek_share) * total, touschek_share * total / target_ma


def decay(current_ma, gas, touschek, hours, xp: Any = np):
    """Stored current after ``hours`` without injection, [mA]; exactly ``current_ma`` at 0 hours."""
    return current_ma * xp.exp(-gas * hours) / (1.0 - touschek / gas * current_ma * xp.expm1(-gas * hours))


def decay_time(current_ma, to_ma, gas, touschek, xp: Any = np):
    """Hours for the stored current to decay from ``current_ma`` to ``to_ma``."""
    ratio = current_ma * (gas + touschek * to_ma) / (to_ma * (gas + touschek * current_ma))
    return xp.log(ratio) / gas


def sample_h(flux, exchange_h, exposure_h):
    """Hours a sample takes: exchange plus exposure, which shrinks as 1 / flux (flux 1 = reference)."""
    return exchange_h + exposure_h / flux


def exchange_share(flux, exchange_h, exposure_h):
    """Share of a sample's time that is exchange; after it the sample is in exposure and can be spoilt."""
    return exchange_h / sample_h(flux, exchange_h, exposure_h)


def _separation(gas, touschek, exchange_h, exposure_h, flux_per_ma, xp):
    """b d - a x f, kept away from zero; near zero the closed forms below tend to their limits."""
    bd, axf = touschek * exposure_h, gas * exchange_h * flux_per_ma
    gap = bd - axf
    floor = 1e-12 * (bd + axf)
    return xp.where(xp.abs(gap) < floor, floor, gap)


def samples_in_decay(from_ma, to_ma, gas, touschek, exchange_h, exposure_h, flux_per_ma, xp: Any = np):
    """Samples measured while the current decays between two values, [-].

    The integral of dt / (x + d / (f I)) along dI/dt = -a I - b I**2, by partial fractions:
    f / g * ln(1 + g (I0 - I1) / ((d + x f I0) (a + b I1))) with g = b d - a x f.
    """
    gap = _separation(gas, touschek, exchange_h, exposure_h, flux_per_ma, xp)
    below = (exposure_h + exchange_h * flux_per_ma * from_ma) * (gas + touschek * to_ma)
    return flux_per_ma / gap * xp.log1p(gap * (from_ma - to_ma) / below)


def decay_for_samples(from_ma, samples, gas, touschek, exchange_h, exposure_h, flux_per_ma, xp: Any = np):
    """Current [mA] at which ``samples`` have been measured in a decay; <= 0 if that never happens.

    The inverse of ``samples_in_decay``: with c = (exp(n g / f) - 1) / g * (d + x f I0),
    I1 = (I0 - a c) / (1 + b c). The exponent is limited where the result is far below zero.
    """
    gap = _separation(gas, touschek, exchange_h, exposure_h, flux_per_ma, xp)
    grown = xp.expm1(xp.minimum(samples * gap / flux_per_ma, 600.0)) / gap
    c = grown * (exposure_h + exchange_h * flux_per_ma * from_ma)
    return (from_ma - gas * c) / (1.0 + touschek * c)


def warmup_left(left_h, dark_h, full_h, tau_h, xp: Any = np):
    """Hours of warm-up that the optics need after ``dark_h`` without beam: tends to ``full_h`` with ``tau_h``."""
    kept = xp.exp(-dark_h / tau_h)
    return left_h * kept + full_h * (1.0 - kept)


def touschek_shape(voltage_mv, xp: Any = np):
    """Touschek lifetime against RF voltage, [h], at 500 mA and 1 % coupling.

    RF bucket height (sqrt(sqrt(q**2 - 1) - acos(1/q)), q = V / U0) against a dynamic acceptance
    of 3.90 %, times bunch length (V**2 - U0**2)**(-1/4). Fitted (largest error 8 %, at 1.2 MV)
    to SOLEIL's lattice of accelerator-toolbox: 416 bunches, chamber +-35 / +-12.5 mm (assumed).
    At 1.02 U0 = 0.95 MV and below the bucket is nearly closed: the shape is constant there.
    """
    loss_mv = 0.930
    q = xp.maximum(voltage_mv / loss_mv, 1.02)
    bucket_pct = 3.509 * xp.sqrt(xp.sqrt(q**2 - 1.0) - xp.arccos(1.0 / q))
    length_ps = 25.12 * (loss_mv**2 * (q**2 - 1.0)) ** -0.25
    acceptance = (bucket_pct**-11.82 + 3.898**-11.82) ** (-3.0 / 11.82)
    return 0.03262 * length_ps * acceptance

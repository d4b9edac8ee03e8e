"""Each law of the plant, written once: it takes numpy (``xp=np``) or jax (``xp=jnp``) alike."""

import numpy as np

NEVER = np.inf


def ageing(age_h, hazard, shape):
    """Hazard spent by an age, [-]: H(a) = hazard * a**shape (exponential: shape 1)."""
    return hazard * age_h**shape


def time_to_spend(age_h, left, hazard, shape):
    """Hours until a budget ``left`` is spent from ``age_h`` on: H(a + t) - H(a) = left.

    t = (a**k + left / hazard)**(1/k) - a, the closed form for a Weibull hazard of shape k.
    """
    return (age_h**shape + left / hazard) ** (1.0 / shape) - age_h


def losses(lifetime_h, target_ma, touschek_share):
    """Constants (a [1/h], b [1/(h mA)]) of dI/dt = -a I - b I**2 with 1/lifetime at the target.

    The Touschek part of the loss is proportional to the current, the gas part is not.
    """
    total = 1.0 / lifetime_h
    return (1.0 - touschek_share) * total, touschek_share * total / target_ma


def decay(current_ma, gas, touschek, hours, xp=np):
    """Stored current after ``hours`` without injection, [mA]; exactly ``current_ma`` after none."""
    return current_ma * xp.exp(-gas * hours) / (1.0 - touschek / gas * current_ma * xp.expm1(-gas * hours))


def decay_time(current_ma, to_ma, gas, touschek, xp=np):
    """Hours for the stored current to decay from ``current_ma`` to ``to_ma``."""
    ratio = current_ma * (gas + touschek * to_ma) / (to_ma * (gas + touschek * current_ma))
    return xp.log(ratio) / gas


def sample_h(flux, exchange_h, exposure_h):
    """Hours a sample takes: exchange plus exposure, which shrinks as 1 / flux (flux 1 = reference)."""
    return exchange_h + exposure_h / flux


def exchange_share(flux, exchange_h, exposure_h):
    """Share of a sample's time that is exchange; beyond it the sample is exposed and can be spoilt."""
    return exchange_h / sample_h(flux, exchange_h, exposure_h)


def _separation(gas, touschek, exchange_h, exposure_h, flux_per_ma, xp):
    """b d - a x f, kept off its (measure-zero) root where the closed form below is 0/0."""
    bd, axf = touschek * exposure_h, gas * exchange_h * flux_per_ma
    gap = bd - axf
    floor = 1e-12 * (bd + axf)
    return xp.where(xp.abs(gap) < floor, floor, gap)


def samples_in_decay(from_ma, to_ma, gas, touschek, exchange_h, exposure_h, flux_per_ma, xp=np):
    """Samples measured while the current decays between two values, [-].

    The integral of dt / (x + d / (f I)) along dI/dt = -a I - b I**2, by partial fractions:
    f / (b d - a x f) * [ln((a + b I) / (d + x f I))] from I1 to I0.
    """
    scale = flux_per_ma / _separation(gas, touschek, exchange_h, exposure_h, flux_per_ma, xp)

    def log_ratio(current):
        return xp.log((gas + touschek * current) / (exposure_h + exchange_h * flux_per_ma * current))

    return scale * (log_ratio(from_ma) - log_ratio(to_ma))


def decay_for_samples(from_ma, samples, gas, touschek, exchange_h, exposure_h, flux_per_ma, xp=np):
    """Current [mA] at which ``samples`` have been measured in a decay; <= 0 if it never happens.

    The inverse of ``samples_in_decay``: solve (a + b I) / (d + x f I) = c for I.
    """
    gap = _separation(gas, touschek, exchange_h, exposure_h, flux_per_ma, xp)
    start = (gas + touschek * from_ma) / (exposure_h + exchange_h * flux_per_ma * from_ma)
    c = start * xp.exp(-samples * gap / flux_per_ma)
    return (c * exposure_h - gas) / (touschek - c * exchange_h * flux_per_ma)


def warmup_left(left_h, dark_h, full_h, tau_h, xp=np):
    """Warm-up the optics need after ``dark_h`` without beam: relaxes towards ``full_h`` with ``tau_h``."""
    kept = xp.exp(-dark_h / tau_h)
    return left_h * kept + full_h * (1.0 - kept)


def repair_h(mu, sigma, z, xp=np):
    """Lognormal repair time of a standard normal draw ``z``, [h]."""
    return xp.exp(mu + sigma * z)


def touschek_shape(voltage_mv, xp=np):
    """Touschek lifetime against RF voltage, [h], at 500 mA and 1 % coupling.

    RF bucket height (sqrt(sqrt(q**2 - 1) - acos(1/q)), q = V / U0) against a dynamic acceptance
    of 3.90 %, times bunch length (V**2 - U0**2)**(-1/4). Fitted (largest error 8 %, at 1.2 MV)
    to SOLEIL's lattice of accelerator-toolbox: 416 bunches, chamber +-35 / +-12.5 mm (assumed).
    """
    loss_mv = 0.930
    q = xp.maximum(voltage_mv / loss_mv, 1.02)
    bucket_pct = 3.509 * xp.sqrt(xp.sqrt(q**2 - 1.0) - xp.arccos(1.0 / q))
    length_ps = 25.12 * (voltage_mv**2 - loss_mv**2) ** -0.25
    acceptance = (bucket_pct**-11.82 + 3.898**-11.82) ** (-3.0 / 11.82)
    return 0.03262 * length_ps * acceptance

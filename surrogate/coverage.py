"""Coverage of the intervals per output and region, with the band as calibrated and as adapted."""

import hashlib
from typing import NamedTuple

import numpy as np

from surrogate import conformal, drift
from surrogate.conformal import Band, Errors, factors
from surrogate.ensemble import Ensemble
from surrogate.samples import Samples
from surrogate.support import Support, distances, support

EDGE = 0.8  # share of the support limit, beyond which settings are at the edge of the data


def inside(band: Band, observed: Errors, adaptive: bool) -> np.ndarray:
    """1 [N, Q] for each measured value inside its interval, 0 outside, NaN if unmeasured."""
    if adaptive:
        _, place = np.unique(observed.group, return_inverse=True)
        factor = factors(band, observed)[place]
    else:
        factor = np.asarray(band.factor)[None]
    score = np.abs(observed.scores(band))
    return np.where(np.isfinite(score), score <= factor, np.nan)


def regions(data_support: Support, settings, conditions) -> dict[str, np.ndarray]:
    """Masks [N] of rows by how far settings [N, K] under conditions [N, C] lie from the data."""
    far = distances(data_support, settings, conditions) / float(data_support.limit)
    return {
        "all": np.ones(len(far), bool),
        "within the data": far <= EDGE,
        "at their edge": (far > EDGE) & (far <= 1.0),
        "beyond them": far > 1.0,
    }


def thirds(value) -> dict[str, np.ndarray]:
    """Masks [N] of the rows with a low, middle and high predicted value [N] (NaN: not measured, in no mask)."""
    low, high = np.nanquantile(value, [1 / 3, 2 / 3]) if np.isfinite(value).any() else (0.0, 0.0)
    return {
        "low predicted": value <= low,
        "middle predicted": (value > low) & (value <= high),
        "high predicted": value > high,
    }


def table(names: list[str], band: Band, errors: Errors, where: list[dict[str, np.ndarray]]) -> list[dict]:
    """One row for each output and region: the number of measured values, and the share inside the interval."""
    fixed, adaptive = (inside(band, errors, way) for way in (False, True))
    rows = []
    for q, (name, masks) in enumerate(zip(names, where, strict=True)):
        for region, mask in masks.items():
            known = mask & np.isfinite(fixed[:, q])
            share = [float(way[known, q].mean()) if known.any() else None for way in (fixed, adaptive)]
            rows.append(
                {"target": name, "region": region, "n": int(known.sum())}
                | dict(zip(("calibrated", "adapted"), share, strict=True))
            )
    return rows


class Trust(NamedTuple):
    """Coverage of the intervals on later time, and the reference errors for the monitor."""

    band: Band  # for service, calibrated on the errors of both later parts
    covered: dict[str, float | None]  # share inside in the test time, with the adapted band
    regions: list[dict]
    reference: dict  # see ``drift.reference``


def measured(
    names: list[str],
    held: tuple[Ensemble, Samples],
    test: tuple[Ensemble, Samples],
    before: Samples,
    seed: int = 0,
) -> Trust:
    """Calibrate on rows ``held`` back from a first fit, score on the ``test`` rows of the fit to all ``before``.

    The band for service is then calibrated on both, because neither ensemble was fitted to these rows.
    """
    early, late = (errors(*pair) for pair in (held, test))
    band, knobs, after = conformal.band(early), before.knobs, test[1]
    floor = np.full(before.x.shape[1], 1e-9)
    data_support = support(before.x[:, :knobs], before.x[:, knobs:], floor, seed)
    where = regions(data_support, after.x[:, :knobs], after.x[:, knobs:])
    mean = test[0].modelled(after.y) - late.error
    rows = table(names, band, late, [where | thirds(mean[:, q]) for q in range(len(names))])
    both = conformal.joined(early, late)
    service = conformal.band(both)
    time_h = np.concatenate([held[1].time_h, after.time_h])
    covered = {row["target"]: row["adapted"] for row in rows if row["region"] == "all"}
    past = drift.reference(names, drift.units(time_h, both.scores(service), both.group))
    return Trust(service, covered, rows, past)


def errors(ensemble: Ensemble, samples: Samples) -> Errors:
    """The errors on rows that the ensemble was not fitted to, grouped by stretches of settings."""
    group = conformal.stretches(samples.x[:, : samples.knobs])
    return conformal.errors(ensemble, samples.wide, samples.y, group)


def digest(samples: Samples) -> str:
    """The hash of all training rows: equal data have an equal hash, whatever file they come from."""
    parts = (samples.time_h, samples.x, samples.y)
    return hashlib.sha256(b"".join(np.ascontiguousarray(p, "<f8").tobytes() for p in parts)).hexdigest()

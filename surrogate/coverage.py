"""How often measurements fell inside their interval: per output and region, as calibrated and adapted."""

import hashlib
from typing import NamedTuple

import numpy as np

from surrogate import conformal, drift
from surrogate.conformal import Band, Errors, factors
from surrogate.ensemble import Ensemble
from surrogate.samples import Samples
from surrogate.support import Support, distances, support

EDGE = 0.8  # of the support's limit: beyond it settings count as at the edge


def inside(band: Band, seen: Errors, adaptive: bool) -> np.ndarray:
    """1 or 0 [N, Q] for each measured value inside its interval or not, NaN if unmeasured."""
    if adaptive:
        _, place = np.unique(seen.group, return_inverse=True)
        factor = factors(band, seen)[place]
    else:
        factor = np.asarray(band.factor)[None]
    score = np.abs(seen.scores(band))
    return np.where(np.isfinite(score), score <= factor, np.nan)


def regions(seen: Support, settings, conditions) -> dict[str, np.ndarray]:
    """Masks [N] of rows by how far settings [N, K] under conditions [N, C] lie from the data."""
    far = distances(seen, settings, conditions) / float(seen.limit)
    return {
        "all": np.ones(len(far), bool),
        "within the data": far <= EDGE,
        "at their edge": (far > EDGE) & (far <= 1.0),
        "beyond them": far > 1.0,
    }


def thirds(value) -> dict[str, np.ndarray]:
    """Masks [N] of the rows where a predicted value [N], NaN where it was not measured, is low, middle, high."""
    low, high = np.nanquantile(value, [1 / 3, 2 / 3]) if np.isfinite(value).any() else (0.0, 0.0)
    return {
        "low predicted": value <= low,
        "middle predicted": (value > low) & (value <= high),
        "high predicted": value > high,
    }


def table(names: list[str], band: Band, errors: Errors, where: list[dict[str, np.ndarray]]) -> list[dict]:
    """One row an output and region: measured values, and the share inside as calibrated and adapted."""
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
    """What later time said of the intervals, and the errors that later ones are held against."""

    band: Band  # for service, of all errors below
    covered: dict[str, float | None]  # share inside on the test time, the band adapted as it went
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

    The band for service is then calibrated on both: none of these rows was seen by the ensemble that erred.
    """
    early, late = (errors(*pair) for pair in (held, test))
    band, knobs, after = conformal.band(early), before.knobs, test[1]
    floor = np.full(before.x.shape[1], 1e-9)
    seen = support(before.x[:, :knobs], before.x[:, knobs:], floor, seed)
    where = regions(seen, after.x[:, :knobs], after.x[:, knobs:])
    mean = test[0].modelled(after.y) - late.error
    rows = table(names, band, late, [where | thirds(mean[:, q]) for q in range(len(names))])
    both = conformal.joined(early, late)
    service = conformal.band(both)
    time_h = np.concatenate([held[1].time_h, after.time_h])
    covered = {row["target"]: row["adapted"] for row in rows if row["region"] == "all"}
    past = drift.reference(names, drift.units(time_h, both.scores(service), both.group))
    return Trust(service, covered, rows, past)


def errors(ensemble: Ensemble, samples: Samples) -> Errors:
    """The errors on rows that the ensemble was not fitted to, stretch by stretch of settings."""
    group = conformal.stretches(samples.x[:, : samples.knobs])
    return conformal.errors(ensemble, samples.wide, samples.y, group)


def digest(samples: Samples) -> str:
    """The hash of all rows that were learned from: equal data, equal hash, whatever file they came in."""
    parts = (samples.time_h, samples.x, samples.y)
    return hashlib.sha256(b"".join(np.ascontiguousarray(p, "<f8").tobytes() for p in parts)).hexdigest()

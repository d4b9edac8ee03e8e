"""What a run brought: its tally, and the standard metrics of light-source operation with intervals."""

from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from twin.facility import Facility
from twin.plant import Plant


class Tally(NamedTuple):
    """Counts and hours of one run, or of R runs with a leading axis R."""

    user_h: Any  # [] scheduled user time
    delivered_h: Any  # [] of it with beam as promised
    failures: Any  # [] outages of user time, merged by the facility's rule
    failures_by: Any  # [P] failures of each process, at any time
    lost_h: Any  # [P + 1] user time lost, by the failure that began it; last: no failure
    open_h: Any  # [B] user time of each beamline
    samples: Any  # [B] measured
    spoilt: Any  # [B] lost in exposure when the beam went
    experiments: Any  # [B] completed
    exhausted: Any  # [] draws were used up: the run must not be ranked


class Metric(NamedTuple):
    """One figure of merit: its name, title, unit and the digits worth printing."""

    name: str
    title: str
    unit: str
    digits: int


METRICS = (
    Metric("useful_beam", "Useful beam", "%", 2),
    Metric("availability", "Availability", "%", 2),
    Metric("mtbf_h", "Mean time between failures", "h", 1),
    Metric("mean_outage_h", "Mean outage", "h", 2),
    Metric("failures", "Failures in user time", "", 1),
    Metric("samples", "Samples measured", "", 0),
    Metric("spoilt", "Samples spoilt", "", 1),
    Metric("experiments", "Experiments completed", "", 1),
)


def useful_beam(tally: Tally, plant: Plant, xp=np):
    """Useful beam [R]: samples measured, in hours at reference flux, per scheduled beamline hour.

    100 % means that every scheduled hour of every beamline (by weight) was spent measuring at the
    reference conditions of the facility file; a brighter beam can bring more.
    """
    worth = tally.samples * plant.weight * (plant.exchange_h + plant.exposure_h)
    return xp.sum(worth, -1) / xp.maximum(xp.sum(tally.open_h * plant.weight, -1), 1e-12)


def metrics(tally: Tally, plant: Plant) -> dict[str, np.ndarray]:
    """Each metric of R runs, [R]: PRAB 19, 082802 (2016) for availability, MTBF and mean outage.

    A run without failures has no finite MTBF: it is infinite, and its mean outage is nan.
    """
    t = Tally(*(np.asarray(field, float) for field in tally))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "useful_beam": 100.0 * useful_beam(t, plant),
            "availability": 100.0 * t.delivered_h / t.user_h,
            "mtbf_h": t.user_h / t.failures,
            "mean_outage_h": (t.user_h - t.delivered_h) / t.failures,
            "failures": t.failures,
            "samples": t.samples.sum(-1),
            "spoilt": t.spoilt.sum(-1),
            "experiments": t.experiments.sum(-1),
        }


def pooled(tally: Tally, plant: Plant) -> dict[str, tuple[float, float, float]]:
    """(estimate, low, high) of each metric over R runs: 90 % interval of the mean by Student's t.

    MTBF and mean outage are ratios of sums; their interval is that of a ratio estimator
    (residuals y - ratio * x), so runs without failures need no special case.
    """
    t = Tally(*(np.asarray(field, float) for field in tally))
    down = t.user_h - t.delivered_h
    plain = {name: (v, np.ones_like(v)) for name, v in metrics(tally, plant).items()}
    plain |= {"mtbf_h": (t.user_h, t.failures), "mean_outage_h": (down, t.failures)}
    return {name: _ratio(*pair) for name, pair in plain.items()}


def _ratio(above: np.ndarray, below: np.ndarray) -> tuple[float, float, float]:
    runs = len(above)
    if below.sum() == 0:
        return np.inf, np.nan, np.inf
    ratio = above.sum() / below.sum()
    if runs < 2:
        return float(ratio), -np.inf, np.inf
    error = (above - ratio * below).std(ddof=1) / np.sqrt(runs) / below.mean()
    half = stats.t.ppf(0.95, runs - 1) * error
    return float(ratio), float(ratio - half), float(ratio + half)


def against_published(
    facility: Facility, figures: dict[str, tuple[float, float, float]]
) -> list[dict[str, Any]]:
    """Rows that set the twin's yearly figures beside the published ones of the facility file."""
    names = {"availability_pct": "availability"}
    return [
        {
            "metric": p.metric,
            "published": p.value,
            "twin": figures[names.get(p.metric, p.metric)],
            "source": p.source,
        }
        for p in facility.published
    ]

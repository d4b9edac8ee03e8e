"""What a run brought: its tally, and the standard metrics of light-source operation with intervals."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from twin.facility import Facility
from twin.intervals import Estimate, quantile, ratio
from twin.plant import Plant

GOOD, NO_BEAM, LOW_CURRENT, DISTORTED = range(4)
"""The kinds of failure of the users' beam."""


class Tally(NamedTuple):
    """Counts and hours of one run, or of R runs with a leading axis R."""

    user_h: Any  # [] user time
    delivered_h: Any  # [] of it with beam as promised
    level_h: Any  # [] the same, weighted with the share of the flux that the tree's gates gave
    failures: Any  # [] outages of user time of any kind, merged by the facility's rule
    short_h: Any  # [] of delivered_h, between outages that were merged
    outages: Any  # [3] no beam, low current, distorted: outages of user time, each kind merged by itself
    outage_h: Any  # [3] their user hours, beam between merged outages included
    failures_by: Any  # [P] failures of each process, at any time
    lost_h: Any  # [P + 1] user time lost, by the failure that began it; last: no failure
    down_h: Any  # [P] hours of units down, at any time
    open_h: Any  # [B] user time of each beamline
    samples: Any  # [B] measured
    spoilt: Any  # [B] lost in exposure when the beam went
    experiments: Any  # [B] completed
    exhausted: Any  # [] draws were used up: the run must not be ranked


class Metric(NamedTuple):
    """One figure of merit: its name, title, unit and the digits worth printing.

    ``per_run``: every run has it; a time between failures is infinite in a run without any. ``meaning``: one
    sentence for whoever reads the figure, where the title does not say it.
    """

    name: str
    title: str
    unit: str
    digits: int
    per_run: bool = True
    meaning: str = ""


USEFUL_BEAM = (
    "Useful beam: 100 % means that all scheduled user hours of the beamlines are spent measuring at the flux of the "
    "reference settings; a higher flux shortens exposures, so it can bring more than 100 %."
)

METRICS = (
    Metric("useful_beam", "Useful beam", "%", 2, meaning=USEFUL_BEAM),
    Metric("availability", "Availability", "%", 2),
    Metric("availability_compensated", "Availability after compensation", "%", 2),
    Metric("performability", "Performability", "%", 2),
    Metric("mtbf_h", "Mean time between failures", "h", 1, per_run=False),
    Metric("mean_outage_h", "Mean outage", "h", 2, per_run=False),
    Metric("mtbd_h", "Mean time between distortions", "h", 1, per_run=False),
    Metric("failures", "Failures in user time", "", 1),
    Metric("no_beam", "Outages without beam", "", 1),
    Metric("low_current", "Outages with low current", "", 1),
    Metric("distorted", "Outages with distorted beam", "", 1),
    Metric("no_beam_h", "Hours without beam", "h", 1),
    Metric("low_current_h", "Hours of low current", "h", 1),
    Metric("distorted_h", "Hours of distorted beam", "h", 1),
    Metric("user_h", "User time", "h", 0),
    Metric("delivered_h", "Delivered beam", "h", 0),
    Metric("samples", "Samples measured", "", 0),
    Metric("spoilt", "Samples spoilt", "", 1),
    Metric("experiments", "Experiments completed", "", 1),
)


def meanings(names: Iterable[str]) -> list[str]:
    """The sentences that explain these metrics, of those whose titles do not say it all."""
    wanted = set(names)
    return [metric.meaning for metric in METRICS if metric.name in wanted and metric.meaning]


class Figure(NamedTuple):
    """A metric as ``read`` (monotone) of the ratio above / below; ``above`` is at most ``most`` times ``below``."""

    above: np.ndarray  # [R]
    below: np.ndarray  # [R]
    most: float = np.inf
    read: Callable[[Any], Any] = lambda ratio: ratio

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest value that the metric can have."""
        low, high = sorted((self.read(0.0), self.read(self.most)))
        return low, high

    def of_runs(self) -> np.ndarray:
        """The metric of each run, [R]."""
        return self.read(self.above / self.below)

    def pooled(self) -> Estimate:
        """The metric of all runs together."""
        value, *ends = ratio(self.above, self.below, self.most)
        low, high = sorted(map(self.read, ends))
        return Estimate(self.read(value), low, high)


def useful_beam(tally: Tally, plant: Plant, xp=np):
    """Useful beam [R]: samples measured, in hours at reference flux, per scheduled beamline hour.

    100 % means that every scheduled hour of every beamline (by weight) was spent measuring at the
    reference conditions of the facility file; a brighter beam can bring more.
    """
    worth = tally.samples * plant.weight * (plant.exchange_h + plant.exposure_h)
    return xp.sum(worth, -1) / xp.maximum(xp.sum(tally.open_h * plant.weight, -1), 1e-12)


def figures(tally: Tally, plant: Plant) -> dict[str, Figure]:
    """Each metric of R runs, by the facility's counting rules (``users.Metrics``).

    Of the user time T, D is downtime with F failures, of any kind or without beam alone (``faults``), and N
    are the outages of any kind. Availability (T - D) / T, after compensation (T - D) / (T - reserve);
    performability sum(hours * level) / T; MTBF T / F or T / (F + 1); mean outage D / F; MTBD T / N.
    """
    t = Tally(*(np.asarray(field, float) for field in tally))
    user, one, kinds = t.user_h, np.ones_like(t.user_h), ("no_beam", "low_current", "distorted")
    down, faults = user - t.delivered_h + t.short_h, t.failures
    if plant.facility.metrics.faults == "no_beam":
        down, faults = t.outage_h[..., 0], t.outages[..., 0]
    schedule, year_h = plant.facility.schedule, float(user.mean())  # all runs share a calendar
    kept = 1.0 - schedule.reserve_h_per_year / schedule.user_h_per_year
    plus_one = Figure(faults, user, read=lambda rate: 1.0 / (rate + 1.0 / year_h))
    return {
        "useful_beam": Figure(useful_beam(t, plant), one, read=lambda share: 100.0 * share),
        "availability": Figure(down, user, 1.0, lambda loss: 100.0 * (1.0 - loss)),
        "availability_compensated": Figure(down, user, 1.0, lambda loss: 100.0 * (1.0 - loss) / kept),
        "performability": Figure(user - t.level_h, user, 1.0, lambda loss: 100.0 * (1.0 - loss)),
        "mtbf_h": plus_one if plant.facility.metrics.faults_plus_one else Figure(user, faults),
        "mean_outage_h": Figure(down, faults),
        "mtbd_h": Figure(user, t.failures),
        "failures": Figure(t.failures, one),
        **{name: Figure(t.outages[..., k], one) for k, name in enumerate(kinds)},
        **{f"{name}_h": Figure(t.outage_h[..., k], one, year_h) for k, name in enumerate(kinds)},
        "user_h": Figure(user, one),
        "delivered_h": Figure(t.delivered_h, one),
        "samples": Figure(t.samples.sum(-1), one),
        "spoilt": Figure(t.spoilt.sum(-1), one),
        "experiments": Figure(t.experiments.sum(-1), one),
    }


def metrics(tally: Tally, plant: Plant) -> dict[str, np.ndarray]:
    """Each metric of R runs, [R]; see ``figures``.

    A run without failures has no finite MTBF: it is infinite, and its mean outage is nan.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: figure.of_runs() for name, figure in figures(tally, plant).items()}


def pooled(tally: Tally, plant: Plant) -> dict[str, Estimate]:
    """(value, low, high) of each metric over R runs, with its 90 % interval: see ``intervals.ratio``."""
    return {name: figure.pooled() for name, figure in figures(tally, plant).items()}


def quantiles(
    tally: Tally, plant: Plant, levels: tuple[float, ...] = (0.05, 0.5, 0.95)
) -> dict[str, list[Estimate]]:
    """Good and bad years: quantiles of each metric over the runs that have it, with 90 % intervals."""
    values, bounds = metrics(tally, plant), {n: f.bounds for n, f in figures(tally, plant).items()}
    return {
        name: [quantile(v[~np.isnan(v)], level, bounds[name]) for level in levels]
        for name, v in values.items()
    }


def against_published(facility: Facility, figures: dict[str, Estimate]) -> list[dict[str, Any]]:
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

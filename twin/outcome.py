"""The result of runs: tallies, and the standard metrics of light-source operation with intervals."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
    delivered_h: Any  # [] user time with beam as promised
    level_h: Any  # [] delivered hours times the share of the flux that the fault tree leaves
    failures: Any  # [] outages in user time of any kind, merged by the facility's rule
    short_h: Any  # [] delivered hours between merged outages
    outages: Any  # [3] no beam, low current, distorted: outages in user time, each kind merged separately
    outage_h: Any  # [3] their user hours, with the beam between merged outages
    failures_by: Any  # [P] failures of each process, at any time
    lost_h: Any  # [P + 1] user time lost, by the failure that began the outage; last: no failure
    down_h: Any  # [P] hours of units down, at any time
    open_h: Any  # [B] user time of each beamline
    samples: Any  # [B] measured
    spoilt: Any  # [B] in exposure when the beam was lost
    experiments: Any  # [B] completed
    exhausted: Any  # [] random inputs were used up: the run must not be ranked


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
    reference_h = tally.samples * plant.weight * (plant.exchange_h + plant.exposure_h)
    return xp.sum(reference_h, -1) / xp.maximum(xp.sum(tally.open_h * plant.weight, -1), 1e-12)


@dataclass(frozen=True)
class Counts:
    """The counts of R runs by the facility's counting rules (``users.Metrics``); metrics are computed from them.

    ``down`` is the downtime [h] of ``faults`` failures: of any kind, or only without beam.
    """

    tally: Tally  # of floats
    plant: Plant

    @property
    def one(self) -> np.ndarray:
        return np.ones_like(self.tally.user_h)

    @property
    def only_no_beam(self) -> bool:
        return self.plant.facility.metrics.faults == "no_beam"

    @property
    def faults(self) -> np.ndarray:
        return self.tally.outages[..., 0] if self.only_no_beam else self.tally.failures

    @property
    def down(self) -> np.ndarray:
        t = self.tally
        return t.outage_h[..., 0] if self.only_no_beam else t.user_h - t.delivered_h + t.short_h

    @property
    def year_h(self) -> float:
        """User hours of a run; all runs share a calendar."""
        return float(self.tally.user_h.mean())

    @property
    def not_reserved(self) -> float:
        """The share of the user hours that is not reserve."""
        schedule = self.plant.facility.schedule
        return 1.0 - schedule.reserve_h_per_year / schedule.user_h_per_year

    def mean(self, counted: np.ndarray, most: float = np.inf) -> Figure:
        """The mean over runs of a count."""
        return Figure(counted, self.one, most)

    def share_left(self, lost_h: np.ndarray, of: float = 1.0) -> Figure:
        """The user time minus lost hours, in percent of ``of`` times the user time."""
        return Figure(lost_h, self.tally.user_h, 1.0, lambda loss: 100.0 * (1.0 - loss) / of)

    def between_faults(self) -> Figure:
        """User time per fault, or per fault plus one for each run, by the facility's rule."""
        if not self.plant.facility.metrics.faults_plus_one:
            return Figure(self.tally.user_h, self.faults)
        return Figure(self.faults, self.tally.user_h, read=lambda rate: 1.0 / (rate + 1.0 / self.year_h))


class Metric(NamedTuple):
    """One figure of merit: its name, title, unit, the digits to print, and its function of the counts.

    ``per_run``: every run has a finite value; a time between failures is infinite in a run without failures.
    ``meaning``: a sentence that explains the metric, where the title does not.
    """

    name: str
    title: str
    unit: str
    digits: int
    of: Callable[[Counts], Figure]
    per_run: bool = True
    meaning: str = ""

    def __reduce__(self):
        """Pickled by name: the function that computes it has none."""
        return _named, (self.name,)


def _named(name: str) -> Metric:
    return next(metric for metric in METRICS if metric.name == name)


USEFUL_BEAM = (
    "Useful beam: 100 % means that all scheduled user hours of the beamlines are spent measuring at the flux of the "
    "reference settings; a higher flux shortens exposures, so it can bring more than 100 %."
)


METRICS = (
    Metric("useful_beam", "Useful beam", "%", 2, lambda c: Figure(
        useful_beam(c.tally, c.plant), c.one, read=lambda share: 100.0 * share), meaning=USEFUL_BEAM),
    Metric("availability", "Availability", "%", 2, lambda c: c.share_left(c.down)),
    Metric("availability_compensated", "Availability after compensation", "%", 2,
           lambda c: c.share_left(c.down, c.not_reserved)),
    Metric("performability", "Performability", "%", 2, lambda c: c.share_left(c.tally.user_h - c.tally.level_h)),
    Metric("mtbf_h", "Mean time between failures", "h", 1, lambda c: c.between_faults(), per_run=False),
    Metric("mean_outage_h", "Mean outage", "h", 2, lambda c: Figure(c.down, c.faults), per_run=False),
    Metric("mtbd_h", "Mean time between distortions", "h", 1,
           lambda c: Figure(c.tally.user_h, c.tally.failures), per_run=False),
    Metric("failures", "Failures in user time", "", 1, lambda c: c.mean(c.tally.failures)),
    Metric("no_beam", "Outages without beam", "", 1, lambda c: c.mean(c.tally.outages[..., 0])),
    Metric("low_current", "Outages with low current", "", 1, lambda c: c.mean(c.tally.outages[..., 1])),
    Metric("distorted", "Outages with distorted beam", "", 1, lambda c: c.mean(c.tally.outages[..., 2])),
    Metric("no_beam_h", "Hours without beam", "h", 1, lambda c: c.mean(c.tally.outage_h[..., 0], c.year_h)),
    Metric("low_current_h", "Hours of low current", "h", 1, lambda c: c.mean(c.tally.outage_h[..., 1], c.year_h)),
    Metric("distorted_h", "Hours of distorted beam", "h", 1, lambda c: c.mean(c.tally.outage_h[..., 2], c.year_h)),
    Metric("user_h", "User time", "h", 0, lambda c: c.mean(c.tally.user_h)),
    Metric("delivered_h", "Delivered beam", "h", 0, lambda c: c.mean(c.tally.delivered_h)),
    Metric("samples", "Samples measured", "", 0, lambda c: c.mean(c.tally.samples.sum(-1))),
    Metric("spoilt", "Samples spoilt", "", 1, lambda c: c.mean(c.tally.spoilt.sum(-1))),
    Metric("experiments", "Experiments completed", "", 1, lambda c: c.mean(c.tally.experiments.sum(-1))),
)  # fmt: skip
"""Every metric, in the order of tables. A new one needs an entry here and a case in ``tests/test_twin_outcome.py``."""


def meanings(names: Iterable[str]) -> list[str]:
    """The sentences that explain these metrics, for those that have one."""
    wanted = set(names)
    return [metric.meaning for metric in METRICS if metric.name in wanted and metric.meaning]


def figures(tally: Tally, plant: Plant) -> dict[str, Figure]:
    """Each metric of R runs, by the facility's counting rules."""
    counts = Counts(Tally(*(np.asarray(field, float) for field in tally)), plant)
    return {metric.name: metric.of(counts) for metric in METRICS}


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
    """Quantiles of each metric over the runs that have it (bad to good years), with 90 % intervals."""
    values, bounds = metrics(tally, plant), {n: f.bounds for n, f in figures(tally, plant).items()}
    return {
        name: [quantile(v[~np.isnan(v)], level, bounds[name]) for level in levels]
        for name, v in values.items()
    }


def against_published(facility: Facility, figures: dict[str, Estimate]) -> list[dict[str, Any]]:
    """Rows that compare the twin's yearly figures with the published ones of the facility file."""
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

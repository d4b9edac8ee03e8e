"""The operation metrics of a log's downtime, by the counting rules that the twin uses for its own runs."""

import numpy as np

from replay_data.downtime import KINDS, Downtime
from twin.facility import Facility
from twin.outcome import METRICS, Metric, Tally, metrics
from twin.plant import build

AVAILABLE = ("availability", "availability_compensated", "mtbf_h", "mean_outage_h", "mtbd_h", "user_h")
"""The metrics that can be computed from a beam channel alone."""


def counted(found: Downtime, facility: Facility) -> list[tuple[Metric, float]]:
    """(metric, value) over the scheduled user time with known beam; empty if there is none.

    An outage counts as its worst kind. Without failures the mean time between failures is infinite and the
    mean outage NaN.
    """
    if not found.user_h > 0:
        return []
    values = metrics(_tally(found, len(facility.beamline)), build(facility))
    return [(metric, float(values[metric.name][0])) for metric in METRICS if metric.name in AVAILABLE]


def _tally(found: Downtime, lines: int) -> Tally:
    """The downtime as a tally of one run [1]; NaN for fields that the beam alone does not determine."""
    hours = [[e.user_h for e in found.events if e.kind == kind and e.user_h > 0] for kind in KINDS.values()]
    lost = np.array([[sum(each) for each in hours]])
    unknown = {name: np.full((1, lines), np.nan) for name in Tally._fields}
    found_in_beam = {
        "user_h": np.array([found.user_h]),
        "delivered_h": found.user_h - lost.sum(-1),
        "short_h": np.zeros(1),  # the time between merged outages is already counted as lost
        "failures": np.array([found.failures]),
        "outages": np.array([[len(each) for each in hours]]),
        "outage_h": lost,
        "level_h": np.array([np.nan]),
    }
    return Tally(**(unknown | found_in_beam))

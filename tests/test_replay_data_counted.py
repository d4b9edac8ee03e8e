"""The standard metrics of a log's downtime: each counting rule of a facility, compared with sums by hand."""

import math

import numpy as np
import pytest

from replay_data.counted import counted
from replay_data.downtime import Downtime, Event

EVENTS = [
    Event("no beam", True, 10.0, 12.0, 2.0, 2.0),
    Event("no beam", True, 30.0, 34.0, 4.0, 0.0),  # outside user time
    Event("low current", False, 50.0, 51.0, 1.0, 1.0),
    Event("distorted", False, 60.0, 60.5, 0.5, 0.5),
    Event("no beam", True, 90.0, math.nan, 10.0, 6.0),
]


def seen(events=EVENTS, user_h=95.0):
    none = np.zeros((0, 2))
    return Downtime("stored_current", events, none, none, user_h, 0.1)


def metrics_of(ring, found, reserve=0.0, **rules):
    schedule = ring.schedule.model_copy(
        update={"reserve_h_per_year": reserve * ring.schedule.user_h_per_year}
    )
    metrics = ring.metrics.model_copy(update=rules)
    facility = ring.model_copy(update={"metrics": metrics, "schedule": schedule})
    return {metric.name: value for metric, value in counted(found, facility)}


@pytest.mark.parametrize(
    "rules, down, failures",
    [
        ({"faults": "any"}, 9.5, 4),
        ({"faults": "any", "faults_plus_one": True}, 9.5, 4),
        ({"faults": "no_beam"}, 8.0, 2),
        ({"faults": "no_beam", "faults_plus_one": True}, 8.0, 2),
    ],
)
def test_each_rule_counts_its_own_failures_and_hours(ring, rules, down, failures):
    found = metrics_of(ring, seen(), **rules)
    assert found["availability"] == pytest.approx(100 * (1 - down / 95))
    assert rules["faults"] != "any" or found["availability"] == pytest.approx(100 * seen().availability)
    assert found["mtbf_h"] == pytest.approx(95 / (failures + rules.get("faults_plus_one", False)))
    assert found["mean_outage_h"] == pytest.approx(down / failures)
    assert (found["mtbd_h"], found["user_h"]) == (pytest.approx(95 / 4), 95)


def test_a_reserve_compensates_for_as_much(ring):
    found = metrics_of(ring, seen(), reserve=0.05)
    assert found["availability_compensated"] == pytest.approx(found["availability"] / 0.95)


def test_without_failures_there_is_no_time_between_them_and_without_user_time_nothing(ring):
    found = metrics_of(ring, seen([]))
    assert found["availability"] == 100 and math.isinf(found["mtbf_h"]) and math.isnan(found["mean_outage_h"])
    assert metrics_of(ring, seen(user_h=0.0)) == {}

"""When to begin: where in the schedule a log ends, what a ramp disturbs, and which moment is recommended."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import twin
from controllers.evaluation import Interval
from controllers.policy import Policy
from controllers.recommend import reasons, timing
from controllers.recommend.case import Case, into_the_round
from replay_data.record import Record
from replay_data.view import LogView
from twin.scenario import ahead

RING = twin.load("storage-ring")  # a round: 16 h off, 32 h study, 288 h for users


@pytest.mark.parametrize("hours", [60.0, 336.0, 340.0, 380.0, 700.0, 1000.0])
def test_a_log_ends_as_far_into_the_round_as_its_schedule_says(hours):
    blocks = 4 * RING.schedule.block
    ends = np.cumsum([block.hours for block in blocks])
    kept = np.append(0.0, ends[:-1]) < hours
    plan = {"start_h": np.append(0.0, ends[:-1]), "end_h": ends, "phase": np.array([b.phase for b in blocks])}
    tables = {"schedule": {name: column[kept] for name, column in plan.items()}}
    cut = Record("storage-ring", "2026-01-01T00:00:00", hours, {}, tables)
    assert into_the_round(LogView(cut, RING)) == pytest.approx(hours % RING.schedule.period_h)


def test_without_a_schedule_or_with_unknown_phases_the_round_begins_at_zero():
    bare = Record("storage-ring", "2026-01-01T00:00:00", 100.0, {}, {})
    assert into_the_round(LogView(bare, RING)) == 0.0
    odd = {"start_h": [0.0], "end_h": [200.0], "phase": ["holiday"], "beamlines": [""]}
    strange = {"schedule": {name: np.array(column) for name, column in odd.items()}}
    assert (
        into_the_round(LogView(Record("storage-ring", "2026-01-01T00:00:00", 100.0, {}, strange), RING))
        == 0.0
    )


def standing(round_h: float) -> Case:
    """The ring at an hour of its round, with nothing learned."""
    held: Any = SimpleNamespace(space=twin.Space.of(RING), law=None, conditions=np.zeros(2))
    return Case(RING, held, ahead(RING, 336.0, round_h=round_h), round_h)


def test_only_a_knob_that_disturbs_costs_users_time_and_only_in_their_time():
    now = standing(100.0).space.present
    voltage, current = now.copy(), now.copy()
    voltage[1] -= 1.0  # two hours of ramp
    current[0] += 60.0
    assert timing.disturbed(standing(100.0), Policy("voltage", voltage)) == pytest.approx(2.0)
    assert timing.disturbed(standing(100.0), Policy("current", current)) == 0.0
    assert timing.disturbed(standing(335.0), Policy("voltage", voltage)) == pytest.approx(1.0)
    assert timing.disturbed(standing(5.0), Policy("voltage", voltage)) == 0.0


def test_the_refill_and_the_access_day_are_where_knob_and_schedule_say():
    here = standing(100.0)
    assert here.refill_h == pytest.approx(here.space.present[3] / 60.0)
    assert here.access_h == pytest.approx(236.0)
    assert standing(5.0).access_h == pytest.approx(0.0)


def moment(name: str, mean: float, half: float = 1.0, at_h: float = 0.0) -> timing.Moment:
    gain = Interval(mean, mean - half, mean + half, 0.5)
    nothing: Any = None
    return timing.Moment(name, Policy(name, np.zeros(1), at_h), nothing, gain, 0.0, 0.0)


def test_a_later_moment_must_bring_more_than_the_shown_digits_or_be_surer():
    now = moment("now", 5.0)
    assert timing.best([now, moment("refill", 5.0004)], 0.1) is now
    assert timing.best([now, later := moment("access", 5.2)], 0.1) is later
    assert timing.best([now, sure := moment("access", 4.9, 0.2)], 0.1) is sure


def test_moments_are_given_in_words():
    assert reasons.moment("now", 0.0) == "now"
    assert reasons.moment("refill", 0.1) == "at the next refill (in 6 min)"
    assert reasons.moment("access", 236.0) == "on the access day (in 236 h)"

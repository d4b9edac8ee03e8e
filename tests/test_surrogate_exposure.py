"""Exposure: known ages, logs that follow one another, minimal repairs, laws other than Weibull."""

import numpy as np
import pytest
from samples_surrogate import FACILITY, TEXT

from replay_data.record import Record
from replay_data.view import LogView
from surrogate import exposure
from twin.facility import parse


def faults(rows) -> dict:
    columns = list(zip(*rows, strict=True)) if rows else [[], [], []]
    columns = [np.array(columns[0], str), *(np.array(c, float) for c in columns[1:])]
    empty = np.full(len(rows), "")
    return {
        "process": columns[0], "start_h": columns[1], "repair_start_h": columns[1], "end_h": columns[2],
        "cause": empty, "comment": empty,
    }  # fmt: skip


def history(rows, start="2026-01-01T00:00:00Z", offset=0.0, facility=FACILITY, hours=100.0):
    return exposure.history(
        LogView(Record("toy-ring", start, hours, {}, {"faults": faults(rows)}), facility), offset
    )


def exposed(logs, name="rf.tube", facility=FACILITY):
    mode, processes = exposure.modes(facility)[name]
    return exposure.expose(facility, logs, mode, processes)


def test_the_age_before_the_first_repair_is_not_known():
    found = exposed([history([("rf.tube.1", 40.0, 43.5)])])
    first = found.cut(found.process == 0)
    assert not first.known[first.time_h <= 40.0].any() and first.known[first.time_h > 43.5].all()
    assert not found.known[found.process == 1].any()
    assert first.young_h[first.known].min() == 0.0 and first.old_h.max() == pytest.approx(56.5)


def test_ages_continue_in_a_log_that_follows_the_one_before():
    first = history([("rf.tube.1", 40.0, 43.5)])
    second = history([("rf.tube.1", 10.0, 12.0)], "2026-01-05T04:00:00Z", 100.0)
    found = exposed([first, second])
    failed = found.cut((found.process == 0) & (found.events > 0))
    assert failed.old_h.tolist() == pytest.approx([40.0, 66.5])
    assert failed.known.tolist() == [False, True]


def test_after_a_gap_between_logs_ages_are_unknown_again():
    late = history([("rf.tube.1", 10.0, 12.0)], "2026-02-05T04:00:00Z", 100.0)
    found = exposed([history([("rf.tube.1", 40.0, 43.5)]), late])
    failed = found.cut((found.process == 0) & (found.events > 0))
    assert failed.old_h.tolist() == pytest.approx([40.0, 10.0]) and not failed.known.any()


def test_after_an_open_repair_at_the_end_of_a_log_ages_are_unknown_in_the_next():
    second = history([], "2026-01-05T04:00:00Z", 100.0)
    found = exposed([history([("rf.tube.1", 20.0, 30.0), ("rf.tube.1", 90.0, np.nan)]), second])
    assert not found.known[(found.process == 0) & (found.time_h > 100.0)].any()


def test_a_minimal_repair_does_not_reset_the_age():
    facility = parse(TEXT.replace("shape = 2.0", "shape = 2.0\nminimal_repair = true"))
    found = exposed([history([("rf.tube.1", 40.0, 43.5)], facility=facility)], facility=facility)
    assert found.old_h[found.process == 0].max() == pytest.approx(96.5) and not found.known.any()


@pytest.mark.parametrize(
    "law",
    [
        'law = "lognormal"\nsigma = 0.7', 'law = "gamma"\nshape = 2.5', "shape = 1.7", 'law = "fixed"',
        'law = "empirical"\nobserved_h = [20.0, 35.0, 35.0, 80.0]',
    ],
)  # fmt: skip
def test_cumulative_hazards_of_arrays_equal_those_of_single_ages(law):
    text = TEXT.replace("shape = 2.0", law)
    mode = exposure.modes(parse(text.replace("mtbf_h = 150.0\n", "") if "empirical" in law else text))[
        "rf.tube"
    ][0]
    ages = np.array([0.0, 3.0, 35.0, 90.0, 149.0, 400.0])
    each = np.array([mode.life.spent(a) for a in ages.tolist()])
    scale = mode.life.hazard if mode.law == "weibull" else 1.0
    assert scale * exposure.cumulative(mode, ages) == pytest.approx(each, rel=1e-9, abs=1e-12)

"""The sequential test: false alarms over a thousand runs, correlated errors, and detection."""

import numpy as np
import pytest

from surrogate import drift

PAST, NEW = 100, 200


def stretches(rng, pieces, rows=6, common=1.0, own=1.0):
    """Rows whose errors have a common part within each piece of a day."""
    value = np.repeat(common * rng.normal(size=pieces), rows) + own * rng.normal(size=pieces * rows)
    return np.arange(pieces * rows) * 24.0 / rows, value, np.repeat(np.arange(pieces), rows)


def correlated(rng, n, share):
    e = rng.normal(size=n + 200) * np.sqrt(1 - share**2)
    value = np.zeros(n + 200)
    for i in range(1, n + 200):
        value[i] = share * value[i - 1] + e[i]
    return value[200:]


def alarm(past, new, threshold=100.0) -> bool:
    path = drift.evidence(past, new)
    return path is not None and bool(path.max() >= threshold)


def test_false_alarms_of_a_thousand_runs_stay_below_the_stated_rate():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(1000):
        time_h, value, group = stretches(rng, PAST + NEW)
        found = drift.units(time_h, value[:, None], group).score[:, 0]
        alarms += alarm(found[:PAST], found[PAST:])
    assert alarms <= 10 + 4 * np.sqrt(10)  # 1 % of 1,000, and 4 standard errors


def test_rows_taken_as_independent_would_raise_false_alarms_where_pieces_do_not():
    rng = np.random.default_rng(1)
    by_row = by_piece = 0
    for _ in range(40):
        time_h, value, group = stretches(rng, PAST + NEW, common=2.0)
        found = drift.units(time_h, value[:, None], group).score[:, 0]
        by_piece += alarm(found[:PAST], found[PAST:])
        shuffled = value[: 6 * PAST].copy()
        rng.shuffle(shuffled)
        by_row += alarm(shuffled, value[6 * PAST :])
    assert by_piece <= 2 and by_row >= 20


@pytest.mark.parametrize(("share", "most"), [(0.5, 4), (0.8, 6)])
def test_slowly_drifting_errors_raise_no_alarm(share, most):
    rng = np.random.default_rng(2)
    runs = [correlated(rng, PAST + NEW, share) for _ in range(200)]
    assert sum(alarm(run[:PAST], run[PAST:]) for run in runs) <= most  # 2 expected at 1 %


def test_heavy_tails_raise_no_alarm():
    rng = np.random.default_rng(3)
    runs = [rng.standard_t(4, PAST + NEW) for _ in range(200)]
    assert sum(alarm(run[:PAST], run[PAST:]) for run in runs) <= 4


@pytest.mark.parametrize(
    ("injured", "within"),
    [
        (lambda z, t: z + 3.0, 15),
        (lambda z, t: z - 3.0, 15),
        (lambda z, t: 4.0 * z, 30),
        (lambda z, t: z + 0.1 * t, 45),
    ],
    ids=["jump up", "jump down", "wider", "ramp"],
)
def test_a_change_after_a_long_time_in_service_is_found_soon(injured, within):
    rng = np.random.default_rng(4)
    delays = []
    for _ in range(20):
        value = rng.normal(size=PAST + NEW)
        at = PAST + 100
        value[at:] = injured(value[at:], np.arange(NEW - 100))
        path = drift.evidence(value[:PAST], value[PAST:])
        assert path is not None
        delays.append(np.argmax(path >= 100.0) - 100 if path.max() >= 100.0 else np.inf)
    assert 0 <= np.median(delays) <= within


def test_an_offset_within_the_usual_error_raises_no_alarm():
    rng = np.random.default_rng(5)
    runs = [rng.normal(size=PAST + 1000) for _ in range(20)]
    assert not any(alarm(run[:PAST], run[PAST:] + 0.3) for run in runs)


def test_too_short_a_past_gives_no_evidence():
    assert drift.evidence(np.random.default_rng(6).normal(size=drift.FEWEST_UNITS - 1), np.zeros(5)) is None


def test_nonstationary_errors_raise_an_alarm_only_when_they_jump():
    rng = np.random.default_rng(7)
    runs = [np.cumsum(rng.normal(size=PAST + NEW)) for _ in range(100)]
    assert all(drift.memory(run[:PAST]).nonstationary for run in runs[:20])
    assert sum(alarm(run[:PAST], run[PAST:]) for run in runs) <= 4  # 1 expected at 1 %
    jumped = [np.r_[run[: PAST + 50], run[PAST + 50 :] + 20.0] for run in runs[:20]]
    assert sum(alarm(run[:PAST], run[PAST:]) for run in jumped) >= 15


def test_medians_are_those_of_each_piece():
    value = np.array([[1.0, np.nan], [3.0, 5.0], [2.0, np.nan], [np.nan, np.nan], [4.0, np.nan]])
    found = drift.medians(value, np.array([0, 0, 0, 1, 1]))
    assert found.tolist()[0] == [2.0, 5.0] and found[1, 0] == 4.0 and np.isnan(found[1, 1])


def test_pieces_are_stretches_cut_each_day_and_joined_where_short():
    hours = np.arange(0.5, 72.0)
    assert np.bincount(drift.units(hours, hours[:, None], np.zeros(72, int)).row).tolist() == [24, 24, 24]
    assert np.bincount(drift.units(hours, hours[:, None], np.arange(72) // 4).row).tolist() == [8] * 9
    quick = drift.units(hours, hours[:, None], np.arange(72))
    assert np.bincount(quick.row).tolist() == [6] * 12
    assert quick.time_h[0] == 3.0 and quick.score[0, 0] == 3.0


def test_pieces_without_a_measurement_are_nan():
    value = np.full((12, 2), np.nan)
    value[:6, 0] = 1.0
    found = drift.units(np.arange(12.0), value, np.repeat([0, 1], 6))
    assert np.isnan(found.score).tolist() == [[False, True], [True, True]]
    assert drift.reference(["a", "b"], found) == {"a": [1.0], "b": []}

"""Decision epochs of a log and candidates in them: settings, conditions and outcome, day by day."""

from dataclasses import replace

import numpy as np
import pytest

from controllers.off_policy import candidate
from controllers.off_policy.epochs import epochs
from controllers.outcomes import realised
from replay_data import replay
from replay_data.record import Channel, Record
from replay_data.view import LogView
from twin import Space, UserError


@pytest.fixture(scope="module")
def seen(ring_record, ring):
    return epochs(LogView(ring_record, ring))


def test_an_epoch_holds_what_operators_set_that_day(ring_record, ring, seen):
    for k, knob in enumerate(ring.knob):
        np.testing.assert_allclose(
            seen.settings[:, k], ring_record.channel(knob.name).at(seen.hour), atol=1e-9
        )
    hall = [row.name for row in ring.condition].index("hall_temperature")
    assert np.abs(seen.conditions[:, hall] - 26.0).max() < 3.0
    assert np.isfinite(seen.quantities).all()


def test_the_epochs_together_brought_what_the_whole_log_did(ring_record, ring, seen):
    view = replay.window(LogView(ring_record, ring), ring_record.hours)
    ends = np.array([0.0, ring_record.hours])
    whole = realised.useful(view, realised.counted(view, LogView(ring_record, ring), ends), ends)[0]
    assert np.average(seen.outcome, weights=seen.weight) == pytest.approx(whole, abs=0.3)
    assert seen.weight.sum() == pytest.approx(realised.open_hours(view, *ends) @ view.plant.weight, rel=1e-3)
    # two days of each fortnight have no users: 16 h of maintenance, 32 h of studies
    assert len(seen.hour) == pytest.approx(120 * 12 / 14, abs=2)


def test_longer_epochs_are_means_of_shorter_ones(ring_record, ring, seen):
    double = epochs(LogView(ring_record, ring), 48.0)
    first, second = (np.flatnonzero(seen.hour == double.hour[1] + h)[0] for h in (0.0, 24.0))
    np.testing.assert_allclose(double.settings[1], (seen.settings[first] + seen.settings[second]) / 2)
    assert double.weight[1] == seen.weight[first] + seen.weight[second]


def test_a_quantity_may_be_the_outcome(ring_record, ring):
    found = epochs(LogView(ring_record, ring), outcome="lifetime")
    np.testing.assert_allclose(found.outcome, 100.0 * found.quantities[:, 0] / 30.0)
    with pytest.raises(UserError, match="outcome 'nothing' is no quantity of 'storage-ring': lifetime, "):
        epochs(LogView(ring_record, ring), outcome="nothing")


def rows(ring, count):
    """A tuning log of the ring: ``count`` rows, one knob wanders."""
    stamps, rng = np.arange(count) / 60.0, np.random.default_rng(1)
    values = {k.name: np.full(count, k.value) for k in ring.knob} | {"current": 430 + rng.normal(size=count)}
    values |= {c.name: np.full(count, c.value) for c in ring.condition}
    channels = {n: Channel(n, stamps, v, ring_unit(ring, n), "setpoint") for n, v in values.items()}
    flux = Channel("flux_mx", stamps, 2.0e12 * values["current"] / 430.0, "ph/s", "quantity")
    return Record(
        ring.name, "2026-01-01T00:00:00", stamps[-1] + 1.0, channels | {"flux_mx": flux}, tabular=True
    )


def ring_unit(ring, name):
    return next(row.unit for row in (*ring.knob, *ring.condition) if row.name == name)


def test_a_row_of_a_tuning_log_is_an_epoch_and_the_flux_its_outcome(ring):
    found = epochs(LogView(rows(ring, 50), ring))
    assert len(found.hour) == 50 and (found.weight == 1.0).all()
    np.testing.assert_allclose(found.outcome, 100.0 * found.settings[:, 0] / 430.0)
    with pytest.raises(UserError, match="30 rows with settings and an outcome, 40 are needed"):
        epochs(LogView(rows(ring, 30), ring))


def test_a_log_that_is_too_short_or_counts_nothing_is_refused(ring_record, ring):
    with pytest.raises(UserError, match="epochs of 168 h with settings and an outcome, 40 are needed"):
        epochs(LogView(ring_record, ring), 168.0)
    with pytest.raises(UserError, match="hold no epoch of 9999 h"):
        epochs(LogView(ring_record, ring), 9999.0)
    silent = {n: c for n, c in ring_record.channels.items() if not n.startswith("samples_")}
    with pytest.raises(UserError, match="samples were not counted"):
        epochs(LogView(replace(ring_record, channels=silent), ring))


def test_a_region_lies_about_its_middle_within_limits_and_leaves_other_knobs_alone(ring, seen):
    space = Space.of(ring)
    wanted = seen.settings.copy()
    wanted[:, 2] = 0.4
    found = candidate.region(space, seen.settings, wanted, 0.05, 8, seed=1)
    assert found.shape == (8, *seen.settings.shape) and space.inside(found).all()
    np.testing.assert_allclose(
        found[..., [0, 1, 3]], np.broadcast_to(seen.settings, found.shape)[..., [0, 1, 3]]
    )
    assert np.median(found[..., 2]) == pytest.approx(0.4, abs=0.02)
    upper = found[..., 2][found[..., 2] > 0.4]
    assert np.mean(upper < 0.4 + 0.05 * 2.7) == pytest.approx(0.68, abs=0.08)  # the lower side is cut at 0.3
    again = candidate.region(space, seen.settings, wanted, 0.05, 8, seed=1)
    assert (again == found).all()


def test_a_shift_stops_at_limits_and_interlocks(ring, seen):
    space = Space.of(ring)
    small = candidate.shifted(space, seen.settings, np.array([5.0, 0.0, 0.0, 0.0]))
    inside = space.inside(seen.settings + np.array([5.0, 0.0, 0.0, 0.0]))
    np.testing.assert_allclose(small[0, inside, 0], seen.settings[inside, 0] + 5.0)
    large = candidate.shifted(space, seen.settings, np.array([100.0, 2.0, 5.0, 0.0]))
    assert space.inside(large).all() and (large[0, :, 0] < 500.0).any()

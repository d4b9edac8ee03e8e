"""A year of each built-in facility at its reference settings beside the published statistics."""

from functools import cache

import numpy as np
import pytest

import twin
from twin import batched, draws, nominal, outcome, plant, scenario
from twin.outcome import Tally

RUNS = {"storage-ring": 96, "xfel-linac": 32}
SEED = 2003


@cache
def year(name: str) -> Tally:
    """Tallies of runs that hold ``user_h_per_year`` hours of user time each, in epochs of a day."""
    facility = twin.load(name)
    user_h = sum(b.hours for b in facility.schedule.block if b.phase == "user")
    horizon_h = facility.schedule.user_h_per_year * facility.schedule.period_h / user_h
    chance = draws.draw(facility, RUNS[name], *draws.enough(facility, horizon_h), seed=SEED)
    scene = scenario.ahead(facility, horizon_h)
    return batched.simulate(plant.build(facility), nominal.nominal(facility), chance, scene)


def figures(name: str) -> dict[str, tuple[float, float, float]]:
    return outcome.pooled(year(name), plant.build(twin.load(name)))


PUBLISHED = [(name, p.metric) for name in twin.built_in() for p in twin.load(name).published]


@pytest.mark.parametrize("name, metric", PUBLISHED)
def test_a_year_of_the_twin_reproduces_the_published_figure(name, metric):
    """Inside the twin's own 90 % interval of the mean year, or within 2 % (unavailability: of the loss)."""
    rows = {row["metric"]: row for row in outcome.against_published(twin.load(name), figures(name))}
    published, (mean, low, high) = rows[metric]["published"], rows[metric]["twin"]
    room = 0.02 * (100.0 - published if metric == "availability_pct" else published)
    told = f"{name} {metric}: published {published}, twin {mean:.3f} ({low:.3f} ... {high:.3f})"
    assert low <= published <= high or abs(mean - published) < room, told
    assert high - low < 4 * room, f"{told}: the interval says too little"


@pytest.mark.parametrize("name", RUNS)
def test_no_year_of_the_twin_runs_out_of_draws_and_user_time_is_as_scheduled(name):
    assert not np.any(year(name).exhausted)
    user_h = year(name).user_h
    assert np.ptp(user_h) == pytest.approx(0.0, abs=1e-6)
    assert user_h[0] == pytest.approx(twin.load(name).schedule.user_h_per_year, rel=0.03)


def share_of_failures(name: str, suffixes: tuple[str, ...]) -> float:
    """Share of the machine's own failures (no beamline, no injector alone) that these modes cause."""
    facility = twin.load(name)
    counts = year(name).failures_by.mean(0)
    stops = np.array([m.effect in ("dump", "distort") for _, m, _ in facility.processes])
    mine = np.array([n in suffixes for n in facility.process_names])
    return counts[mine].sum() / counts[stops].sum()


def test_about_half_of_the_rings_failures_are_rf_trips_which_the_settings_move():
    assert 0.45 < share_of_failures("storage-ring", ("rf.trip",)) < 0.55
    trip = twin.load("storage-ring").subsystem[0].mode[0]
    assert trip.power["rf_voltage"] > 0 and trip.power["current"] > 0


def test_most_of_the_linacs_failures_are_cavity_trips_which_the_gradients_move():
    sections = tuple(f"section_{i}.trip" for i in (1, 2, 3))
    assert share_of_failures("xfel-linac", sections) > 0.75
    for i, subsystem in enumerate(twin.load("xfel-linac").subsystem[:3]):
        assert 4.0 <= subsystem.mode[0].mtbf_h <= 6.0
        assert subsystem.mode[0].slope == {f"gradient_{i + 1}": 1.84}


@pytest.mark.parametrize("name", RUNS)
def test_lost_hours_by_cause_add_up_to_the_user_time_without_beam(name):
    t = year(name)
    np.testing.assert_allclose(t.lost_h.sum(-1), t.user_h - t.delivered_h, rtol=1e-9)
    assert np.all(t.lost_h[:, -1] < 0.02 * t.lost_h.sum(-1)), "hardly any loss is without a cause"

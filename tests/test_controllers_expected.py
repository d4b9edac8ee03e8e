"""Useful beam expected without simulation: near enough to the twin to rank settings, and exact in closed form."""

import jax
import numpy as np
import pytest
from closed_form import TOY, subsystem

from controllers.recommend import expected
from controllers.searches.search import sobol
from twin import Space, batched, load
from twin.draws import draw, enough
from twin.facility import parse
from twin.nominal import nominal
from twin.outcome import useful_beam
from twin.plant import build
from twin.scenario import ahead

WEEKS_H = 2016.0


def at_reference(facility, settings):
    """Expected useful beam [n] at settings [n, K] by the facility's own law."""
    law, conditions = nominal(facility), np.array([c.value for c in facility.condition])
    hazard = law(Space.of(facility).present, conditions).hazard
    outage_costs = expected.outage_costs(build(facility), ahead(facility, WEEKS_H), hazard)
    return (
        law,
        outage_costs,
        conditions,
        np.asarray(expected.of_each(law, outage_costs, settings, conditions)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name, within", [("storage-ring", 1.0), ("xfel-linac", 7.0)])
def test_it_ranks_settings_as_the_twin_does_and_comes_near_its_figures(name, within):
    facility = load(name)
    space = Space.of(facility)
    settings = space.from_unit(sobol(len(space.names), 32, 3))
    settings = settings[space.inside(settings)][:8]
    law, _, _, seen = at_reference(facility, settings)
    lives, experiments = enough(facility, WEEKS_H)
    chance = draw(facility, 32, 2 * lives, 2 * experiments, seed=1)
    runs = [
        batched.simulate(build(facility), law, chance, ahead(facility, WEEKS_H, WEEKS_H, s)) for s in settings
    ]
    assert not any(np.any(run.exhausted) for run in runs)
    simulated = np.array([100.0 * np.mean(useful_beam(run, build(facility))) for run in runs])
    assert np.abs(seen - simulated).max() < within
    order = np.argsort(np.argsort(seen)), np.argsort(np.argsort(simulated))
    assert np.corrcoef(*order)[0, 1] > 0.95


def test_series_of_dumps_and_cut_samples_are_as_the_closed_forms_say():
    """1 / (1 + rate * hours lost) of the time, at x exp(c y) + (exp(c y) - 1) / c hours a sample."""
    text = TOY.format(restart_h=0.5, blocks='[[schedule.block]]\nphase = "user"\nhours = 1e6\n')
    text += subsystem("a", mtbf_h=40.0, repair="{ law = 'fixed', mean_h = 1.5 }")
    text += subsystem("b", mtbf_h=60.0, repair="{ law = 'fixed', mean_h = 3.5 }")
    facility = parse(text)
    line = facility.beamline[0]
    x, y = line.exchange_min / 60.0, line.exposure_min / 60.0
    warm = (line.warmup_min / 60.0) * (1.0 - np.exp(-np.array([2.0, 4.0]) / (line.warmup_tau_min / 60.0)))
    rate = np.array([1 / 40.0, 1 / 60.0])
    c = rate.sum()
    up = 1.0 / (1.0 + rate @ (np.array([2.0, 4.0]) + warm))
    wanted = 100.0 * up * (x + y) / (x * np.exp(c * y) + np.expm1(c * y) / c)
    present = Space.of(facility).present[None]
    assert at_reference(facility, present)[3][0] == pytest.approx(wanted, rel=1e-6)


def test_its_slopes_are_those_of_finite_differences(ring):
    space = Space.of(ring)
    law, outage_costs, conditions, _ = at_reference(ring, space.present[None])

    def beam(unit):
        return expected.useful_beam(
            law, outage_costs, space.low + unit * (space.high - space.low), conditions
        )

    unit, step = space.to_unit(space.present), 1e-5
    slope = np.asarray(jax.grad(beam)(unit))
    across = [(beam(unit + step * e) - beam(unit - step * e)) / (2 * step) for e in np.eye(len(unit))]
    np.testing.assert_allclose(slope, across, rtol=1e-5, atol=1e-6)

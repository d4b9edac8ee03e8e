"""The calibrated facility has the learned numbers; its posterior samples have their uncertainty."""

import math
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from samples_surrogate import FACILITY, record

from replay_data.view import LogView
from surrogate import calibration, exposure, hazards, repairs
from surrogate.learned import LearnedLaw
from twin import reference
from twin.draws import draw
from twin.facility import Facility
from twin.nominal import nominal
from twin.plant import build
from twin.scenario import ahead

HERE = np.array([200.0, 2.0]), np.array([30.0])


def learned(hours: int, seed: int = 1):
    log = exposure.history(LogView(record(hours, seed), FACILITY))
    x = np.array([200.0, 2.0, 30.0])
    part, _ = hazards.learn(FACILITY, [log], x, np.array([46.0, 0.46, 0.7]), 0.7 * hours)
    with_repair_times, _, times = repairs.calibrate(FACILITY, [log])
    part = replace(part, repairs=times)
    return calibration.calibrated(with_repair_times, part), part


def test_the_law_of_the_calibrated_facility_file_gives_the_learned_hazards():
    facility, part = learned(2400)
    own = nominal(facility)
    for settings in (HERE[0], np.array([260.0, 1.4])):
        hazard = np.asarray(part(jnp.concatenate([settings, HERE[1]])))
        assert np.asarray(own(settings, HERE[1]).hazard) == pytest.approx(hazard, rel=1e-9)


def test_a_calibrated_facility_is_written_and_read_again():
    facility, _ = learned(2400)
    again = Facility.model_validate_json(facility.model_dump_json())
    assert again == facility
    trip = again.subsystem[0].mode[0]
    assert trip.mean_h == pytest.approx(60.0, rel=0.4), "two units, one failure in 30 h"
    assert trip.source.startswith("calibrated on") and trip.slope["voltage"] == pytest.approx(
        0.5 / 0.46, rel=0.5
    )


def test_draws_are_facilities_whose_hazards_and_repairs_spread_as_the_posterior_says():
    facility, part = learned(2400)
    found = calibration.facilities(facility, part, 300)
    life = np.log([own.subsystem[0].mode[0].mean_h for own, _ in found])
    centre = math.log(facility.subsystem[0].mode[0].mean_h)
    sd = np.sqrt((np.asarray(part.rates.root)[0, 0] ** 2).sum())
    assert life.mean() == pytest.approx(centre, abs=4 * sd / np.sqrt(300) + 0.01)
    assert life.std() == pytest.approx(sd, rel=0.2)
    shapes = np.log([own.subsystem[0].mode[1].shape for own, _ in found])
    assert shapes.std() == pytest.approx(0.3, rel=0.2), "no tube failed: its shape has the prior's spread"
    assert len({own.subsystem[0].mode[0].repair.median_h for own, _ in found}) == 300
    assert {build(own).shape[0] for own, _ in found} == {1.0}


def test_equal_seeds_draw_equal_facilities():
    facility, part = learned(1200)
    first, again = (calibration.facilities(facility, part, 3, seed=7) for _ in range(2))
    assert [own for own, _ in first] == [own for own, _ in again]


def test_a_longer_log_narrows_the_posterior():
    spread = []
    for hours in (600, 2400, 9600):
        found = calibration.facilities(*learned(hours), 200)
        spread.append(np.log([own.subsystem[0].mode[0].mean_h for own, _ in found]).std())
    assert spread[0] > 1.4 * spread[1] > 1.4 * 1.4 * spread[2], "about half for four times the log"


class Flat(eqx.Module):
    """Two members, each with a constant lifetime and flux."""

    weights: Any  # [2, 2] members, outputs

    def __call__(self, x):
        return jnp.sum(self.weights * jnp.array([[20.0, 1e12], [22.0, 1.1e12]]), axis=0)


def test_a_law_draws_plants_that_differ_in_hazards_and_in_quantities():
    facility, part = learned(1200)
    flat: Any = Flat(jnp.full((2, 2), 0.5))
    nothing: Any = jnp.zeros(1)
    law = LearnedLaw(flat, nothing, part, jnp.ones(2), nothing)
    found = calibration.draws(facility, law, 4)
    points = [law(*map(jnp.asarray, HERE)) for _, law in found]
    assert len({float(p.hazard[0]) for p in points}) == len({float(p.quantity[0]) for p in points}) == 4
    for (own, law), point in zip(found, points, strict=True):
        assert np.asarray(nominal(own)(*HERE).hazard) == pytest.approx(np.asarray(point.hazard), rel=1e-6)
        assert jax.tree.structure(law) == jax.tree.structure(found[0][1])


def test_posterior_samples_on_the_base_plant_fail_as_the_drawn_facilities_do():
    """Event for event at constant settings: one program with transformed draws replaces n separate facilities."""
    facility, part = learned(1200)
    flat: Any = Flat(jnp.full((2, 2), 0.5))
    nothing: Any = jnp.zeros(1)
    law = LearnedLaw(flat, nothing, part, jnp.ones(2), nothing)
    plants, hours = 4, 2000.0
    samples = calibration.posterior_samples(facility, law, plants, seed=5)
    assert np.ptp(samples.power, axis=0).max() > 0.1, "shapes differ"
    scene, base = ahead(facility, hours), build(facility)
    random_inputs = draw(facility, plants, 400, 64, 3)
    as_drawn = samples.as_drawn(random_inputs, base)
    for i, (own, one) in enumerate(calibration.draws(facility, law, plants, seed=5)):
        mine: Any = jax.tree.map(lambda a, i=i: np.asarray(a)[i], samples.laws)
        tallies = []
        for plant, its, inputs in ((base, mine, as_drawn), (build(own), one, random_inputs)):
            run = reference.start(plant, inputs.run(i), scene.calendar)
            run.advance(its, HERE[0], HERE[1], hours)
            tallies.append(run.tally())
        assert tallies[0].failures > 20
        for a, b in zip(*tallies, strict=True):
            np.testing.assert_allclose(np.asarray(a, float), np.asarray(b, float), rtol=1e-6, atol=1e-6)


def test_a_facility_in_which_nothing_fails_has_posterior_samples_too():
    never = FACILITY.model_copy(update={"subsystem": []})
    faults = exposure.history(LogView(record(600, 1), never))
    part, _ = hazards.learn(never, [faults], np.array([200.0, 2.0, 30.0]), np.ones(3), 400.0)
    flat: Any = Flat(jnp.full((2, 2), 0.5))
    nothing: Any = jnp.zeros(1)
    samples = calibration.posterior_samples(
        never, LearnedLaw(flat, nothing, part, jnp.ones(2), nothing), 3, 1
    )
    random_inputs = draw(never, 6, 4, 8, 1)
    assert samples.power.shape == (3, 0) and samples.repair_laws == [{}, {}, {}]
    assert samples.as_drawn(random_inputs, build(never)).budget.shape == random_inputs.budget.shape

"""The two models on our own engines: drawing included, units one by one or like units as one process."""

import numpy as np
import peers_models as given

from twin import batched, reference
from twin.draws import draw
from twin.facility import Facility, parse
from twin.nominal import nominal
from twin.outcome import Tally
from twin.plant import build
from twin.scenario import ahead

PART = """
[[subsystem]]
name = "{name}"
title = "Units"
units = {units}
[[subsystem.mode]]
name = "failure"
effect = "{effect}"
mtbf_h = {mtbf_h}
ages = "always"
repair = {{ law = "exponential", mean_h = {repair_h} }}
{crew}
"""
REST = """
name = "model"
title = "Model"
kind = "linac"
[beam]
restart_h = 0.0
[[knob]]
name = "charge"
title = "Charge"
pv = "Q"
unit = "pC"
low = 1.0
high = 2.0
value = 1.0
ramp_per_h = 1.0
[[quantity]]
name = "flux"
title = "Flux"
pv = "F"
unit = "uJ"
value = 1.0
[[crew]]
name = "repair"
size = {crews}
[schedule]
user_h_per_year = 8760
[[schedule.block]]
phase = "user"
hours = 1e6
[[beamline]]
name = "line"
title = "Line"
flux = "flux"
exchange_min = 1.0
exposure_min = 1.0
experiments_per_week = 1e-6
samples_per_experiment = 1
"""


def _series(like: bool) -> Facility:
    times = {"mtbf_h": given.SERIES_MTBF_H, "repair_h": given.SERIES_REPAIR_H, "effect": "dump", "crew": ""}
    names = ["all"] if like else [f"u{i}" for i in range(given.SERIES_UNITS)]
    units = given.SERIES_UNITS if like else 1
    return parse(REST.format(crews=1) + "".join(PART.format(name=n, units=units, **times) for n in names))


def _machines() -> Facility:
    part = PART.format(
        name="all", units=given.MACHINES, mtbf_h=given.MACHINE_MTBF_H, repair_h=given.MACHINE_REPAIR_H,
        effect="distort", crew='crew = "repair"',
    )  # fmt: skip
    return parse(REST.format(crews=given.CREWS) + part)


def _years(engine, facility: Facility, lives: int, years: int, seed: int) -> Tally:
    draws = draw(facility, years, lives, 4, seed)
    scene = ahead(facility, given.YEAR_H, given.YEAR_H)
    tally = engine.simulate(build(facility), nominal(facility), draws, scene)
    assert not np.any(tally.exhausted)
    return tally


def _of_series(engine, like: bool):
    """A peer's function: (availability, failures) of units in series."""
    facility, lives = _series(like), 320 if like else 16

    def simulate(years: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        tally = _years(engine, facility, lives, years, seed)
        return tally.delivered_h / tally.user_h, np.asarray(tally.failures, float)

    return simulate


def _of_machines(engine):
    facility = _machines()

    def simulate(years: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        tally = _years(engine, facility, 4608, years, seed)
        return 1.0 - tally.down_h[:, 0] / given.MACHINES / given.YEAR_H, tally.failures_by[:, 0]

    return simulate


reference_series, batched_series = _of_series(reference, False), _of_series(batched, False)
reference_like, batched_like = _of_series(reference, True), _of_series(batched, True)
reference_machines, batched_machines = _of_machines(reference), _of_machines(batched)

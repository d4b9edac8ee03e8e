"""A small synthetic ring and its log for the tests of surrogate: known maps, known hazards, seeded."""

import numpy as np

from replay_data.record import Channel, Record
from twin.facility import parse

TEXT = """
name = "toy-ring"
title = "Toy ring"
kind = "ring"
beam = {current_knob = "current", lifetime = "lifetime", restart_h = 0.3, fill_per_h = 4800.0}
schedule = {user_h_per_year = 5000, block = [{phase = "user", hours = 168.0}]}

[[knob]]
name = "current"
title = "Stored current"
pv = "T:I"
unit = "mA"
low = 100.0
high = 300.0
value = 200.0
ramp_per_h = 60.0

[[knob]]
name = "voltage"
title = "RF voltage"
pv = "T:V"
unit = "MV"
low = 1.0
high = 3.0
value = 2.0
ramp_per_h = 1.0

[[condition]]
name = "water"
title = "Water temperature"
pv = "T:T"
unit = "degC"
value = 30.0

[[quantity]]
name = "lifetime"
title = "Lifetime"
pv = "T:L"
unit = "h"
value = 20.0

[[quantity]]
name = "flux"
title = "Flux"
pv = "T:F"
unit = "ph/s"
value = 1e12

[[subsystem]]
name = "rf"
title = "RF"
units = 2

[[subsystem.mode]]
name = "trip"
effect = "dump"
mtbf_h = 60.0
repair = {median_h = 0.5, sigma = 0.5}

[[subsystem.mode]]
name = "tube"
effect = "distort"
mtbf_h = 150.0
shape = 2.0
ages = "always"
repair = {median_h = 2.0, sigma = 0.5}

[[beamline]]
name = "mx"
title = "MX"
flux = "flux"
exchange_min = 2.0
exposure_min = 4.0
experiments_per_week = 7.0
samples_per_experiment = 100
"""

FACILITY = parse(TEXT)


def smooth(current, voltage, water):
    """Lifetime [h] and flux [ph/s]: curved in the knobs, so that no linear model fits them."""
    lifetime = 20.0 * np.exp(-0.8 * (voltage - 2.2) ** 2) * (200.0 / current) ** 0.8
    flux = 1e12 * (current / 200.0) * (1.0 + 0.4 * np.sin(2.0 * voltage)) * (1.0 - 0.02 * (water - 30.0))
    return lifetime, flux


def record(hours=2400, seed=0, noise=0.02, drift=0.0, every_h=24.0) -> Record:
    """A log: random settings every ``every_h``, hourly quantities with relative noise and a random walk.

    Trips: rate 1/30 per h times exp(0.5 * standardised voltage); each takes half an hour.
    """
    rng = np.random.default_rng(seed)
    change = np.arange(0.0, hours, every_h)
    current, voltage = rng.uniform(120, 280, len(change)), rng.uniform(1.2, 2.8, len(change))
    time = np.arange(hours) + 0.5
    block = np.minimum((time // every_h).astype(int), len(change) - 1)
    water = 30.0 + np.sin(time / 50.0) + 0.2 * rng.normal(size=hours)
    lifetime, flux = smooth(current[block], voltage[block], water)
    walk = np.exp(drift * np.cumsum(rng.normal(size=(2, hours)), axis=1))
    lifetime, flux = (
        q * w * np.exp(noise * rng.normal(size=hours)) for q, w in ((lifetime, walk[0]), (flux, walk[1]))
    )
    rate = np.exp(0.5 * (voltage[block] - 2.0) / 0.46) / 30.0
    start = np.flatnonzero(rng.uniform(size=hours) < rate) + rng.uniform(0.0, 0.5)
    start = start[start < hours - 1]
    faults = {
        "process": np.full(len(start), "rf.trip"), "start_h": start, "repair_start_h": start,
        "end_h": start + 0.5,
        "cause": np.full(len(start), ""), "comment": np.full(len(start), ""),
    }  # fmt: skip
    state_h = np.concatenate([[0.0], np.stack([start, start + 0.5], 1).ravel()])
    state = np.concatenate([[2.0], np.tile([0.0, 2.0], len(start))])
    channels = [
        Channel("current", change, current, "mA", "setpoint"),
        Channel("voltage", change, voltage, "MV", "setpoint"),
        Channel("water", time, water, "degC", "condition"),
        Channel("lifetime", time, lifetime, "h", "quantity"),
        Channel("flux", time, flux, "ph/s", "quantity"),
        Channel("beam_state", state_h, state, "", "state"),
    ]
    return Record(
        "toy-ring", "2026-01-01T00:00:00Z", float(hours), {c.name: c for c in channels}, {"faults": faults}
    )

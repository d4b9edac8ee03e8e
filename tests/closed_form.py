"""Cases with an exact answer: a small facility, what is read off its tallies, and the formula's value."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from twin import Facility, reference
from twin.draws import draw
from twin.facility import parse
from twin.nominal import nominal
from twin.outcome import Tally
from twin.plant import build
from twin.scenario import ahead

TOY = """
name = "toy"
title = "A toy"
kind = "linac"
[beam]
restart_h = {restart_h}
[[knob]]
name = "charge"
title = "Charge"
pv = "Q"
unit = "pC"
low = 1.0
high = 300.0
value = 200.0
ramp_per_h = 60.0
[[quantity]]
name = "flux"
title = "Flux"
pv = "F"
unit = "uJ"
value = 500.0
[schedule]
user_h_per_year = 5000
{blocks}
[[beamline]]
name = "line"
title = "Line"
flux = "flux"
exchange_min = 6.0
exposure_min = 12.0
experiments_per_week = 1e-6
samples_per_experiment = 1e6
"""
ALWAYS_USERS = """
[[schedule.block]]
phase = "user"
hours = 1e6
"""


def toy(text: str, restart_h: float = 0.0, blocks: str = ALWAYS_USERS) -> Facility:
    """A linac with one beamline and always users; ``text`` brings its subsystems, crews, gates, spares."""
    return parse(TOY.format(restart_h=restart_h, blocks=blocks) + text)


def subsystem(name: str, units: int = 1, extra: str = "", **mode) -> str:
    """TOML of a subsystem with one mode ``m``: exponential, fixed repair of 1 h, ageing always."""
    keys = {
        "effect": '"dump"',
        "mtbf_h": 100.0,
        "ages": '"always"',
        "repair": "{ law = 'exponential', mean_h = 1.0 }",
    }
    lines = "\n".join(f"{key} = {value}" for key, value in (keys | mode).items() if value is not None)
    head = f'[[subsystem]]\nname = "{name}"\ntitle = "{name}"\nunits = {units}\n{extra}\n'
    return f'{head}[[subsystem.mode]]\nname = "m"\n{lines}\n'


@dataclass(frozen=True)
class Case:
    """One case: ``read`` gives a figure [R] from the tallies of R runs, whose mean should be ``exact``."""

    name: str
    formula: str  # in words or symbols, with its source where it is not elementary
    facility: Facility
    read: Callable[[Tally], np.ndarray]
    exact: float
    hours: float = 20_000.0
    runs: int = 32
    lives: int = 1024
    bias: float = 0.0  # what a finite horizon may shift the mean by, from theory
    charge: tuple[float, ...] = (200.0,)  # the toy's knob in epochs of equal length, [pC]


def estimate(case: Case, simulate=reference.simulate, seed: int = 1) -> tuple[float, float]:
    """(mean, standard error of the mean) of the case's figure by an engine."""
    draws = draw(case.facility, case.runs, case.lives, 4, seed)
    epochs = np.array(case.charge)[:, None]
    scene = ahead(case.facility, case.hours, case.hours / len(epochs), epochs)
    tally = simulate(build(case.facility), nominal(case.facility), draws, scene)
    assert not np.any(tally.exhausted), f"{case.name}: draws used up; give more lives"
    seen = np.asarray(case.read(tally), float)
    return float(seen.mean()), float(seen.std(ddof=1) / np.sqrt(len(seen)))


def availability(tally: Tally) -> np.ndarray:
    return tally.delivered_h / tally.user_h


def units_down(*processes: int) -> Callable[[Tally], np.ndarray]:
    """Mean number of units down, over the processes named by index."""
    return lambda tally: tally.down_h[:, list(processes)].sum(-1) / tally.user_h


def stationary(rates: dict[tuple, float]) -> dict:
    """Exact stationary probabilities of a Markov chain from its rates {(from, to): 1/h}."""
    states = sorted({state for pair in rates for state in pair}, key=repr)
    place = {state: i for i, state in enumerate(states)}
    generator = np.zeros((len(states), len(states)))
    for (a, b), rate in rates.items():
        generator[place[a], place[b]] += rate
    generator -= np.diag(generator.sum(1))
    kernel = linalg.null_space(generator.T)
    assert kernel.shape[1] == 1, re.sub(r"\s+", " ", f"the chain has {kernel.shape[1]} closed classes")
    return dict(zip(states, kernel[:, 0] / kernel.sum(), strict=True))

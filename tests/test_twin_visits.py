"""Experiments of a beamline: booked or at random, with doses of their own, urgent ones first."""

import math

import numpy as np
import pytest
from closed_form import ALWAYS_USERS, TOY

from twin import UserError, reference
from twin.draws import draw
from twin.facility import parse
from twin.nominal import nominal
from twin.plant import build
from twin.scenario import ahead

NONE_COME = "experiments_per_week = 1e-6\nsamples_per_experiment = 1e6\n"
SAMPLE_H = 0.1, 0.2
SHARES = np.r_[0.05, np.full(9, 0.1), 0.05]
SIZES = np.arange(5, 16)
"""Samples of an experiment of mean 10 and their chances: 10 (1/2 + uniform), rounded."""
PER_WEEK, SIGMA, URGENT = 33.6, 0.8, 0.3


def facility(arrivals: str):
    """The toy linac, never failing, with these arrivals at its beamline."""
    assert NONE_COME in TOY
    return parse(TOY.format(restart_h=0.0, blocks=ALWAYS_USERS).replace(NONE_COME, arrivals))


def played(text: str, hours: float, runs: int = 1, experiments: int = 64):
    """The runs of a facility, with their traces."""
    described = facility(text)
    plant, law, scene = build(described), nominal(described), ahead(described, hours, hours)
    draws, made = draw(described, runs, 8, experiments, 5), []
    for r in range(runs):
        run = reference.start(plant, draws.run(r), scene.calendar)
        run.advance(law, scene.settings[0], scene.conditions[0], hours)
        assert not run.exhausted
        made.append(run)
    return made


def met(values: list[float], exact: float) -> bool:
    """Is the exact value within 4.5 standard errors of the runs' mean?"""
    return abs(np.mean(values) - exact) < 4.5 * np.std(values, ddof=1) / math.sqrt(len(values))


def test_booked_experiments_come_at_their_hours_and_are_measured_in_turn():
    visits = "\n".join(f"[[beamline.visit]]\nstart_h = {h}\nsamples = 10" for h in (5.0, 0.0, 6.0))
    run = played(visits, 24.0)[0]
    came = [event.at_h for event in run.trace if event.kind == "arrive"]
    emptied = [event.at_h for event in run.trace if event.kind == "empty"]
    assert came == [0.0, 5.0, 6.0]
    assert emptied == pytest.approx([3.0, 11.0], abs=1e-9)
    assert run.tally().experiments.tolist() == [3]


def test_booked_experiments_come_again_in_every_round_of_the_schedule():
    blocks = '[[schedule.block]]\nphase = "user"\nhours = 100.0\n'
    visit = "[[beamline.visit]]\nstart_h = 30.0\nsamples = 2\n"
    described = parse(TOY.replace(NONE_COME, visit).format(restart_h=0.0, blocks=blocks))
    assert draw(described, 2, 4, 4, 0).arrive_h[1, 0].tolist() == [30.0, 130.0, 230.0, 330.0]


def queue(urgent: float, sigma: float) -> str:
    keys = f"experiments_per_week = {PER_WEEK}\nsamples_per_experiment = 10\n"
    return keys + f"dose_sigma = {sigma}\nurgent_share = {urgent}\n"


def service_moments(sigma: float) -> tuple[float, float]:
    """E[S], E[S^2] of an experiment: n samples of exchange and exposure times a dose of mean 1."""
    exchange_h, exposure_h = SAMPLE_H
    first = exchange_h + exposure_h
    second = exchange_h**2 + 2 * exchange_h * exposure_h + exposure_h**2 * math.exp(sigma**2)
    return float(SHARES @ SIZES) * first, float(SHARES @ SIZES**2) * second


def waits(run) -> dict[int, float]:
    """Hours each finished experiment waited for its turn."""
    arrive, ended, began = run.draws.arrive_h[0], {}, 0.0
    order = [(event.life, event.at_h) for event in run.trace if event.kind == "finished"]
    for experiment, at_h in order:
        ended[experiment] = max(began - arrive[experiment], 0.0)
        began = at_h
    return ended


def test_the_wait_for_beam_is_that_of_a_queue_with_general_service():
    """Pollaczek-Khinchine: W = lambda E[S^2] / (2 (1 - rho))."""
    rate = PER_WEEK / 168.0
    first, second = service_moments(SIGMA)
    runs = played(queue(0.0, SIGMA), 4000.0, 24, 1024)
    assert met([np.mean(list(waits(r).values())) for r in runs], rate * second / 2 / (1 - rate * first))


def test_urgent_experiments_wait_less_by_the_priority_formula():
    """Cobham (1954), non-preemptive: W1 = W0 / (1 - rho1), W2 = W0 / ((1 - rho1)(1 - rho))."""
    rate = PER_WEEK / 168.0
    first, second = service_moments(SIGMA)
    residual, busy = rate * second / 2, rate * first
    for_urgent = residual / (1 - URGENT * busy)
    seen = {True: [], False: []}
    for run in played(queue(URGENT, SIGMA), 4000.0, 24, 1024):
        row = run.streams.rows["urgent line"]
        waited = waits(run)
        for urgent in seen:
            seen[urgent].append(np.mean([w for e, w in waited.items() if (row[e] < URGENT) == urgent]))
    assert met(seen[True], for_urgent)
    assert met(seen[False], for_urgent / (1 - busy))


def test_a_beamline_without_special_experiments_counts_the_same_either_way():
    """Doses all alike and none urgent but by a chance of nothing: the plain queue's counts."""
    plain = played(queue(0.0, 0.0), 500.0, 1, 256)[0].tally()
    alike = played(queue(0.0, 1e-9), 500.0, 1, 256)[0].tally()
    assert plain.experiments.tolist() == alike.experiments.tolist()
    assert plain.samples == pytest.approx(alike.samples, abs=1)


@pytest.mark.parametrize(
    "arrivals", ["", "experiments_per_week = 3\n", NONE_COME + "visit = [{start_h=0, samples=1}]\n"]
)
def test_arrivals_given_twice_or_not_at_all_are_an_error_in_words(arrivals):
    with pytest.raises(
        UserError, match="give either experiments_per_week and samples_per_experiment, or visit"
    ):
        facility(arrivals)


def test_a_visit_beyond_the_schedules_round_is_an_error_in_words():
    with pytest.raises(
        UserError, match="visit: start_h = 2e\\+06 is not within the schedule's period of 1e\\+06 h"
    ):
        facility("visit = [{start_h = 2e6, samples = 1}]\n")
